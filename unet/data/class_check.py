"""What `unet check` shows of a folder with classes: their table, and what does not fit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from unet.data.class_reading import ClassReading
from unet.pictures.classes import SegmentClass, hex_colour


@dataclass(frozen=True)
class ClassShare:
    """How much of a data folder is of a class."""

    row: SegmentClass
    colour: str  # #rrggbb, as results show it
    pixels: float  # share of all known pixels, 0..1
    pictures: float  # share of the pictures that have it, 0..1


def class_shares(reading: ClassReading, counts: dict[str, np.ndarray]) -> tuple[list[ClassShare], float]:
    """The share of each class, and that of the pixels that count nowhere, from the counts of each picture."""
    every = np.array(list(counts.values()))  # (pictures, classes + 1)
    pixels = every.sum(axis=0)
    known = max(int(pixels[:-1].sum()), 1)
    colours = [hex_colour((r, g, b)) for r, g, b in reading.table.colours.tolist()]
    rows = [
        ClassShare(row, colour, float(pixels[label] / known), float((every[:, label] > 0).mean()))
        for label, (row, colour) in enumerate(zip(reading.table.classes, colours, strict=True))
    ]
    return rows, float(pixels[-1] / max(int(pixels.sum()), 1))


def describe_classes(reading: ClassReading, counts: dict[str, np.ndarray]) -> list[str]:
    """The table in lines, and below it the ids without a name and the names without a pixel."""
    rows, void = class_shares(reading, counts)
    width = max(len(row.row.name) for row in rows)
    lines = [f"classes     {'id':>5}  {'name':<{width}}  colour   pixels  pictures"]
    lines += [
        f"            {s.row.id:>5}  {s.row.name:<{width}}  {s.colour}  {s.pixels:6.2%}  {s.pictures:7.1%}"
        for s in rows
    ]
    lines.append(f"unknown     {void:.2%} of the pixels count nowhere")
    if reading.nameless:
        lines.append(f"nameless    these ids have no class: {', '.join(map(str, reading.nameless))}")
    if missing := [s.row.name for s in rows if not s.pictures]:
        lines.append(f"missing     these classes have no pixel: {', '.join(missing)}")
    return lines


def classes_json(reading: ClassReading, counts: dict[str, np.ndarray]) -> dict[str, Any]:
    """The same as JSON values; shares are 0..1."""
    rows, void = class_shares(reading, counts)
    return {
        "classes": [
            {"id": s.row.id, "name": s.row.name, "color": s.colour, "pixels": s.pixels, "pictures": s.pictures}
            for s in rows
        ],
        "void": [row.as_json() for row in reading.table.void],
        "unknown": void,
        "nameless": list(reading.nameless),
        "missing": [s.row.name for s in rows if not s.pictures],
    }

"""`unet check`: what a data folder holds and how its masks are read, as text, JSON and a sheet of overlays."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from unet.data.class_check import classes_json, describe_classes
from unet.data.class_reading import ClassReading
from unet.data.duplicates import near_duplicates
from unet.data.inspect import DataFolder
from unet.data.pair import Pair, load_resized
from unet.data.reading import UNKNOWN
from unet.data.split import list_names
from unet.errors import ConfigError

SHEET_PICTURES = 24
COLUMNS = 6
CELL = 200  # pixels of a picture's longer side on the sheet
CAPTION = 16  # pixels below it
GREY = (128, 128, 128)  # of unknown beside classes, which may be yellow
TINTS = {1: (230, 40, 90), UNKNOWN: (250, 210, 0)}  # of foreground and unknown


def as_json(found: DataFolder) -> str:
    """The report as one JSON object; paths are relative to the folder."""
    content = {
        "reading": found.reading.as_json(),
        "layout": found.layout,
        "values": found.values,
        **(classes_json(reading, found.counts) if isinstance(reading := found.reading, ClassReading) else {}),
        "split": found.split,
        "pairs": [_pair_json(found, pair) for pair in found.pairs],
        "left_out": found.left_out,
        "duplicates": near_duplicates(found.thumbnails),
    }
    return json.dumps(content, indent=1)  # in ASCII, which every console shows and every program reads


def _pair_json(found: DataFolder, pair: Pair) -> dict[str, object]:
    image, *masks = (path.relative_to(found.root).as_posix() for path in (pair.image, *pair.masks))
    row: dict[str, object] = {"image": image, "mask": masks[0]}
    if not isinstance(found.reading, ClassReading):
        row["foreground"] = round(found.shares[pair.stem], 6)
    return {**row, "more_masks": masks[1:]} if masks[1:] else row


def describe_folder(found: DataFolder) -> str:
    """What was found, in lines for the log: layout, reading, values and shares of foreground or of the classes."""
    lines = [
        f"layout      {found.layout}: {len(found.pairs)} pairs",
        f"masks       {found.reading}",
        f"why         {found.reading.why}",
        f"values      {found.values}",
    ]
    if isinstance(found.reading, ClassReading):
        lines += describe_classes(found.reading, found.counts)
    else:
        lines += _describe_foreground(found)
    if found.joined:
        lines.append(f"joined      {len(found.joined)} pictures have several masks, joined: {_some(found.joined)}")
    if found.split is not None:
        lines.append(f"split       given: {', '.join(f'{part} {len(names)}' for part, names in found.split.items())}")
    if found.left_out:
        lines.append(f"left out    {list_names(found.left_out)}")
    return "\n".join(lines)


def _describe_foreground(found: DataFolder) -> list[str]:
    shares = sorted(found.shares.values())
    lines = [f"foreground  {shares[0]:.1%} to {shares[-1]:.1%} of a picture, median {float(np.median(shares)):.1%}"]
    if found.empty:
        lines.append(f"empty       {len(found.empty)} pictures without foreground: {_some(found.empty)}")
    if found.unused_classes:
        name = found.unused_classes.relative_to(found.root).as_posix()
        lines.append(f"classes     {name} lists classes, which --classes auto would use")
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def as_text(found: DataFolder) -> str:
    """The report as text: `describe_folder`, and near-duplicates as lines for groups.txt."""
    lines = [describe_folder(found)]
    if groups := near_duplicates(found.thumbnails):
        lines += ["", "near-duplicates, as lines for groups.txt, which keeps them in one part of the split:"]
        lines += [
            " ".join(f'"{stem}"' if " " in stem or stem.startswith("#") else stem for stem in group) for group in groups
        ]
    return "\n".join(lines)


def save_sheet(found: DataFolder, path: Path) -> None:
    """Write a sheet of overlays, evenly chosen: foreground red and unknown yellow, or classes in their colours.

    Beside classes, unknown is grey. Below each stand its stem and its share of foreground, or its number of classes.

    Raises:
        ConfigError: The file cannot be written.
    """
    chosen = found.pairs[:: -(-len(found.pairs) // SHEET_PICTURES)]
    rows = -(-len(chosen) // COLUMNS)
    step = (CELL + 4, CELL + CAPTION)
    sheet = Image.new("RGB", (min(len(chosen), COLUMNS) * step[0], rows * step[1]), "white")
    draw = ImageDraw.Draw(sheet)
    for number, pair in enumerate(chosen):
        x, y = number % COLUMNS * step[0], number // COLUMNS * step[1]
        sheet.paste(_overlay(pair), (x, y))
        name = pair.stem if len(pair.stem) <= 22 else f"...{pair.stem[-19:]}"
        caption = f"{name}: {_measure(found, pair.stem)}".encode("latin-1", "replace").decode("latin-1")
        draw.text((x + 2, y + CELL + 2), caption, "black")
    try:
        sheet.save(path, "PNG")
    except OSError as error:
        raise ConfigError(f"the sheet {path} could not be written ({error.strerror or error})") from error


def _measure(found: DataFolder, stem: str) -> str:
    if isinstance(found.reading, ClassReading):
        return f"{np.count_nonzero(found.counts[stem][:-1])} classes"
    return f"{found.shares[stem]:.1%}"


def _overlay(pair: Pair) -> Image.Image:
    """The picture, tinted by its labels, at most `CELL` pixels wide and high."""
    rgb, labels = load_resized(pair)
    scale = CELL / max(labels.shape)
    height, width = (max(1, round(side * scale)) for side in labels.shape)
    small = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BOX)).astype(np.float32)
    target = np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST))
    tints: dict[int, Sequence[int]] = {**TINTS}
    if isinstance(pair.reading, ClassReading):
        tints = {**dict(enumerate(pair.reading.table.colours.tolist())), UNKNOWN: GREY}
    for label, tint in tints.items():
        small[target == label] = small[target == label] / 2 + np.array(tint, np.float32) / 2
    return Image.fromarray(small.astype(np.uint8))

"""The classes of a data folder as label tools write them down.

Ours, `classes.txt`, has a line `[ID] NAME [#RRGGBB]` for each class; without ids, it has its line's number, from 0.
LabelMe's lists (`labels.txt`, `class_names.txt`) are the same without ids; an `__ignore__` before all others has no id
of its own there. CVAT's `labelmap.txt` has lines `name:r,g,b:parts:actions` (docs.cvat.ai, "Segmentation Mask"), and
Roboflow's `_classes.csv` the columns "Pixel Value, Class", in each of train/, valid/ and test/.
"""

import csv
import re
from pathlib import Path

from unet.data.texts import read_utf8
from unet.errors import ConfigError, DataError
from unet.pictures.class_colours import Colour
from unet.pictures.classes import BACKGROUND, ClassTable, SegmentClass, parse_hex_colour, split_void

CLASS_FILES = ("classes.txt", "class_names.txt", "labels.txt", "labelmap.txt", "_classes.csv")
DEPTH = 2  # folders below the data folder in which they are looked for
FORM = "a line is [ID] NAME [#RRGGBB]"
_IGNORE_ID = 255  # of a first line __ignore__
_LINE = re.compile(r"(?:(?P<id>\d+)[\s:,]+)?(?P<name>.+?)(?:[\s,]+(?P<colour>#[0-9a-fA-F]{6}))?")
_NUMBERS = re.compile(r"(?<![\w.])(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?![\w.])")
_OTHER_HEX = re.compile(r"[\s,]#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{8})$")
_CVAT = re.compile(r"(?P<name>[^:]+):(?P<colour>[^:]*):[^:]*:[^:]*")


def find_class_files(root: Path) -> list[Path]:
    """The file with the classes of the data folder `root`, in it or in folders of its parts; all, if they differ."""
    for pattern in ("", *("*/" * depth for depth in range(1, DEPTH + 1))):
        for name in CLASS_FILES:
            found = sorted(path for path in root.glob(pattern + name) if path.is_file())
            if found:
                return found if len({path.read_bytes() for path in found}) > 1 else found[:1]
    return []


def read_class_file(path: Path) -> ClassTable:
    """The classes that a file lists, of any kind that this module knows.

    Raises:
        DataError: As `read_class_rows`; or the classes are too few, too many, or cannot be told apart.
    """
    rows = read_class_rows(path)
    try:
        return split_void(rows)
    except ConfigError as error:
        raise DataError(f"the classes {path}: {error}") from error


def read_class_rows(path: Path) -> list[SegmentClass]:
    """The rows of a list of classes, those that count nowhere among them.

    Raises:
        DataError: The file cannot be read, or is none of the kinds that this module knows.
    """
    text = read_utf8(path, "the list of classes")
    try:
        if path.suffix.lower() == ".csv":
            return _csv_rows(text)
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        if lines and all(_CVAT.fullmatch(line) for line in lines):
            return [_cvat_row(number, line) for number, line in enumerate(lines)]
        return _rows(lines)
    except ConfigError as error:
        raise DataError(f"the classes {path}: {error}") from error


def _named(name: str) -> str:
    """The name of a class, without LabelMe's underscores around background."""
    return BACKGROUND if name == f"_{BACKGROUND}_" else name


def _rows(lines: list[str]) -> list[SegmentClass]:
    for line in lines:
        numbers = _NUMBERS.search(line)
        if numbers or _OTHER_HEX.search(line):
            levels = [int(level) for level in numbers.groups()] if numbers else []
            form = "#" + bytes(levels).hex() if levels and max(levels) <= 255 else "#rrggbb"
            raise ConfigError(f"the colour in {line!r} would be read as part of the name; write it as {form} ({FORM})")
    matches = [match for line in lines if (match := _LINE.fullmatch(line))]
    numbered = [match["id"] is not None for match in matches]
    if any(numbered) and not all(numbered):
        bare = matches[numbered.index(False)][0]
        raise ConfigError(f"some lines begin with an id, but not {bare!r}; give all of them one, or none ({FORM})")
    first = matches and not any(numbered) and matches[0]["name"].lower() == "__ignore__"
    rows = []
    for number, match in enumerate(matches):
        place = _IGNORE_ID if first and not number else number - bool(first)
        colour = parse_hex_colour(match["colour"]) if match["colour"] else None
        rows.append(SegmentClass(int(match["id"] or place), _named(match["name"]), colour))
    return rows


def _cvat_row(number: int, line: str) -> SegmentClass:
    match = _CVAT.fullmatch(line)
    assert match is not None
    channels = [part.strip() for part in match["colour"].split(",")] if match["colour"].strip() else []
    if channels and not (len(channels) == 3 and all(c.isdecimal() and int(c) <= 255 for c in channels)):
        raise ConfigError(f"{line!r} has no colour r,g,b of 0 to 255")
    red, green, blue = map(int, channels) if channels else voc_colour(number)
    return SegmentClass(number, _named(match["name"].strip()), (red, green, blue))


def _csv_rows(text: str) -> list[SegmentClass]:
    rows = []
    for cells in csv.reader(text.splitlines()):
        words = [cell.strip() for cell in cells]
        if len(words) == 2 and words[0].isdecimal() and words[1]:
            rows.append(SegmentClass(int(words[0]), _named(words[1])))
        elif any(words) and rows:  # not the headline
            raise ConfigError(f"{', '.join(cells)!r} is no line of a value and a name")
    return rows


def voc_colour(index: int) -> Colour:
    """The colour of PASCAL VOC's palette at `index`, 0..255: the bits of the index in turn, highest first."""
    red = green = blue = 0
    for bit in range(7, -1, -1):
        red, green, blue = red | (index & 1) << bit, green | (index >> 1 & 1) << bit, blue | (index >> 2 & 1) << bit
        index >>= 3
    return red, green, blue

"""The classes of a folder and how its masks are read: by ids or by colours, as all of them together tell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from unet.data import convention
from unet.data.class_files import find_class_files, read_class_file
from unet.data.class_reading import (
    COLOURS,
    IDS,
    NEAR,
    VOID_ID,
    AnyReading,
    ClassReading,
    by_colour,
    colour_codes,
    colour_of,
)
from unet.data.contents import MaskContent
from unet.data.convention import MIXED, are_mixed, describe_values, refusal, totals
from unet.data.mask_files import VOC_VOID, channels
from unet.data.options import AUTO, COLOUR, DataOptions, parse_value
from unet.errors import ConfigError, DataError
from unet.pictures.classes import MAX_CLASSES, ClassTable, SegmentClass, hex_colour

LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")
WAYS = "export the masks as PNG without smoothing, or list the classes in a file: --classes FILE"
Contents = Sequence[MaskContent]


def decide_reading(contents: Contents, options: DataOptions, folder: str, root: Path | None = None) -> AnyReading:
    """How masks are read: with classes if the options say so, as background and foreground otherwise.

    `folder` is its name in messages; `root` is where a file with its classes may lie.

    Raises:
        DataError: As `unet.data.convention.decide`; or the classes are unknown, or do not explain the masks.
    """
    if options.classes is None:
        return convention.decide(contents, options, folder)
    unknown = tuple(map(parse_value, options.unknown))
    told, source = _told(options.classes, root)
    try:
        guess = _from_masks(contents, unknown, folder) if told is None else _Guess(told, *_fit(contents, told, unknown))
    except ConfigError as error:
        raise refusal(folder, contents, str(error), WAYS) from error
    reading = ClassReading(guess.rule, guess.table, tuple(sorted(unknown)), why=f"{guess.why}; {source}")
    return _checked(reading, contents, folder)


def misfit(reading: AnyReading, content: MaskContent) -> str | None:
    """Why a mask that came later does not fit the reading, or None if it does."""
    if not isinstance(reading, ClassReading):
        return convention.misfit(reading, content)
    coloured = content.coloured and reading.rule == IDS
    if not coloured and not reading.strange(reading.seen(content)).any():
        return None
    return f"it holds {describe_values([content])}, and the masks before it are read so: {reading}"


@dataclass(frozen=True)
class _Guess:
    """What explains the masks."""

    table: ClassTable
    rule: str
    why: str


def _told(classes: str | ClassTable, root: Path | None) -> tuple[ClassTable | None, str]:
    """The table that is told, or None, and where it comes from in words."""
    if isinstance(classes, ClassTable):
        return classes, "the classes are given"
    if classes == AUTO:
        found = find_class_files(root) if root else []
        if not found:
            return None, "the classes are those that the masks hold"
        names = [path.relative_to(root).as_posix() for path in found] if root else []
        if len(found) > 1:
            raise DataError(f"{root} has different lists of classes: {', '.join(names)}; choose one: --classes FILE")
        return read_class_file(found[0]), f"the classes are those of {names[0]}"
    path = Path(classes)
    if root is not None and not path.exists() and (root / path).is_file():
        path = root / path
    return read_class_file(path), f"the classes are those of {path.name}"


def _fit(contents: Contents, table: ClassTable, unknown: tuple[int, ...]) -> tuple[str, str]:
    """By which rule a table explains the masks, and why."""
    colours = colour_codes(table)
    seen = totals([by_colour(content) for content in contents])[0]
    if any(content.coloured for content in contents):
        if not all(c.colour for c in table.classes):
            raise ConfigError("they have colours, but the list of classes has not one for each")
        return COLOURS, "they have colours"
    if not all(c.colour for c in table.classes):
        return IDS, "they have values or indices of a palette, and the classes have no colours"
    by_id = ClassReading(IDS, table, unknown)
    values = totals(contents)[0]
    palettes = any(content.palette is not None for content in contents)
    if palettes:
        fits = not ClassReading(COLOURS, table, unknown).strange(seen).any()
    else:  # a grey value near black or white may as well be an id
        fits = set(seen.tolist()) <= {*colours, *unknown}
    if fits and (palettes or VOID_ID in values or by_id.strange(values).any()):
        return COLOURS, "all their colours are those of classes"
    return IDS, "they have values or indices of a palette that are no colours of the classes"


def _checked(reading: ClassReading, contents: Contents, folder: str) -> ClassReading:
    """The reading, with the ids that the table lacks.

    Raises:
        DataError: There are other colours than those of the table, or no pixel is of a class.
    """
    pixels: Counter[int] = Counter()
    for content in contents:
        codes = reading.seen(content)
        strange = reading.strange(codes)
        pixels.update(dict(zip(codes[strange].tolist(), content.counts[strange].tolist(), strict=True)))
    known = sum(int(reading.counts(content)[:-1].sum()) for content in contents)
    if pixels and (reading.rule == COLOURS or not known):
        total = sum(content.pixels for content in contents)
        worst = ", ".join(f"{_shown(code)} ({count / total:.2%})" for code, count in pixels.most_common(5))
        what = f"a colour within {NEAR} levels" if reading.rule == COLOURS else "the id"
        mixtures = f"; {MIXED}?" if len(pixels) > len(reading.table) else ""
        reason = f"no class has {what} of {len(pixels)} of their values: {worst}{mixtures}"
        raise refusal(folder, [by_colour(content) for content in contents], reason, WAYS)
    if not known:
        raise refusal(folder, contents, f"no pixel is of a class (read so: {reading})", WAYS)
    return ClassReading(reading.rule, reading.table, reading.unknown, tuple(sorted(pixels)), reading.why)


def refuse_nameless(reading: AnyReading, folder: str) -> None:
    """Refuse masks with ids that have no name, which `check` merely shows.

    Raises:
        DataError: There are such ids; lists them.
    """
    if isinstance(reading, ClassReading) and reading.nameless:
        ids = ", ".join(map(str, reading.nameless))
        raise DataError(
            f"the masks of {folder} have ids without a class: {ids}; the classes are "
            f"{', '.join(f'{c.id} {c.name}' for c in reading.table.classes)}; add a line for each, such as "
            f"`{reading.nameless[0]} void` if its pixels are to count nowhere"
        )


def _shown(code: int) -> str:
    return hex_colour(colour_of(code)) if code >= COLOUR else str(code)


def _from_masks(contents: Contents, unknown: tuple[int, ...], folder: str) -> _Guess:
    """The classes that the masks hold: every value, index of a palette, or colour."""
    if lossy := [content.name for content in contents if PurePath(content.name).suffix.lower() in LOSSY]:
        raise refusal(folder, contents, f"{lossy[0]} is a JPEG, which changes values along contours", WAYS)
    coloured = any(content.coloured for content in contents)
    palette = None if coloured else _common_palette(contents)
    if coloured or (palette is None and any(content.palette is not None for content in contents)):
        shown = [by_colour(content).without((*unknown, VOC_VOID)) for content in contents]
        _refuse_mixtures(shown, folder)
        found = sorted(_apart(shown))
        rows = [SegmentClass(n, hex_colour(colour_of(code)), colour_of(code)) for n, code in enumerate(found)]
        return _Guess(ClassTable(tuple(rows)), COLOURS, "they have colours" if coloured else "their palettes differ")
    rest = [content.without((*unknown, VOID_ID)) for content in contents]
    _refuse_mixtures(rest, folder)
    ids = totals(rest)[0].tolist()
    if ids == [0] and VOID_ID in totals(contents)[0] and palette is None:
        raise ConfigError("0 and 255 alone are background and foreground, which needs no --classes")
    colours = [colour_of(int(palette[id])) for id in ids] if palette is not None else []
    told = len(set(colours)) == len(ids) and any(len(set(colour)) > 1 for colour in colours)
    classes = [SegmentClass(id, f"class {id}", colours[n] if told else None) for n, id in enumerate(ids)]
    return _Guess(ClassTable(tuple(classes)), IDS, "they have values or indices of a palette")


def _refuse_mixtures(contents: Contents, folder: str) -> None:
    if are_mixed(contents) or len(totals(contents)[0]) > MAX_CLASSES:
        count = len(totals(contents)[0])
        raise refusal(folder, contents, f"they have {count} values; {MIXED}, or they are photographs", WAYS)


def _common_palette(contents: Contents) -> np.ndarray | None:
    """(256,) The codes of the palette in which all files agree as far as they use it; None if they do not."""
    common = np.full(256, -1, np.int64)
    for content in contents:
        if content.palette is None or int(content.codes[-1]) > 255:
            return None
        own = content.palette[content.codes]
        if ((common[content.codes] != -1) & (common[content.codes] != own)).any():
            return None
        common[content.codes] = own
    return np.maximum(common, 0)


def _apart(contents: Contents) -> list[int]:
    """The commonest colours, each more than `NEAR` levels from all commoner ones."""
    codes, counts = totals(contents)
    kept: list[int] = []
    for code in codes[np.argsort(-counts, kind="stable")]:
        distances = np.abs(channels(np.array([code])) - channels(np.array(kept, np.int64))).max(axis=-1, initial=0)
        if not kept or distances.min() > NEAR:
            kept.append(int(code))
    return kept

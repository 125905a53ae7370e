"""The classes of a folder and how its masks are read: by ids or by colours, as all of them together tell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from unet.data import convention
from unet.data.class_lists import class_of_colour, class_of_id, refuse_other_list, told_classes
from unet.data.class_palettes import NO_PALETTE, agreed_palette, doubtful_grey
from unet.data.class_reading import COLOURS, IDS, NEAR, VOID_ID, AnyReading, ClassReading, by_colour, colour_of
from unet.data.contents import MaskContent
from unet.data.convention import describe_values, refusal, refuse_absent
from unet.data.mask_files import VOC_VOID, channels, have_colour
from unet.data.mixtures import MIXED, are_mixed, totals
from unet.data.options import COLOUR, DataOptions, parse_value
from unet.errors import ConfigError, DataError
from unet.pictures.classes import MAX_CLASSES, ClassTable, hex_colour

LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif")
WAYS = "export the masks as PNG without smoothing, or list the classes in a file: --classes FILE"
ONE_WAY = "save all masks in one way"
Contents = Sequence[MaskContent]
Palette = tuple[int, ...]  # as `agreed_palette` gives it


def decide_reading(contents: Contents, options: DataOptions, folder: str, root: Path | None = None) -> AnyReading:
    """How masks are read: with classes if the options say so, as background and foreground otherwise.

    `folder` is its name in messages; `root` is where a file with its classes may lie.

    Raises:
        DataError: As `unet.data.convention.decide`; the classes are unknown, do not explain the masks, or contradict
            the folder's own list; or no mask has a value that is to count nowhere.
    """
    if options.classes is None:
        return convention.decide(contents, options, folder)
    unknown = tuple(sorted(map(parse_value, options.unknown)))
    told, source = told_classes(options.classes, root)
    palette = _id_palette(contents, folder)
    try:
        if told is None:
            guess = _from_masks(contents, unknown, palette, folder)
        else:
            guess = _fit(contents, told, unknown, palette, folder)
    except ConfigError as error:
        raise refusal(folder, contents, str(error), WAYS) from error
    shown = [by_colour(content) for content in contents] if guess.rule == COLOURS else contents
    if options.extra:
        unknown = tuple(code for code in unknown if code in totals(shown)[0])
    refuse_absent(shown, unknown, folder)
    reading = ClassReading(guess.rule, guess.table, unknown, palette=guess.palette, why=f"{guess.why}; {source}")
    reading = _checked(reading, contents, folder)
    if root is not None and isinstance(options.classes, ClassTable):
        refuse_other_list(reading, root)
    return reading


def misfit(reading: AnyReading, content: MaskContent) -> str | None:
    """Why a mask that came later does not fit the reading, or None if it does."""
    if not isinstance(reading, ClassReading):
        return convention.misfit(reading, content)
    if reading.rule == IDS and agreed_palette([content], reading.palette) is None:
        return "the indices of its palette have other colours than in the masks before it"
    if reading.rule == IDS and (reason := doubtful_grey(content, reading.palette)):
        return reason
    coloured = content.coloured and reading.rule == IDS
    if not coloured and not reading.strange(content).any():
        return None
    return f"it holds {describe_values([content])}, and the masks before it are read so: {reading}"


@dataclass(frozen=True)
class _Guess:
    """What explains the masks."""

    table: ClassTable
    rule: str
    why: str
    palette: Palette = NO_PALETTE


def _fit(
    contents: Contents, table: ClassTable, unknown: tuple[int, ...], palette: Palette | None, folder: str
) -> _Guess:
    """By which rule a table explains the masks."""
    missing = next((c.name for c in table.classes if not c.colour), None)
    if palette is None:
        why = _why_colours(contents)
        if missing:
            reason = f"{why}, but the list of classes has not a colour for each, such as {missing}"
            raise refusal(folder, contents, reason, "add the colours to the list, or save the masks as grey ids")
        return _Guess(table, COLOURS, why)
    by_ids = _Guess(table, IDS, "they have values or indices of a palette, and the classes have no colours", palette)
    if missing:
        return by_ids
    colours, ids = (ClassReading(rule, table, unknown) for rule in (COLOURS, IDS))
    fits, known = (not any(rule.strange(content).any() for content in contents) for rule in (colours, ids))
    used = [code for code in palette if code != -1]
    # Greys alone may as well be ids, and so may indices of which the palette shows two alike.
    tell = len(set(used)) == len(used) if used else VOID_ID in totals(contents)[0]
    if fits and (tell or not known):
        return _Guess(table, COLOURS, "all their colours are those of classes")
    why = "which ids explain" if fits else "not all of whose colours are those of classes"
    return replace(by_ids, why=f"they have values or indices of a palette, {why}")


def _id_palette(contents: Contents, folder: str) -> Palette | None:
    """The palette whose indices may be ids, as `agreed_palette`; None if the masks go by their colours.

    Raises:
        DataError: A grey of a mask without a palette may be an id or a colour.
    """
    palette = None if any(content.coloured for content in contents) else agreed_palette(contents)
    if palette is not None:
        for content in contents:
            if doubt := doubtful_grey(content, palette):
                raise refusal(folder, contents, doubt, ONE_WAY)
    return palette


def _why_colours(contents: Contents) -> str:
    return "they have colours" if any(content.coloured for content in contents) else "their palettes differ"


def _checked(reading: ClassReading, contents: Contents, folder: str) -> ClassReading:
    """The reading, with the ids that the table lacks.

    Raises:
        DataError: There are other colours than those of the table, or no pixel is of a class.
    """
    pixels: Counter[int] = Counter()
    odd: list[MaskContent] = []
    for content in contents:
        strange = reading.strange(content)
        odd += [content] if strange.any() else []
        for code, count in zip(reading.seen(content)[strange].tolist(), content.counts[strange].tolist(), strict=True):
            pixels[code] += count
    known = sum(int(reading.counts(content)[:-1].sum()) for content in contents)
    if pixels and (reading.rule == COLOURS or not known):
        total = sum(content.pixels for content in contents)
        worst = ", ".join(f"{_shown(code)} ({count / total:.2%})" for code, count in pixels.most_common(5))
        what, because, way = "ids", f"; {MIXED}?" if len(pixels) > len(reading.table) else "", WAYS
        if reading.rule == COLOURS:
            what = f"colours (which may differ by {NEAR} levels, but by less than half way to another class's)"
            if greys := [content.name for content in odd if not content.coloured and content.palette is None]:
                because, way = f"; {greys[0]} has greys alone, which must be exact", ONE_WAY
        reason = f"{len(pixels)} of their values are no class's {what}: {worst}{because}"
        raise refusal(folder, [by_colour(content) for content in contents], reason, way)
    if not known:
        raise refusal(folder, contents, f"no pixel is of a class (read so: {reading})", WAYS)
    return replace(reading, nameless=tuple(sorted(pixels)))


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


def _from_masks(contents: Contents, unknown: tuple[int, ...], palette: Palette | None, folder: str) -> _Guess:
    """The classes that the masks hold: every value, index of a palette, or colour."""
    if lossy := [content.name for content in contents if PurePath(content.name).suffix.lower() in LOSSY]:
        raise refusal(folder, contents, f"{lossy[0]} is a JPEG, which changes values along contours", WAYS)
    if palette is None:
        void = (VOC_VOID, *unknown)
        shown = [by_colour(c).without(void) for c in contents if c.rgb or c.palette is not None]
        _refuse_mixtures(shown, folder)
        rows = [class_of_colour(number, code) for number, code in enumerate(sorted(_apart(shown, void)))]
        return _Guess(ClassTable(tuple(rows)), COLOURS, _why_colours(contents))
    rest = [content.without((*unknown, VOID_ID)) for content in contents]
    _refuse_mixtures(rest, folder)
    ids = totals(rest)[0].tolist()
    if ids == [0] and VOID_ID in totals(contents)[0] and palette == NO_PALETTE:
        raise ConfigError("0 and 255 alone are background and foreground, which needs no --classes")
    colours = {id: colour_of(palette[id]) for id in ids if id < len(palette) and palette[id] != -1}
    told = len(set(colours.values())) == len(colours) and any(len(set(colour)) > 1 for colour in colours.values())
    classes = [class_of_id(id, colours.get(id) if told else None) for id in ids]
    return _Guess(ClassTable(tuple(classes)), IDS, "they have values or indices of a palette", palette)


def _refuse_mixtures(contents: Contents, folder: str) -> None:
    if are_mixed(contents) or len(totals(contents)[0]) > MAX_CLASSES:
        count = len(totals(contents)[0])
        raise refusal(folder, contents, f"they have {count} values; {MIXED}, or they are photographs", WAYS)


def _apart(contents: Contents, void: tuple[int, ...]) -> list[int]:
    """The commonest colours, each more than `NEAR` levels from all commoner ones and from `void`."""
    codes, counts = totals(contents)
    first = [code for code in void if have_colour(code)]
    kept = [*first]
    for code in codes[np.argsort(-counts, kind="stable")]:
        distances = np.abs(channels(np.array([code])) - channels(np.array(kept, np.int64))).max(axis=-1)
        if distances.min() > NEAR:
            kept.append(int(code))
    return kept[len(first) :]

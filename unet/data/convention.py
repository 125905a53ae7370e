"""The convention of a folder's masks: the first rule that fits all of them, or a refusal that says what they hold."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unet.data.contents import BAND, TRIMAP, WIDE_IDS, WIDE_SCALE, MaskContent
from unet.data.mask_files import MOST_IDS, VOC_VOID
from unet.data.mixtures import MAX_FLAT, MIN_REGIONS, MIXED, are_mixed, reach, totals
from unet.data.options import COLOUR, DataOptions, parse_value, value_name
from unet.data.reading import BRIGHT, DARK, Reading
from unet.errors import DataError

MAX_AWAY = 0.1  # share of a folder's pixels that may be greys away from contours, for a reading by brightness
MAX_PLATEAUS = 0.1  # share of the pixels that are not nearly black that may be areas of nearly one grey
MAX_GREYS = 0.3  # share of them that may be other greys than 0 and 255 at all
MAX_AWAY_IN_FILE = 0.25  # share of one file's pixels that may be greys away from contours
MIN_FLAT_COLOURS = 0.6  # share of pixels that lie within areas of one colour
MIN_FLAT_MANY = 0.9  # the same, where most files have more than `MANY_COLOURS`
MANY_COLOURS = 256
MIN_TRIMAP = 0.0005  # share of pixels that lie within areas of a trimap's middle grey
MAX_ALONE = 0.1  # share of the pixels of thin regions that have no neighbour of their value; of sparse noise, most have
MIN_EVIDENCE = 200  # pixels from which noise can be told from regions
_LISTED = 8  # values in a message
_VOID = 255  # of ids
MIN_DARK = 0.3  # share of nearly black pixels from which colours that change are those of masks, not of photographs
WAYS = "say what they mean with --foreground and --unknown (values or colours)"


def decide(contents: Sequence[MaskContent], options: DataOptions, folder: str, *, one_sided: bool = False) -> Reading:
    """The reading of a folder's masks. `folder` is its name in messages.

    With `one_sided`, masks may all be without foreground or all without background.

    Raises:
        DataError: No rule fits, no mask has foreground, or none has background; names the values, their shares and the
            option that says what they mean.
    """
    unknown = tuple(map(parse_value, options.unknown))
    foreground = tuple(map(parse_value, options.foreground))
    if options.extra:
        present = set(totals(contents)[0].tolist())
        unknown, foreground = (tuple(c for c in codes if c in present) for codes in (unknown, foreground))
    refuse_absent(contents, foreground + unknown, folder)
    rest = [content.without(unknown) for content in contents] if unknown else list(contents)
    if foreground:
        near = reach(contents, foreground + unknown)
        why = f"so say the options; {MIXED}" if near else "so say the options"
        reading = Reading("options", foreground, near=near, why=why)
    elif any(content.alpha_varies for content in contents) and _alpha_fits(contents, folder):
        reading, unknown = _alpha(contents), ()
    elif any(content.coloured for content in rest):
        reading = _colours(rest, folder)
    else:
        reading = _greys(rest, folder)
    reading = replace(reading, unknown=tuple(sorted({*reading.unknown, *unknown})), inverted=options.invert_masks)
    if not one_sided:
        _refuse_one_sided(reading, contents, folder)
    return reading


def describe_values(contents: Sequence[MaskContent]) -> str:
    """The commonest values of the masks and their shares of all pixels, such as "0 (80 %), 255 (20 %)"."""
    codes, counts = totals(contents)
    total = sum(content.pixels for content in contents)
    order = np.argsort(-counts, kind="stable")
    shown = [f"{bracketed(int(codes[i]))} ({counts[i] / max(total, 1):.1%})" for i in order[:_LISTED]]
    return ", ".join(shown) + (f" and {len(codes) - _LISTED} more" if len(codes) > _LISTED else "")


def misfit(reading: Reading, content: MaskContent) -> str | None:
    """Why a mask that came later does not fit the reading, or None if it does."""
    rest = content.without(reading.unknown)
    greys = int(rest.codes[-1]) if len(rest.codes) else 0
    wrong = {
        "value": not set(rest.codes.tolist()) <= {0, *reading.foreground},
        "ids": rest.coloured or greys >= (WIDE_IDS if content.wide else MOST_IDS),
        "ids or brightness": rest.coloured or not set(rest.codes[rest.codes >= MOST_IDS].tolist()) <= {255},
        "brightness": rest.coloured or _odd_greys(content) or (greys < MOST_IDS and _is_region(rest)),
        "alpha": not content.layer,
        "alpha value": not content.layer or not _alpha([content]).foreground,
        "colours": rest.flat.sum() < MIN_FLAT_COLOURS / 2 * rest.pixels,
    }.get(reading.rule, False)
    if not wrong:
        return None
    return f"it holds {describe_values([content])}, and the masks before it are read so: {reading}"


def _odd_greys(content: MaskContent) -> bool:
    return content.away > MAX_AWAY_IN_FILE or content.plateaus > MAX_PLATEAUS


def bracketed(code: int) -> str:
    """A value, or a colour in brackets, in a message."""
    return value_name(code) if code < COLOUR else f"({value_name(code)})"


def refusal(folder: str, contents: Sequence[MaskContent], reason: str, way: str = WAYS) -> DataError:
    """The error of masks that cannot be read, with their values and the way out."""
    return DataError(
        f"the masks of {folder} cannot be read: {reason}; their values are {describe_values(contents)}; {way}"
    )


def refuse_absent(contents: Sequence[MaskContent], codes: Sequence[int], folder: str) -> None:
    """Refuse values of the options that no mask has.

    Raises:
        DataError: There are such values; names them and those that there are.
    """
    present = set(totals(contents)[0].tolist())
    if absent := [bracketed(code) for code in codes if code not in present]:
        values = describe_values(contents)
        raise DataError(f"no mask of {folder} has {' or '.join(absent)}, which the options name; they hold {values}")


def _refuse_one_sided(reading: Reading, contents: Sequence[MaskContent], folder: str) -> None:
    background, foreground, _ = np.sum([reading.counts(content) for content in contents], axis=0)
    for count, kind, likely in (
        (foreground, "foreground", "an export that failed, or a filter of labels that kept none"),
        (background, "background", "the alpha of opaque pictures, or an inverted export that is empty"),
    ):
        if not count:
            way = f"{likely}? Export them again, or {WAYS}, or --invert-masks"
            raise refusal(folder, contents, f"no mask has {kind} (read so: {reading})", way)


def _alpha_fits(contents: Sequence[MaskContent], folder: str) -> bool:
    """Whether the alpha is the mask in every file; False if the colours tell as well, whatever the alpha is."""
    if all(content.layer for content in contents):
        return True
    odd = next(content for content in contents if not content.layer)
    if not odd.alpha_varies and any(content.layer and content.alpha_varies for content in contents):
        reason = f"some have their mask in the alpha channel, but {odd.name} has colours that are not its picture's"
        raise refusal(folder, contents, reason, "keep masks of one kind in the folder, or " + WAYS)
    reason = f"the alpha of {odd.name} varies over colours that are neither one colour nor the picture's"
    raise refusal(folder, contents, reason)


def _alpha(contents: Sequence[MaskContent]) -> Reading:
    why = "the alpha varies over one colour or the picture's own colours"
    alphas = set(np.flatnonzero(sum(content.alpha for content in contents if content.alpha is not None)).tolist())
    opaque = any(content.alpha is None for content in contents)
    if len(alphas) == 2 and 0 in alphas and DARK <= max(alphas) <= BRIGHT and not opaque:  # a layer of half opacity
        return Reading("alpha value", (max(alphas),), why=why)
    return Reading("alpha", why=why)


def _colours(contents: Sequence[MaskContent], folder: str) -> Reading:
    pixels = sum(content.pixels for content in contents)
    flat = sum(int(content.flat.sum()) for content in contents) / pixels
    many = 2 * sum(len(content.codes) > MANY_COLOURS for content in contents) > len(contents)
    if flat < (MIN_FLAT_MANY if many else MIN_FLAT_COLOURS):
        reason = "colours change everywhere, as in photographs (perhaps pictures and masks have changed places)"
        if sum(int(c.counts[c.codes <= BAND].sum()) for c in contents) > MIN_DARK * pixels:
            raise refusal(folder, contents, MIXED, f"export them as PNG without smoothing, or {WAYS}")
        raise refusal(folder, contents, reason, f"name the folder of the masks with --masks, or {WAYS}")
    with_black = sum(content.codes[0] == 0 for content in contents if len(content.codes))
    if 2 * with_black < len(contents):
        raise refusal(folder, contents, "they have colours, but black, which would be background, is not among them")
    codes, _ = totals(contents)
    if are_mixed(contents):
        raise refusal(folder, contents, MIXED, f"export them as PNG without smoothing, or {WAYS}")
    return Reading("colours", unknown=(VOC_VOID,) * bool(VOC_VOID in codes), why="they have colours, black among them")


def _greys(contents: Sequence[MaskContent], folder: str) -> Reading:
    wide = max((int(c.codes[-1]) for c in contents if c.wide and len(c.codes)), default=0)
    scaled = wide >= WIDE_IDS
    codes, _ = totals(contents)
    values = set(codes.tolist())
    others = values - {0}
    noise = bool(values) and max(values) <= BAND and len(others) > 0 and not _is_region(*contents)
    if len(others) <= 1 and not noise:
        if others and 0 not in values and others != {255}:
            return Reading("value", tuple(others), why="they have one value and no other")
        return Reading("value", tuple(others), why="they have one value beside 0") if others else Reading("ids")
    if 255 < wide < WIDE_IDS:
        return _ids(contents, folder, f"16-bit values up to {wide}")
    small = {value for value in others if value < MOST_IDS}
    if not scaled and not noise and others - small <= {_VOID} and small:
        low = [c for c in contents if len(c.codes) and set(c.codes.tolist()) & small]
        if others == small or max(small) > BAND or _is_region(*low):
            return _small_values(contents, low, folder)
    try:
        return _brightness(contents, folder, scaled)
    except DataError:
        if 0 < wide < WIDE_IDS and all(content.wide for content in contents):
            return _ids(contents, folder, f"16-bit values up to {wide}")
        raise


def _ids(contents: Sequence[MaskContent], folder: str, why: str, unknown: tuple[int, ...] = ()) -> Reading:
    if 2 * sum(len(c.codes) > 0 and c.codes[0] == 0 for c in contents) < len(contents):
        raise refusal(folder, contents, "they look like ids, but 0, which would be background, is missing or rare")
    return Reading("ids", unknown=unknown, why=why)


def _small_values(contents: Sequence[MaskContent], low: Sequence[MaskContent], folder: str) -> Reading:
    """Values below `MOST_IDS`, with or without 255; `low` are the files that have such values besides 0."""
    voids = [content for content in low if content.codes[-1] == _VOID]
    bright = [content for content in contents if content.codes[-1] == _VOID and len(content.codes) <= 2]
    bright = [content for content in bright if set(content.codes.tolist()) <= {0, _VOID}]
    if not voids and not bright:
        return _ids(contents, folder, f"all values are below {MOST_IDS}")
    if not bright:
        return _ids(contents, folder, f"255 stands beside values below {MOST_IDS}", (_VOID,))
    if voids:
        reason = f"255 stands beside ids in {voids[0].name}, but alone in {bright[0].name}, foreground or unknown"
        raise refusal(folder, contents, reason)
    if noisy := [content for content in low if not _is_region(content)]:
        reason = f"some hold 0 and 255, others ids, and {noisy[0].name} small values that form no areas"
        raise refusal(folder, contents, reason)
    return Reading("ids or brightness", why=f"{len(low)} masks hold ids, {len(bright)} hold 0 and 255")


def _is_region(*contents: MaskContent) -> bool:
    """Whether the small values above 0 form areas or lines, as objects do and noise does not, and 0 areas around."""
    sums = np.zeros((2, 2), np.int64)  # of 0 and of the others: pixels, and those that lie within areas
    for content in contents:
        for row, chosen in enumerate((content.codes == 0, (content.codes > 0) & (content.codes < MOST_IDS))):
            sums[row] += content.counts[chosen].sum(), content.flat[chosen].sum()
    (zeros, flat_zeros), (others, flat_others) = sums.tolist()
    alone = sum(content.alone for content in contents)
    if zeros + others < MIN_EVIDENCE:
        return True
    return flat_zeros >= zeros / 2 and (flat_others >= MIN_REGIONS * others or alone <= MAX_ALONE * others)


def _brightness(contents: Sequence[MaskContent], folder: str, scaled: bool) -> Reading:
    scale = [WIDE_SCALE if scaled and content.wide else 1 for content in contents]
    levels = [np.rint(content.codes / s) for content, s in zip(contents, scale, strict=True)]
    pixels = sum(content.pixels for content in contents)
    others = [(v > BAND) & (v < 255 - BAND) & ~((v >= TRIMAP[0]) & (v <= TRIMAP[1])) for v in levels]
    greys = sum(int(c.counts[o].sum()) for c, o in zip(contents, others, strict=True)) / pixels
    flat = sum(int(c.flat[o].sum()) for c, o in zip(contents, others, strict=True)) / pixels
    away = sum(content.away * content.pixels for content in contents) / pixels
    plateaus = sum(content.plateaus * content.pixels for content in contents) / pixels
    lit = sum(int(c.counts[v > BAND].sum()) for c, v in zip(contents, levels, strict=True)) / pixels
    dark, bright = any((v <= BAND).any() for v in levels), any((v >= 255 - BAND).any() for v in levels)
    trimap = _trimap(contents, levels, pixels)
    odd = [content for content in contents if content.away > MAX_AWAY_IN_FILE]
    if 0 < 2 * len(odd) < len(contents):
        reason = f"{odd[0].name} has greys away from contours over {odd[0].away:.0%} of it, as a photograph has"
        raise refusal(folder, contents, reason)
    if greys > MAX_GREYS or (away > MAX_AWAY and flat <= MAX_FLAT):
        reason = f"{max(greys, away):.0%} of them are greys away from contours, as in photographs"
        raise refusal(folder, contents, reason, f"name the folder of the masks with --masks, or {WAYS}")
    ids = bool(trimap) and max(int(v[-1]) for v in levels if len(v)) < 255  # such as 0, 127 and 254
    if max(flat, plateaus) > MAX_FLAT or plateaus > MAX_PLATEAUS * lit or len(trimap) > 1 or ids:
        raise refusal(folder, contents, "they have areas of several greys")
    if not (dark and bright):
        raise refusal(folder, contents, f"they have several values, but {'no white' if dark else 'no black'}")
    if odd := [c for c, v in zip(contents, levels, strict=True) if len(v) and 0 < v[-1] < MOST_IDS and _is_region(c)]:
        reason = f"{odd[0].name} holds areas of small values, the others 0 and 255"
        raise refusal(folder, contents, reason)
    why = f"they hold 0 and 255 with other greys near contours only ({away:.1%} of the pixels are elsewhere)"
    if trimap:
        why = f"they hold 0, {trimap[0]} and 255, a trimap"
    return Reading("brightness", scaled=scaled, why=why)


def _trimap(contents: Sequence[MaskContent], levels: Sequence[np.ndarray], pixels: int) -> list[int]:
    """The middle greys of trimaps that have areas of their own."""
    middle = range(TRIMAP[0], TRIMAP[1] + 1)
    flat = {g: sum(int(c.flat[v == g].sum()) for c, v in zip(contents, levels, strict=True)) for g in middle}
    return [grey for grey, count in flat.items() if count > MIN_TRIMAP * pixels]

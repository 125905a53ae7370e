"""Results drawn from a probability map: mask, cut-out, overlay.

All arithmetic is in whole numbers, so that the viewer's JavaScript draws exactly the same pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unet.errors import ConfigError
from unet.pictures.decode import Picture
from unet.pictures.foreground import foreground_colours

KINDS = ("mask", "cutout", "overlay", "probability")
PROB_KINDS = ("mask", "probability", "prob")  # drawn from the probability map alone
OVERLAY_COLOR = (230, 57, 70)
OVERLAY_OPACITY = 0.5
MAX_SOFTNESS = 127  # levels of the probability map
SOFTNESS = 64
STRIP_PIXELS = 2**16  # drawn at a time
CONTRAST_LONGEST = 540  # blocks of the longer side in which the contrast of a probability map is measured
CONTRAST_REACH = 8  # blocks in each direction; 8 of 540 are about four pixels of what the network sees
OUTLINE_UNIT = 400  # pixels of the longer side for each pixel of an outline's width


@dataclass(frozen=True)
class Style:
    """How a result is drawn."""

    color: tuple[int, int, int] = OVERLAY_COLOR  # of the overlay, 0..255 each
    opacity: float = OVERLAY_OPACITY  # of the overlay, 0..1
    outline: bool = False  # whether the overlay's edge is drawn
    invert: bool = False  # whether foreground and background are swapped
    softness: int = SOFTNESS  # half the width of a cut-out's clear edge, in levels 0..MAX_SOFTNESS; 0 is a hard edge


DEFAULT_STYLE = Style()


def render(
    kind: str, picture: Picture, prob8: np.ndarray, threshold: float, style: Style = DEFAULT_STYLE
) -> np.ndarray:
    """Draw one kind of result, one of KINDS, of a picture and its `prob8` (H, W) uint8 at `threshold` (0..1).

    The kind "prob" is short for "probability". Where a cut-out is partly transparent, it has the foreground's own
    colours (see `unet.pictures.foreground`); inverted, it keeps the picture's.

    Returns:
        uint8, (H, W) for mask and probability, (H, W, 3) for the overlay, (H, W, 4) for the cut-out.

    Raises:
        ConfigError: The kind is unknown, or the threshold is outside 0..1.
    """
    if kind in ("prob", "probability"):
        return prob8
    if kind == "cutout":
        alpha = soft_alpha(prob8, threshold, style.softness)
        if style.invert:
            return cutout(picture, 255 - alpha)
        partly = alpha - np.uint8(1) < 254  # 0 wraps around
        return cutout(picture, alpha, cutout_colours(picture, prob8, partly) if partly.any() else None)
    if kind not in KINDS:
        raise ConfigError(f"the kind must be one of {', '.join(KINDS)}, not {kind!r}")
    mask = mask_from_prob(prob8, threshold)
    if style.invert:
        mask = 255 - mask
    if kind == "mask":
        return mask
    drawn = overlay(picture.rgb, mask, style.color, style.opacity)
    if style.outline:
        drawn[outline(mask, outline_width(*mask.shape)) > 0] = style.color
    return drawn


def check_threshold(threshold: float) -> float:
    """Return `threshold` as a float.

    Raises:
        ConfigError: It is not a number in 0..1.
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int | float | np.floating):
        raise ConfigError(f"the threshold must be a number in 0..1, not {threshold!r}")
    if not 0 <= threshold <= 1:  # NaN fails here, too
        raise ConfigError(f"the threshold must lie in 0..1, not {threshold}")
    return float(threshold)


def check_softness(softness: float) -> int:
    """Return `softness` as an int.

    Raises:
        ConfigError: It is not a whole number in 0..MAX_SOFTNESS.
    """
    number = isinstance(softness, int | float | np.number) and not isinstance(softness, bool)
    if not number or not 0 <= softness <= MAX_SOFTNESS or softness != int(softness):
        raise ConfigError(f"the softness must be a whole number in 0..{MAX_SOFTNESS}, not {softness!r}")
    return int(softness)


def mask_from_prob(prob8: np.ndarray, threshold: float) -> np.ndarray:
    """The one rule for masks: foreground, 255, where `prob8 >= 255 * threshold`, else 0; both (H, W) uint8.

    Raises:
        ConfigError: The threshold is outside 0..1.
    """
    # Levels are integers: comparing with the lowest one inside gives the same mask, much faster than a float does.
    lowest = math.ceil(255 * check_threshold(threshold))
    return np.where(prob8 >= lowest, np.uint8(255), np.uint8(0))


def foreground_share(mask: np.ndarray) -> float:
    """Share of foreground pixels, 0..1, in `mask` (H, W) of 0 and 255."""
    return float(np.count_nonzero(mask)) / mask.size


def cutout(picture: Picture, mask: np.ndarray, colours: np.ndarray | None = None) -> np.ndarray:
    """The picture with `mask`, (H, W) uint8, as its alpha, never above the picture's own: (H, W, 4) uint8.

    Its colours are those of the file, not composited on anything. Below 255 of the mask, `colours` (H, W, 3) uint8
    replace them. Where nothing is visible, the colour is 0, so that the file does not hold what was removed.
    """
    alpha = mask if picture.alpha is None else np.minimum(mask, picture.alpha)
    own, result = picture.own_colours, np.empty((*mask.shape, 4), np.uint8)
    for rows in _strips(mask):
        part, partly = result[rows], (mask[rows] < 255) & (alpha[rows] > 0)
        for channel in range(3):  # one after the other: numpy is slow where the last axis is short
            part[..., channel] = own[rows, :, channel]
            if colours is not None and partly.any():
                np.copyto(part[..., channel], colours[rows, :, channel], where=partly)
        part[..., 3] = alpha[rows]
        np.copyto(part.view(np.uint32)[..., 0], 0, where=alpha[rows] == 0)
    return result


def _strips(mask: np.ndarray) -> Iterator[slice]:
    """The rows of a picture in strips that fit into the processor's cache."""
    count = max(1, STRIP_PIXELS // mask.shape[1])
    return (slice(top, top + count) for top in range(0, mask.shape[0], count))


def cutout_colours(picture: Picture, prob8: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """The foreground's own colours (see `foreground_colours`); the file's, where it is transparent itself."""
    colours = foreground_colours(picture.rgb, prob8, where)
    if picture.alpha is not None and picture.straight is not None:
        np.copyto(colours, picture.straight, where=(picture.alpha < 255)[..., None])
    return colours


def overlay(
    rgb: np.ndarray, mask: np.ndarray, color: tuple[int, int, int] = OVERLAY_COLOR, opacity: float = OVERLAY_OPACITY
) -> np.ndarray:
    """The picture, (H, W, 3) uint8, with `mask` (H, W), 0 or 255, tinted in `color`, 0..255 each.

    Inside the mask a channel becomes `(v * (255 - a) + c * a + 127) // 255` with `a = floor(255 * opacity + 0.5)`,
    where `opacity` is 0..1.
    """
    a = math.floor(255 * opacity + 0.5)
    result = rgb.copy()
    tint = np.tile(np.array([value * a + 127 for value in color], np.uint16), mask.shape[1])  # (3 W,)
    for rows in _strips(mask):
        inside = mask[rows] > 0
        if inside.any():
            flat = result[rows].reshape(len(inside), -1)  # (strip, 3 W), a view
            x = flat * np.uint16(255 - a)
            x += tint
            x += (x >> 8) + np.uint16(1)
            x >>= 8  # x // 255, for x below 65535
            np.copyto(flat, x.astype(np.uint8), where=np.repeat(inside, 3, axis=1))
    return result


def soft_alpha(prob8: np.ndarray, threshold: float, softness: int) -> np.ndarray:
    """Alpha, (H, W) uint8, that rises linearly around the threshold instead of in one step, along clear edges.

    With `t = ceil(255 * threshold)`, the `contrast` c around a pixel and
    `w = min(softness, t, 255 - t) * c**2 // 255**2`, a level p of `prob8` (H, W) uint8 becomes
    `(255 * (p - t + w) + w) // (2 * w)`, clamped to 0..255. It is at least 128 exactly where the mask is 255. Where w
    is 0, it is the mask itself: what the network is unsure of over a wide area is shown or not, but not as a haze.
    `threshold` is 0..1; `softness`, 0..127, is half the width of a clear edge in levels.

    Raises:
        ConfigError: The threshold is outside 0..1.
    """
    alpha = mask_from_prob(prob8, threshold)
    lowest = math.ceil(255 * threshold)
    widest = min(softness, lowest, 255 - lowest)
    if widest == 0:
        return alpha
    above, width = np.arange(256) - lowest, np.arange(1, widest + 1)[:, None]
    tables = np.vstack(
        [np.where(above >= 0, 255, 0), ((255 * (above + width) + width) // (2 * width)).clip(0, 255)]
    ).astype(np.uint8)  # (widest + 1, 256)
    factor = _block(*prob8.shape)
    widths = widest * contrast(prob8).astype(np.int32) ** 2 // 255**2
    for rows in _strips(prob8):
        part = prob8[rows]
        # Levels that no width changes are left to the mask; those below wrap around.
        places = np.flatnonzero(part - np.uint8(lowest - widest) <= 2 * widest)
        y, x = np.divmod(places, part.shape[1])
        near = widths[(y + rows.start) // factor, x // factor]
        alpha[rows].reshape(-1)[places] = tables[near, part.reshape(-1)[places]]
    return alpha


def contrast(prob8: np.ndarray) -> np.ndarray:
    """Highest less lowest level around each block of a probability map, (h, w) uint8, of `prob8` (H, W) uint8.

    Blocks are squares of as many pixels as leave at most CONTRAST_LONGEST blocks to the longer side; those at the right
    and the bottom may be cut off. Around means in the square of CONTRAST_REACH blocks in every direction.
    """
    factor = _block(*prob8.shape)
    highest, lowest = (_extremes(prob8, factor, function) for function in (np.maximum, np.minimum))
    around: np.ndarray = highest - lowest
    return around


def _block(height: int, width: int) -> int:
    return -(-max(height, width) // CONTRAST_LONGEST)


def _extremes(prob8: np.ndarray, factor: int, function: np.ufunc) -> np.ndarray:
    """The extreme level within the reach of each block; `function` is np.maximum or np.minimum."""
    values = prob8
    for _ in range(2):  # rows, then columns
        found = values[::factor].copy()
        for offset in range(1, factor):  # much faster than a reduction over short axes
            part = values[offset::factor]
            function(found[: len(part)], part, out=found[: len(part)])
        values = found.T
    for _ in range(2):
        found = values.copy()
        for step in range(1, min(CONTRAST_REACH, len(values) - 1) + 1):
            function(found[step:], values[:-step], out=found[step:])
            function(found[:-step], values[step:], out=found[:-step])
        values = found.T
    return values


def outline_width(height: int, width: int) -> int:
    """Width of an outline in pixels, in proportion to the picture's size."""
    return max(1, (max(height, width) + OUTLINE_UNIT - 1) // OUTLINE_UNIT)


def outline(mask: np.ndarray, reach: int) -> np.ndarray:
    """The edge of a mask: its pixels with a pixel outside the mask within `reach` pixels in the same row or column.

    Both are (H, W) uint8, 0 or 255. `reach` is at least 1; the area beyond the picture's border is not outside.
    """
    inside = mask > 0
    core = inside.copy()
    for step in range(1, reach + 1):
        core[:, step:] &= inside[:, :-step]
        core[:, :-step] &= inside[:, step:]
        core[step:] &= inside[:-step]
        core[:-step] &= inside[step:]
    return np.where(inside & ~core, np.uint8(255), np.uint8(0))

"""The foreground's own colours along its edge, where a pixel of a photograph mixes them with the background's.

A cut-out that keeps the photograph's colours carries a rim of the old background. Here the colours on both sides of the
edge are estimated by blurring what is surely foreground and surely background, wide first, then closer (as blur fusion
does: Forte 2021, "Approximate Fast Foreground Colour Estimation", ICIP). How much background a pixel holds is then read
off its own colour, as its place on the line between the two, and not off the network's probability, whose edge is many
pixels wide in a large photograph: pixels that are foreground already stay as they are.
"""

import numpy as np
from PIL import Image

from unet.pictures.box_sums import box_sums

LONGEST = 1536  # pixels of the longer side of the copy in which the background's share is read off
SIDES_LONGEST = 540  # of the copy in which the colours of both sides are estimated
RADIUS = 4  # of the blur, in pixels of that copy, and of a third and a ninth of it: 4, 12 and 36 in all
LEVELS = 3
SQUARINGS = 3  # of the probability, whose 8th power weighs a pixel in the blur: nearly sure ones count
ENOUGH = 0.05  # mean weight from which a closer blur replaces a wider one
NOISE = 50.0  # squared levels; where both sides differ by less, the colour tells nothing
UNSURE = (8, 247)  # levels of prob8; beyond them a pixel is left as it is
TILE = 96  # pixels of the copy

Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside


def foreground_colours(rgb: np.ndarray, prob8: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """The picture with the background's share taken out of the colours along the edge.

    Args:
        rgb: (H, W, 3) uint8, the picture.
        prob8: (H, W) uint8, 255 times the probability of foreground.
        where: (H, W) bool, the pixels whose colours are wanted; by default all.

    Returns:
        (H, W, 3) uint8, equal to `rgb` wherever `prob8` lies outside `UNSURE` or `where` is False.
    """
    height, width = prob8.shape
    result, whole = rgb.copy(), Image.fromarray(rgb)
    copy = whole.reduce(_factor(prob8, LONGEST))
    sides: tuple[Image.Image, Image.Image] | None = None
    step = TILE * _factor(prob8, LONGEST)
    for top in range(0, height, step):
        for left in range(0, width, step):
            rows, columns = slice(top, min(top + step, height)), slice(left, min(left + step, width))
            prob = prob8[rows, columns]
            unsure = prob - np.uint8(UNSURE[0]) <= UNSURE[1] - UNSURE[0]  # levels below wrap around
            wanted = unsure if where is None else unsure & where[rows, columns]
            if wanted.any():
                sides = sides or _both_sides(whole, prob8)
                rows, columns, wanted = _shrunk(wanted, top, left)
                tile = (columns.start, rows.start, columns.stop, rows.stop)
                clean = _changes(copy, sides, tile, (width, height))
                clean += rgb[rows, columns]
                np.clip(clean, 0, 255, out=clean)
                for channel in range(3):  # one after the other: numpy is slow where the last axis is short
                    target = result[rows, columns, channel]
                    np.copyto(target, clean[..., channel], where=wanted, casting="unsafe")
    return result


def _factor(prob8: np.ndarray, longest: int) -> int:
    height, width = prob8.shape
    factor: int = -(-max(height, width) // longest)
    return factor


def _shrunk(wanted: np.ndarray, top: int, left: int) -> tuple[slice, slice, np.ndarray]:
    """Rows and columns of the picture that hold all of `wanted`, a tile at (`top`, `left`), and what is there of it."""
    down, across = (np.flatnonzero(wanted.any(axis=axis)).tolist() for axis in (1, 0))
    rows, columns = slice(down[0], down[-1] + 1), slice(across[0], across[-1] + 1)
    inside = wanted[rows, columns]
    return slice(top + rows.start, top + rows.stop), slice(left + columns.start, left + columns.stop), inside


def _changes(copy: Image.Image, sides: tuple[Image.Image, Image.Image], tile: Box, size: tuple[int, int]) -> np.ndarray:
    """What to add to the colours of a tile of the picture of `size` (width, height): (h, w, 3) int16."""
    left, top, right, bottom = _scaled(tile, size, copy)
    # One more pixel around, so that tiles meet without a seam.
    box = (
        max(int(left) - 1, 0),
        max(int(top) - 1, 0),
        min(int(right) + 2, copy.width),
        min(int(bottom) + 2, copy.height),
    )
    shape = (box[2] - box[0], box[3] - box[1])
    mixed = planes(copy.crop(box))  # (3, h', w')
    foreground, background = (
        planes(side.resize(shape, Image.Resampling.BILINEAR, _scaled(box, copy.size, side))) for side in sides
    )
    line = foreground - background
    mixed -= background
    along, length = (mixed * line).sum(axis=0), (line * line).sum(axis=0)
    share = np.clip(along / (length + NOISE), 0, 1)  # of the foreground
    line *= (1 - share) / 2
    halves = _picture(line + 128.5)  # -255..255 in steps of 2
    inner = (left - box[0], top - box[1], min(right - box[0], shape[0]), min(bottom - box[1], shape[1]))
    large = halves.resize((tile[2] - tile[0], tile[3] - tile[1]), Image.Resampling.BILINEAR, inner)
    changes: np.ndarray = np.array(large, dtype=np.int16)
    changes -= 128
    changes *= 2
    return changes


def planes(image: Image.Image) -> np.ndarray:
    """The channels of a picture one after the other: (3, h, w) float32."""
    return np.asarray(image).transpose(2, 0, 1).astype(np.float32, order="C")


def _scaled(box: Box, size: tuple[int, int], image: Image.Image) -> tuple[float, float, float, float]:
    """`box` of a picture of `size` (width, height) in pixels of its smaller copy `image`."""
    across, down = image.width / size[0], image.height / size[1]
    left, top, right, bottom = box
    return left * across, top * down, min(right * across, image.width), min(bottom * down, image.height)


def _picture(planes: np.ndarray) -> Image.Image:
    """The picture whose channels are `planes` (3, h, w), cut off at 0 and 255."""
    pixels = np.empty((*planes.shape[1:], 3), np.uint8)
    pixels[:] = np.clip(planes, 0, 255).transpose(1, 2, 0)
    return Image.fromarray(pixels)


def _both_sides(rgb: Image.Image, prob8: np.ndarray) -> tuple[Image.Image, Image.Image]:
    """Small RGB pictures of the colours that foreground and background have nearby."""
    factor = _factor(prob8, SIDES_LONGEST)
    small = planes(rgb.reduce(factor))  # (3, h, w)
    prob = np.asarray(Image.fromarray(prob8).reduce(factor), dtype=np.float32) / 255  # (h, w)
    return _nearby(small, prob), _nearby(small, 1 - prob)


def _nearby(rgb: np.ndarray, prob: np.ndarray) -> Image.Image:
    """The mean colour around each pixel of what is surely on one side, of the closest blur that finds enough of it.

    Args:
        rgb: (3, h, w) float32.
        prob: (h, w) float32, the probability of that side, 0..1.
    """
    weight = prob
    for _ in range(SQUARINGS):  # much faster than a power
        weight = weight * weight
    levels = [np.concatenate([rgb * weight, weight[None]])]  # each (4, h, w)
    while len(levels) < LEVELS and min(levels[-1].shape[1:]) >= 3:
        levels.append(_third(levels[-1]))
    mean = levels[0].mean((1, 2))  # (4,)
    colours = np.broadcast_to((mean[:3] / max(float(mean[3]), 1e-6))[:, None, None], (3, *levels[-1].shape[1:]))
    for level in reversed(levels):
        height, width = level.shape[1:]
        if colours.shape[1:] != (height, width):
            colours = colours.repeat(3, axis=1).repeat(3, axis=2)
            colours = np.pad(colours, ((0, 0), (0, 2), (0, 2)), mode="edge")[:, :height, :width]
        sums = box_sums(level, RADIUS)
        trust = np.minimum(sums[3] / ((2 * RADIUS + 1) ** 2 * ENOUGH), 1)
        closer = sums[:3]
        closer /= np.maximum(sums[3], 1e-6)
        closer -= colours
        closer *= trust
        closer += colours
        colours = closer
    return _picture(colours + 0.5)


def _third(values: np.ndarray) -> np.ndarray:
    """Means of 3 x 3 pixels of (c, h, w); what is left over at the right and the bottom is dropped."""
    height, width = values.shape[1] // 3 * 3, values.shape[2] // 3 * 3
    rows = values[:, 0:height:3] + values[:, 1:height:3] + values[:, 2:height:3]
    means: np.ndarray = rows[..., 0:width:3] + rows[..., 1:width:3] + rows[..., 2:width:3]
    means /= 9
    return means

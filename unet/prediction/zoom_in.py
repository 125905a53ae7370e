"""A second, closer look at the object that was found, and how both views become one map (numpy and Pillow).

The picture shrinks to the network's size, and a small object to a few pixels. Where the object is small, the network
also sees it cut out with some surroundings, and both results are averaged. For clicks this is zoom-in as in f-BRS and
RITM (Sofiiuk et al. 2020, arXiv:2001.10331; 2021, arXiv:2102.06583), where the closer view replaces the first. Without
clicks nobody has said what the object is, so the closer view leaves more of its surroundings in sight.
"""

import math
from collections.abc import Sequence

import numpy as np

from unet.pictures.clicks import FOREGROUND, Click
from unet.prediction.upsampling import resize_map

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the picture; right and bottom are outside

SURROUNDINGS = 2.0  # side of the view relative to that of the object
CLICKED_SURROUNDINGS = 1.4  # the same where clicks have marked the object
SMALLEST = 0.25  # smallest side of the view relative to that of the picture
LARGEST = 0.7  # share of the picture's area above which a closer view shows nothing new
CLICKED_LARGEST = 0.6


def focus_box(prob: np.ndarray, clicks: Sequence[Click], size: tuple[int, int], threshold: float) -> Box | None:
    """The box of the closer view, around the mask and the foreground clicks.

    `prob` (h, w) are probabilities of the whole picture, whose height and width are `size` and in whose pixels the
    clicks are; `threshold` is that of the mask, 0..1. None if there is neither mask nor foreground click, or if the
    box would cover most of the picture.
    """
    marked = [click for click in clicks if click.label == FOREGROUND]
    mask = prob >= threshold
    if not marked and not mask.any():
        return None
    surroundings, largest = (CLICKED_SURROUNDINGS, CLICKED_LARGEST) if marked else (SURROUNDINGS, LARGEST)
    ranges = []
    for axis, values in ((0, [click.y for click in marked]), (1, [click.x for click in marked])):
        scale = size[axis] / prob.shape[axis]
        covered = np.flatnonzero(mask.any(axis=1 - axis))
        ends = [*values, *(np.array([covered[0], covered[-1] + 1]) * scale if len(covered) else [])]
        side = max((max(ends) - min(ends)) * surroundings, size[axis] * SMALLEST)
        middle = (max(ends) + min(ends)) / 2
        ranges.append(_within(int(middle - side / 2), math.ceil(middle + side / 2), size[axis]))
    (top, bottom), (left, right) = ranges
    if (bottom - top) * (right - left) > largest * size[0] * size[1]:
        return None
    return left, top, right, bottom


def _within(start: int, end: int, length: int) -> tuple[int, int]:
    """The pixels `start` to `end` that lie in 0 to `length`; at the border no fewer than `SMALLEST` of it."""
    least = math.ceil(SMALLEST * length)
    start, end = max(0, start), min(length, end)
    return (min(start, length - least), end) if end == length else (start, max(end, start + least))


def clicks_within(clicks: Sequence[Click], box: Box) -> list[Click]:
    """The clicks inside `box`, in pixels relative to its corner."""
    left, top, right, bottom = box
    inside = [click for click in clicks if left <= click.x < right and top <= click.y < bottom]
    return [Click(click.x - left, click.y - top, click.label) for click in inside]


def merge_views(whole: np.ndarray, close: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """The mean of both views at the resolution of the closer one, which counts as background outside its box.

    Probabilities, float32, of the whole picture (h, w) and of the closer view (h, w) become (h', w'), at most
    1 / `SMALLEST` times as high and wide. `size` is the picture's height and width.
    """
    left, top, right, bottom = box
    height = round(whole.shape[0] * size[0] / (bottom - top))
    width = round(whole.shape[1] * size[1] / (right - left))
    merged = resize_map(whole, (height, width)) / 2
    first_row, last_row = round(top * height / size[0]), round(bottom * height / size[0])
    first_column, last_column = round(left * width / size[1]), round(right * width / size[1])
    region = merged[first_row:last_row, first_column:last_column]
    region += resize_map(close, region.shape) / 2
    return merged

"""Clicks, the points that a user marks: checked, and drawn as maps for the network (numpy only).

Two maps, foreground and background, with a disk around each click, as in RITM (Sofiiuk et al. 2021,
arXiv:2102.06583).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unet.errors import ConfigError
from unet.json_values import is_number

FOREGROUND, BACKGROUND = 1, 0
DISK_RADIUS = 5  # pixels at the network's size
MAX_CLICKS = 100
CLICKS_EXAMPLE = '[{"x": 120, "y": 80, "label": 1}]'


@dataclass(frozen=True)
class Click:
    """A click at (x, y), pixels of the upright picture; label 1 = foreground, 0 = background."""

    x: float
    y: float
    label: int


def parse_clicks(text: str, width: int, height: int) -> tuple[Click, ...]:
    """Read clicks from JSON text.

    Raises:
        ConfigError: The text is not valid JSON, or `check_clicks` refuses the values.
    """
    try:
        entries = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(f"the clicks are not valid JSON; expected a list such as {CLICKS_EXAMPLE}, or []") from None
    return check_clicks(entries, width, height)


def check_clicks(entries: Any, width: int, height: int) -> tuple[Click, ...]:
    """Make clicks from plain values, `[{"x": 120, "y": 80, "label": 1}, ...]`.

    x and y are pixels of the upright picture, `width` x `height`; label is 1 (foreground) or 0 (background).

    Raises:
        ConfigError: The values do not have that form, or a click lies outside the picture.
    """
    if not isinstance(entries, list):
        raise ConfigError(f"the clicks must be a list such as {CLICKS_EXAMPLE}, or []")
    if len(entries) > MAX_CLICKS:
        raise ConfigError(f"{len(entries)} clicks are too many; the limit is {MAX_CLICKS}")
    clicks = tuple(_check_click(entry, number) for number, entry in enumerate(entries, start=1))
    check_inside(clicks, width, height)
    return clicks


def _check_click(entry: Any, number: int) -> Click:
    if not isinstance(entry, dict) or set(entry) != {"x", "y", "label"}:
        raise ConfigError(f"click {number} must have exactly x, y and label")
    x, y, label = entry["x"], entry["y"], entry["label"]
    if not (is_number(x) and is_number(y)):
        raise ConfigError(f"click {number}: x and y must be numbers")
    if isinstance(label, bool) or label not in (FOREGROUND, BACKGROUND):
        raise ConfigError(f"click {number}: label must be 1 (object) or 0 (background)")
    return Click(float(x), float(y), int(label))


def check_inside(clicks: Sequence[Click], width: int, height: int) -> None:
    """Refuse clicks outside a picture of that size.

    Raises:
        ConfigError: A click lies outside; the message names it and the picture's size.
    """
    for number, click in enumerate(clicks, start=1):
        if not (0 <= click.x < width and 0 <= click.y < height):
            point = f"({click.x:g}, {click.y:g})"
            raise ConfigError(f"click {number} at {point} lies outside the picture, {width} x {height} pixels")


def click_maps(
    clicks: Sequence[Click], picture_size: tuple[int, int], size: tuple[int, int], radius: float = DISK_RADIUS
) -> np.ndarray:
    """Disks around `clicks`, scaled from the picture to the network's size.

    Args:
        clicks: Clicks in pixels of the picture.
        picture_size, size: Height and width of the picture and of the maps.
        radius: Radius of the disks in pixels of the maps.

    Returns:
        (2, h, w) float32, 0 or 1: foreground clicks first, then background clicks.
    """
    height, width = size
    maps = np.zeros((2, height, width), dtype=np.float32)
    for click in clicks:
        # Pixel centres: picture pixel x spans [x, x + 1) of a continuous axis that is scaled as a whole.
        x = (click.x + 0.5) * width / picture_size[1] - 0.5
        y = (click.y + 0.5) * height / picture_size[0] - 0.5
        top, bottom = _within(y, radius, height)
        left, right = _within(x, radius, width)
        rows, columns = np.ogrid[top:bottom, left:right]
        disk = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        maps[0 if click.label == FOREGROUND else 1, top:bottom, left:right][disk] = 1
    return maps


def _within(centre: float, radius: float, length: int) -> tuple[int, int]:
    """The first of `length` pixels within `radius` of `centre`, and the one after the last."""
    return max(math.ceil(centre - radius), 0), min(math.floor(centre + radius) + 1, length)


def honour_clicks(prob8: np.ndarray, clicks: Sequence[Click]) -> None:
    """Make `prob8` (H, W), in place, agree with `clicks` at their own pixels; of several on one, the last wins.

    255 is inside the mask at every threshold, 0 outside at every threshold above 0.
    """
    height, width = prob8.shape
    for click in clicks:
        row, column = min(int(click.y), height - 1), min(int(click.x), width - 1)
        prob8[row, column] = 255 if click.label == FOREGROUND else 0

"""Clicks: what a visitor points at, as maps for the network (numpy only).

Two maps, foreground and background, with a disk around each click, as in RITM (Sofiiuk et al. 2021,
arXiv:2102.06583).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FOREGROUND, BACKGROUND = 1, 0
DISK_RADIUS = 5  # pixels at the network's size


@dataclass(frozen=True)
class Click:
    """A click at (x, y), pixels of the upright picture; label 1 = foreground, 0 = background."""

    x: float
    y: float
    label: int


def click_maps(
    clicks: Sequence[Click], picture_size: tuple[int, int], size: tuple[int, int], radius: float = DISK_RADIUS
) -> np.ndarray:
    """Disks around `clicks`, scaled from the picture to the network's size.

    Args:
        clicks: in pixels of the picture.
        picture_size: height and width of the picture.
        size: height and width of the maps.
        radius: of the disks, in pixels of the maps.

    Returns:
        (2, h, w) float32, 0 or 1: foreground clicks first, then background clicks.
    """
    height, width = size
    maps = np.zeros((2, height, width), dtype=np.float32)
    rows, columns = np.ogrid[:height, :width]
    for click in clicks:
        # Pixel centres: picture pixel x spans [x, x + 1) of a continuous axis that is scaled as a whole.
        x = (click.x + 0.5) * width / picture_size[1] - 0.5
        y = (click.y + 0.5) * height / picture_size[0] - 0.5
        disk = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2  # (h, w)
        maps[0 if click.label == FOREGROUND else 1][disk] = 1
    return maps


def honour_clicks(prob8: np.ndarray, clicks: Sequence[Click]) -> None:
    """Make `prob8` (H, W), in place, agree with `clicks` at their own pixels; of several on one, the last wins.

    255 is inside the mask at every threshold, 0 outside at every threshold above 0.
    """
    height, width = prob8.shape
    for click in clicks:
        row, column = min(int(click.y), height - 1), min(int(click.x), width - 1)
        prob8[row, column] = 255 if click.label == FOREGROUND else 0

"""Colours for classes that have none: as different as can be, also to those who see fewer colours."""

from collections.abc import Sequence
from functools import cache

import numpy as np

Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)  # of the background, so that it is not among the default colours
# Okabe and Ito 2008, "Color Universal Design" (jfly.uni-koeln.de/color).
OKABE_ITO: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
# How linear sRGB looks without the long, the middle or the short cones: Machado, Oliveira and Fernandes 2009, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", severity 1.
VISIONS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
)
_XYZ = np.array([[0.412456, 0.357576, 0.180438], [0.212673, 0.715152, 0.072175], [0.019334, 0.119192, 0.950304]])
_LEVELS = (0, 36, 73, 109, 146, 182, 219, 255)
_LIGHTNESS = (25, 92)  # of CIELAB; what is darker or lighter disappears on pictures or on a page


def seen_colours(colours: Sequence[Colour]) -> np.ndarray:
    """(4, n, 3): CIELAB of colours as they look to full vision and to each of three kinds of colour blindness."""
    rgb = np.array(colours, np.float64).reshape(-1, 3) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("vij,nj->vni", VISIONS, linear), 0, 1)
    xyz = np.einsum("ij,vnj->vni", _XYZ, seen) / _XYZ.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def default_colours(count: int, taken: Sequence[Colour] = ()) -> list[Colour]:
    """`count` colours, unlike black and those `taken`: Okabe and Ito's seven first, then each the farthest from all.

    The distance is that of CIELAB, the smallest of the four visions of `seen_colours`.
    """
    if set(taken) <= {BLACK}:
        return list(_from_nothing(count))
    return _choose(count, (BLACK, *taken))


@cache
def _from_nothing(count: int) -> tuple[Colour, ...]:
    first = OKABE_ITO[:count]
    return (*first, *_choose(count - len(first), (BLACK, *first)))


def _choose(count: int, taken: Sequence[Colour]) -> list[Colour]:
    if not count:
        return []
    grid: list[Colour] = [*OKABE_ITO, *((r, g, b) for r in _LEVELS for g in _LEVELS for b in _LEVELS)]
    seen = seen_colours(grid)  # (4, n, 3)
    lowest, highest = _LIGHTNESS
    visible = (seen[0, :, 0] > lowest) & (seen[0, :, 0] < highest)
    distance = np.where(visible, np.inf, -1.0)  # (n,) to the nearest colour in use
    chosen: list[Colour] = []
    for colour in taken:
        distance = np.minimum(distance, _distances(seen, seen_colours([colour])))
    for _ in range(count):
        best = int(distance.argmax())
        chosen.append(grid[best])
        distance = np.minimum(distance, _distances(seen, seen[:, best : best + 1]))
    return chosen


def _distances(seen: np.ndarray, one: np.ndarray) -> np.ndarray:
    """(n,): the distance of colours (4, n, 3) from another one (4, 1, 3) to the eye that tells them apart worst."""
    distances: np.ndarray = np.linalg.norm(seen - one, axis=-1).min(axis=0)
    return distances

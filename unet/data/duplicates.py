"""Near-duplicates among pictures: the same photograph twice, in another size, format or compression."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

SIDE = 12  # of a thumbnail, in pixels
MAX_MEAN = 8.0  # mean difference of the thumbnails of near-duplicates, in levels of a channel
MAX_WORST = 60  # their largest difference
_CHUNK = 256  # pictures that are compared with all others at a time


REDUCED = 3 * SIDE  # pixels of the shorter side, at least, of a JPEG that is decoded at a fraction of its size


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 as (SIDE, SIDE, 3) uint8, each pixel the mean of its area."""
    return np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2))


def near_duplicates(thumbnails: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Groups of stems, sorted, whose thumbnails are nearly equal and not of one colour."""
    stems = sorted(thumbnails)
    if len(stems) < 2:
        return []
    values = np.stack([thumbnails[stem] for stem in stems]).reshape(len(stems), -1).astype(np.float32)
    # The mean difference is at least that of sums over parts, which are quicker to compare.
    coarse = values.reshape(len(stems), SIDE, SIDE, 3).reshape(len(stems), 3, 4, 3, 4, 3).mean(axis=(2, 4, 5))
    coarse = coarse.reshape(len(stems), -1)  # (n, 9)
    leader = list(range(len(stems)))

    def first(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for start in range(0, len(stems), _CHUNK):
        block = coarse[start : start + _CHUNK]
        distance = sum(np.abs(block[:, None, part] - coarse[None, :, part]) for part in range(9)) / 9
        for row, other in np.argwhere(distance <= MAX_MEAN):
            index = start + int(row)
            if index < other:
                difference = np.abs(values[index] - values[other])
                if difference.mean() <= MAX_MEAN and difference.max() <= MAX_WORST:
                    leader[first(int(other))] = first(index)
    groups: dict[int, list[str]] = {}
    for index, stem in enumerate(stems):
        groups.setdefault(first(index), []).append(stem)
    return [group for group in groups.values() if len(group) > 1]

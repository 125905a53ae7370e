"""Upsampling of probabilities from the network's size to that of the picture (no torch).

It works in strips, so that memory stays bounded however large the picture is. Edge-aware upsampling (the fast guided
filter, He & Sun 2015, arXiv:1505.00996) is not used: on training pictures of ECSSD it had a lower boundary F.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**16  # pixels of the picture in a strip, which fits into the processor's cache


def upsample_bilinear(prob: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Upsample `prob`, (h, w) float32 in 0..1, bilinearly to `size` (H, W): `prob8 = round(255 * prob)`, uint8.

    Where the picture is lower than the map, the rows are averaged instead, so that none is left out.
    """
    prob8 = np.empty(size, dtype=np.uint8)
    for rows, strip in _strips(prob * 255, size):
        strip += 0.5
        prob8[rows] = strip
    return prob8


def upsample_labels(probs: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The place of the largest of `probs`, (C, h, w) float32, upsampled bilinearly to `size` (H, W): uint8.

    Of equal ones it is the first.
    """
    labels = np.empty(size, dtype=np.uint8)
    for strips in zip(*(_strips(prob, size) for prob in probs), strict=True):
        labels[strips[0][0]] = np.argmax([strip for _, strip in strips], axis=0)  # of (C, strip, W)
    return labels


def _strips(values: np.ndarray, size: tuple[int, int]) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of `values`, (h, w) float32, resized to `size` (H, W), strip by strip, with their places."""
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    wide = np.asarray(image.resize((width, min(height, image.height)), Image.Resampling.BILINEAR))  # (h, W)
    steps = np.diff(wide, axis=0, append=wide[-1:])  # (h, W), to the next row
    # Pixels are squares: their centres lie at halves, as Pillow has it.
    places = np.clip((np.arange(height) + 0.5) * len(wide) / height - 0.5, 0, len(wide) - 1)
    above = places.astype(int)
    below = (places - above).astype(np.float32)[:, None]  # share of the next row
    count = max(1, STRIP_PIXELS // width)
    for rows in (slice(top, top + count) for top in range(0, height, count)):
        strip = steps[above[rows]] * below[rows]  # (strip, W)
        strip += wide[above[rows]]
        yield rows, strip

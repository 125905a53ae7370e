"""Upsampling of probabilities from the network's size to that of the picture (no torch).

It works in strips, so that memory stays bounded however large the picture is. Edge-aware upsampling (the fast guided
filter, He & Sun 2015, arXiv:1505.00996) is not used: on training pictures of ECSSD it had a lower boundary F.
"""

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**21  # pixels of the picture in a strip


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _resize_rows(image: Image.Image, size: tuple[int, int], top: int, bottom: int) -> np.ndarray:
    """Rows `top` to `bottom` of `image` resized to `size` (height, width), without seams between strips."""
    scale = image.height / size[0]
    box = (0.0, top * scale, float(image.width), min(bottom * scale, float(image.height)))
    return np.asarray(image.resize((size[1], bottom - top), Image.Resampling.BILINEAR, box=box))


def upsample_bilinear(prob: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Upsample `prob`, (h, w) float32 in 0..1, bilinearly to `size` (H, W): `prob8 = round(255 * prob)`, uint8."""
    image = Image.fromarray(np.ascontiguousarray(prob * 255, dtype=np.float32))
    prob8 = np.empty(size, dtype=np.uint8)
    for top, bottom in _strips(*size):
        prob8[top:bottom] = np.rint(_resize_rows(image, size, top, bottom))  # (strip, W)
    return prob8


def upsample_labels(probs: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The place of the largest of `probs`, (C, h, w) float32, upsampled bilinearly to `size` (H, W): uint8.

    Of equal ones it is the first.
    """
    images = [Image.fromarray(np.ascontiguousarray(prob, dtype=np.float32)) for prob in probs]
    labels = np.zeros(size, dtype=np.uint8)
    for top, bottom in _strips(*size):
        best = _resize_rows(images[0], size, top, bottom).copy()  # (strip, W)
        for place, image in enumerate(images[1:], 1):
            rows = _resize_rows(image, size, top, bottom)
            larger = rows > best
            labels[top:bottom][larger] = place
            np.copyto(best, rows, where=larger)
    return labels

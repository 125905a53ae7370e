"""Probabilities from the network's size to the picture's own (no torch).

In strips, so that memory stays bounded however large the picture is.
"""

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**21  # pixels of the picture handled at a time


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _resize(image: Image.Image, size: tuple[int, int], top: int, bottom: int, height: int) -> np.ndarray:
    """Rows top..bottom of `image` resized to `size` (height, width); seamless with its neighbours."""
    scale = image.height / height
    box = (0.0, top * scale, float(image.width), min(bottom * scale, image.height))
    return np.asarray(image.resize((size[1], bottom - top), Image.Resampling.BILINEAR, box=box))


def upsample_bilinear(prob: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`prob8 = round(255 * probability)` at the picture's size.

    Args:
        prob: (h, w) float32 in 0..1.
        size: height and width of the picture.

    Returns:
        (H, W) uint8.
    """
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(prob, dtype=np.float32) * 255)
    prob8 = np.empty((height, width), dtype=np.uint8)
    for top, bottom in _strips(height, width):
        rows = _resize(image, size, top, bottom, height)  # (strip, W) float32
        prob8[top:bottom] = np.rint(rows)
    return prob8

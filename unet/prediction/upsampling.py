"""Probabilities from the network's size to the picture's own (no torch).

In strips, so that memory stays bounded however large the picture is. Edge-aware upsampling (the fast guided filter,
He & Sun 2015, arXiv:1505.00996) was tried and left out: on training pictures of ECSSD it lost boundary F.
"""

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**21  # pixels of the picture handled at a time


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _resize_rows(image: Image.Image, size: tuple[int, int], top: int, bottom: int) -> np.ndarray:
    """Rows top..bottom of `image` resized to `size` (height, width), seamless with their neighbours."""
    scale = image.height / size[0]
    box = (0.0, top * scale, float(image.width), min(bottom * scale, float(image.height)))
    return np.asarray(image.resize((size[1], bottom - top), Image.Resampling.BILINEAR, box=box))


def _float_image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))


def upsample_bilinear(prob: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`prob8 = round(255 * probability)` at the picture's size.

    Args:
        prob: (h, w) float32 in 0..1.
        size: height and width of the picture.

    Returns:
        (H, W) uint8.
    """
    image = _float_image(prob * 255)
    prob8 = np.empty(size, dtype=np.uint8)
    for top, bottom in _strips(*size):
        prob8[top:bottom] = np.rint(_resize_rows(image, size, top, bottom))  # (strip, W)
    return prob8

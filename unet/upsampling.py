"""Probabilities from the network's size to the picture's own (no torch).

In strips, so that memory stays bounded however large the picture is.
"""

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**21  # pixels of the picture handled at a time
GUIDE_RADIUS = 4  # pixels at the network's size
GUIDE_EPSILON = 1e-3  # of a guide in 0..1: variations well below its root do not count as edges


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


def _box_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Mean of (h, w) over squares of side 2 * radius + 1, cut off at the borders."""
    for axis in (0, 1):
        length = values.shape[axis]
        total = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis)
        high = np.minimum(np.arange(length) + radius + 1, length)
        low = np.maximum(np.arange(length) - radius, 0)
        count = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
        values = (total.take(high, axis) - total.take(low, axis)) / count
    return values


def upsample_guided(
    prob: np.ndarray, rgb: np.ndarray, radius: int = GUIDE_RADIUS, epsilon: float = GUIDE_EPSILON
) -> np.ndarray:
    """`prob8` at the picture's size, its edges drawn to the picture's own by the fast guided filter.

    He & Sun 2015 (arXiv:1505.00996): local linear coefficients between the picture's brightness and the probabilities
    are fitted at the network's size and applied at the picture's.

    Args:
        prob: (h, w) float32 in 0..1.
        rgb: (H, W, 3) uint8, the picture.
        radius: of the local fit, in pixels at the network's size.
        epsilon: regularisation of the fit, for brightness in 0..1.

    Returns:
        (H, W) uint8.
    """
    size = (rgb.shape[0], rgb.shape[1])
    small = Image.fromarray(rgb).resize(prob.shape[::-1], Image.Resampling.BILINEAR).convert("L")
    guide = np.asarray(small, dtype=np.float64) / 255  # (h, w)
    p = prob.astype(np.float64)
    mean_guide, mean_p = _box_mean(guide, radius), _box_mean(p, radius)
    variance = _box_mean(guide * guide, radius) - mean_guide**2
    covariance = _box_mean(guide * p, radius) - mean_guide * mean_p
    slope = covariance / (variance + epsilon)
    offset = _box_mean(mean_p - slope * mean_guide, radius)
    slopes, offsets = _float_image(_box_mean(slope, radius)), _float_image(offset * 255)
    prob8 = np.empty(size, dtype=np.uint8)
    for top, bottom in _strips(*size):
        brightness = np.asarray(Image.fromarray(rgb[top:bottom]).convert("L"))  # (strip, W) uint8
        rows = brightness * _resize_rows(slopes, size, top, bottom)
        rows += _resize_rows(offsets, size, top, bottom)
        prob8[top:bottom] = np.rint(rows.clip(0, 255, out=rows))
    return prob8

"""What is made of a probability map: mask, cut-out, overlay, PNG (no torch).

All in whole numbers, so that a browser can make the very same pixels.
"""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from unet.errors import ConfigError
from unet.pictures.decode import Picture

OVERLAY_COLOR = (230, 57, 70)
OVERLAY_OPACITY = 0.5
PNG_LEVEL = 1  # zlib's fastest: a third larger than the default, several times faster


def check_threshold(threshold: float) -> float:
    """`threshold` as a float.

    Raises:
        ConfigError: it is no number in 0..1.
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int | float | np.floating):
        raise ConfigError(f"the threshold must be a number in 0..1, not {threshold!r}")
    if not 0 <= threshold <= 1:  # nor is NaN
        raise ConfigError(f"the threshold must lie in 0..1, not {threshold}")
    return float(threshold)


def mask_from_prob(prob8: np.ndarray, threshold: float) -> np.ndarray:
    """The one rule for masks: foreground where `prob8 >= 255 * threshold`.

    Args:
        prob8: (H, W) uint8.
        threshold: 0..1.

    Returns:
        (H, W) uint8, 0 or 255.

    Raises:
        ConfigError: a threshold outside 0..1.
    """
    # Levels are whole, so comparing with the lowest one inside is the same and much faster than with a float.
    lowest = math.ceil(255 * check_threshold(threshold))
    return np.where(prob8 >= lowest, np.uint8(255), np.uint8(0))


def foreground_share(mask: np.ndarray) -> float:
    """Share of pixels, 0..1, that are foreground in `mask` (H, W) of 0 and 255."""
    return float(np.count_nonzero(mask)) / mask.size


def cutout(picture: Picture, mask: np.ndarray) -> np.ndarray:
    """The picture with `mask` as its alpha, never above the picture's own: (H, W, 4) uint8."""
    alpha = mask if picture.alpha is None else np.minimum(mask, picture.alpha)
    return np.dstack([picture.rgb, alpha])


def overlay(
    rgb: np.ndarray,
    mask: np.ndarray,
    color: tuple[int, int, int] = OVERLAY_COLOR,
    opacity: float = OVERLAY_OPACITY,
) -> np.ndarray:
    """The picture with the mask laid over it in a colour.

    Inside the mask a channel becomes `(v * (255 - a) + c * a + 127) // 255` with `a = floor(255 * opacity + 0.5)`.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) uint8, 0 or 255.
        color: of the mask, 0..255 each.
        opacity: 0..1.

    Returns:
        (H, W, 3) uint8.
    """
    a = math.floor(255 * opacity + 0.5)
    levels = np.arange(256, dtype=np.int32)
    inside = mask > 0
    result = rgb.copy()
    for channel, value in enumerate(color):
        table = ((levels * (255 - a) + value * a + 127) // 255).astype(np.uint8)  # (256,)
        np.copyto(result[..., channel], table[rgb[..., channel]], where=inside)
    return result


def encode_png(array: np.ndarray, compress_level: int = PNG_LEVEL) -> bytes:
    """PNG bytes of (H, W), (H, W, 3) or (H, W, 4) uint8: grey, RGB or RGBA."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", compress_level=compress_level)
    return buffer.getvalue()


def save_png(array: np.ndarray, path: str | Path, compress_level: int = PNG_LEVEL) -> None:
    """Write `encode_png(array)` to `path`; raises OSError where the disk refuses."""
    Path(path).write_bytes(encode_png(array, compress_level))

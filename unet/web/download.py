"""What a visitor takes away from the viewer: the same pixels that it shows, at the picture's own size.

The browser draws by tables of the 256 levels of a probability map; here are the same tables, in whole numbers.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unet.errors import ConfigError
from unet.pictures.decode import Picture
from unet.pictures.draw import OVERLAY_COLOR, OVERLAY_OPACITY, check_threshold, cutout, mask_from_prob, overlay

KINDS = ("cutout", "mask", "overlay", "probability")
MAX_SOFTNESS = 127
OUTLINE_UNIT = 400  # pixels of the longer side for each pixel of an outline's width


@dataclass(frozen=True)
class Take:
    """One result that was asked for, with the settings it is to be drawn with."""

    kind: str
    """One of KINDS."""
    threshold: float
    """0..1."""
    color: tuple[int, int, int] = OVERLAY_COLOR
    """Of the overlay, 0..255 each."""
    opacity: float = OVERLAY_OPACITY
    """Of the overlay, 0..1."""
    outline: bool = False
    """Whether the overlay's edge is drawn."""
    invert: bool = False
    """Whether background and foreground change places."""
    softness: int = 0
    """Half the width of the cut-out's edge, in levels 0..127; 0 is a hard edge."""
    number: int = 0
    """Given by the viewer, to know the answer by."""

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> "Take":
        """Settings as the viewer's event `take` carries them.

        Raises:
            ConfigError: they do not have the form that the viewer sends.
        """
        if not isinstance(data, Mapping):
            raise ConfigError("an export's settings must be an object")
        kind, color, number = data.get("kind"), data.get("color"), data.get("number")
        if kind not in KINDS:
            raise ConfigError(f"an export must be one of {', '.join(KINDS)}, not {kind!r}")
        if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise ConfigError("the overlay's colour must be written like #e63946")
        if not isinstance(number, int) or isinstance(number, bool):
            raise ConfigError("an export's number must be whole")
        opacity, softness = _number(data, "opacity", 1), _number(data, "softness", MAX_SOFTNESS)
        if softness != int(softness):
            raise ConfigError(f"softness must be whole, not {softness}")
        red, green, blue = bytes.fromhex(color[1:])
        return cls(
            kind,
            check_threshold(data.get("threshold")),  # type: ignore[arg-type]
            (red, green, blue),
            opacity,
            data.get("outline") is True,
            data.get("invert") is True,
            int(softness),
            number,
        )


def _number(data: Mapping[str, Any], name: str, highest: float) -> float:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= highest:
        raise ConfigError(f"{name} must be a number from 0 to {highest}, not {value!r}")
    return float(value)


def soft_alpha(prob8: np.ndarray, threshold: float, softness: int) -> np.ndarray:
    """Alpha that rises evenly around the threshold instead of all at once.

    With `t = ceil(255 * threshold)` and `w = min(softness, t, 255 - t)` a level p becomes
    `(255 * (p - t + w) + w) // (2 * w)`, clamped to 0..255: at least 128 exactly where the mask is 255, 0 for what is
    surely background and 255 for what is surely foreground. Where w is 0 it is the mask itself.

    Args:
        prob8: (H, W) uint8.
        threshold: 0..1.
        softness: 0..127, half the width of the edge in levels of `prob8`.

    Returns:
        (H, W) uint8.

    Raises:
        ConfigError: a threshold outside 0..1.
    """
    levels = np.arange(256, dtype=np.int32)
    lowest = math.ceil(255 * check_threshold(threshold))
    width = min(softness, lowest, 255 - lowest)
    if width == 0:
        return mask_from_prob(prob8, threshold)
    table = ((255 * (levels - lowest + width) + width) // (2 * width)).clip(0, 255).astype(np.uint8)  # (256,)
    return table[prob8]


def outline_width(height: int, width: int) -> int:
    """Width of an outline in pixels, such that it looks the same on pictures of any size."""
    return max(1, (max(height, width) + OUTLINE_UNIT - 1) // OUTLINE_UNIT)


def outline(mask: np.ndarray, reach: int) -> np.ndarray:
    """The rim of a mask: its pixels that have one outside it within `reach` pixels of their row or column.

    Args:
        mask: (H, W) uint8, 0 or 255.
        reach: at least 1; what lies beyond the picture's border does not count as outside.

    Returns:
        (H, W) uint8, 0 or 255.
    """
    inside = mask > 0
    core = inside.copy()
    for step in range(1, reach + 1):
        core[:, step:] &= inside[:, :-step]
        core[:, :-step] &= inside[:, step:]
        core[step:] &= inside[:-step]
        core[:-step] &= inside[step:]
    return np.where(inside & ~core, np.uint8(255), np.uint8(0))


def draw_take(picture: Picture, prob8: np.ndarray, take: Take) -> np.ndarray:
    """Draw what was asked for.

    Args:
        picture: the upright picture, (H, W).
        prob8: (H, W) uint8.
        take: kind and settings.

    Returns:
        uint8, (H, W) for mask and probability, (H, W, 3) for the overlay, (H, W, 4) for the cut-out.
    """
    if take.kind == "probability":
        return prob8
    if take.kind == "cutout":
        alpha = soft_alpha(prob8, take.threshold, take.softness)
        return cutout(picture, 255 - alpha if take.invert else alpha)
    mask = mask_from_prob(prob8, take.threshold)
    if take.invert:
        mask = 255 - mask
    if take.kind == "mask":
        return mask
    drawn = overlay(picture.rgb, mask, take.color, take.opacity)
    if take.outline:
        drawn[outline(mask, outline_width(*mask.shape)) > 0] = take.color
    return drawn

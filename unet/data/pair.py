"""A picture with its mask, and how both are read."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from unet.data.class_reading import AnyReading
from unet.data.masks import read_masks
from unet.errors import DataError
from unet.pictures.decode import read_picture


@dataclass(frozen=True)
class Pair:
    """A picture and its mask, which share a stem, in the data folder `root`."""

    stem: str
    image: Path
    mask: Path
    root: Path
    more_masks: tuple[Path, ...] = ()  # of the picture's other objects
    reading: AnyReading | None = field(default=None, compare=False)  # of the folder; None: told by this mask

    @property
    def masks(self) -> tuple[Path, ...]:
        """All masks of the picture, which are joined when they are read."""
        return (self.mask, *self.more_masks)


def load_resized(pair: Pair, size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture and its mask, and resize both, bilinearly and by nearest neighbour, to `size` (height, width).

    Returns:
        The picture, (H, W, 3) uint8 sRGB, and its labels, (H, W) uint8, as `read_mask` has them.

    Raises:
        ImageError: The picture cannot be read.
        DataError: The mask cannot be read or has another size than the picture.
    """
    rgb, target = read_picture(pair.image).rgb, read_masks(pair.masks, pair.reading)
    if rgb.shape[:2] != target.shape:
        raise DataError(f"the mask {pair.mask} has another size than its picture {pair.image}")
    if size is not None and size != target.shape:
        height, width = size
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))
        target = np.asarray(Image.fromarray(target).resize((width, height), Image.Resampling.NEAREST))
    return rgb, target

"""Results drawn from labels of classes: a label map as a file, and the picture in the classes' colours."""

import io
import math

import numpy as np
from PIL import Image

from unet.pictures.classes import ClassTable
from unet.pictures.draw import OVERLAY_OPACITY


def label_map_png(labels: np.ndarray, table: ClassTable) -> bytes:
    """PNG bytes of labels (H, W) uint8, whose pixels are the ids of the data.

    It has a palette of the classes' colours, or is 16-bit grey if an id exceeds 255.
    """
    ids = table.ids
    buffer = io.BytesIO()
    if ids.max() > 255:
        image = Image.fromarray(ids.astype(np.uint16)[labels])
    else:
        palette = np.zeros((256, 3), np.uint8)
        palette[ids] = table.colours
        image = Image.fromarray(ids.astype(np.uint8)[labels])
        image.putpalette(palette.tobytes())
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def tint_classes(
    rgb: np.ndarray, labels: np.ndarray, table: ClassTable, opacity: float = OVERLAY_OPACITY
) -> np.ndarray:
    """The picture, (H, W, 3) uint8, tinted in the colours of its labels (H, W) uint8; background is left as it is.

    A channel becomes what `unet.pictures.draw.overlay` makes of it; `opacity` is 0..1.
    """
    a = math.floor(255 * opacity + 0.5)
    colours = table.colours.astype(np.uint16)[labels]  # (H, W, 3)
    sums = rgb * np.uint16(255 - a) + colours * np.uint16(a) + np.uint16(127)  # at most 65152
    tinted: np.ndarray = (sums // np.uint16(255)).astype(np.uint8)
    if table.background is not None:
        np.copyto(tinted, rgb, where=(labels == table.background)[..., None])
    return tinted

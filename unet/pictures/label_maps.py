"""Results drawn from labels of classes: a label map as a file, and the picture in the classes' colours."""

import io
import math
from collections.abc import Collection

import numpy as np
from PIL import Image

from unet.pictures.classes import ClassTable
from unet.pictures.decode import Picture
from unet.pictures.draw import DEFAULT_STYLE, OVERLAY_OPACITY, STRIP_PIXELS, Style


def render_classes(
    kind: str,
    picture: Picture,
    labels: np.ndarray,
    table: ClassTable,
    style: Style = DEFAULT_STYLE,
    shown: Collection[int] | None = None,
) -> np.ndarray | bytes:
    """Draw one kind of result, "labels" or "overlay", of all classes of a picture, whose `labels` are (H, W) uint8.

    It is the content of a PNG file (`label_map_png`), or (H, W, 3) uint8 (`tint_classes`).
    """
    if kind == "overlay":
        return tint_classes(picture.rgb, labels, table, style.opacity, shown)
    return label_map_png(labels, table)


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
    rgb: np.ndarray,
    labels: np.ndarray,
    table: ClassTable,
    opacity: float = OVERLAY_OPACITY,
    shown: Collection[int] | None = None,
) -> np.ndarray:
    """The picture, (H, W, 3) uint8, tinted in the colours of its labels (H, W) uint8.

    A channel becomes what `unet.pictures.draw.overlay` makes of it. Labels that are not `shown` are left as they are,
    by default that of background; `opacity` is 0..1.
    """
    a = math.floor(255 * opacity + 0.5)
    colours = table.colours.astype(np.uint16) * np.uint16(a) + np.uint16(127)  # (n, 3)
    left = np.ones(256, bool)  # by label
    left[[label for label in range(len(table)) if label != table.background] if shown is None else list(shown)] = False
    tinted = np.empty_like(rgb)
    count = max(1, STRIP_PIXELS // labels.shape[1])
    for rows in (slice(top, top + count) for top in range(0, len(labels), count)):
        sums = rgb[rows] * np.uint16(255 - a) + colours[labels[rows]]  # (strip, W, 3), at most 65152
        tinted[rows] = sums // np.uint16(255)
        np.copyto(tinted[rows], rgb[rows], where=left[labels[rows]][..., None])
    return tinted

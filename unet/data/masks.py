"""Reading ground-truth masks, however they were saved, as background, foreground and unknown."""

import functools
import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unet.errors import DataError, ImageError
from unet.pictures.decode import DECODING_ERRORS, read_header

UNKNOWN = 255  # label of the pixels that loss and metrics ignore

_logger = logging.getLogger(__name__)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask file as upright labels, (H, W) uint8: 0 background, 1 foreground, 255 unknown (`UNKNOWN`).

    Palette masks are read by index: 0 is background, 255 unknown, every other index foreground. All other masks are
    read by grey level: below 64 is background, 64 to 191 unknown, above 191 foreground. The grey level of a colour is
    its brightest channel, so pure red is as bright as white; transparency is ignored. There are three exceptions: in a
    mask without values above 1, 1 is foreground; a mask with values above 255 is 16-bit and is divided by 257; a mask
    of only 0, 1 and 255 that has more 1 than 255 is a PASCAL VOC mask without its palette, where 1 is foreground and
    255 unknown. A mask without both background and foreground is logged as a warning, once.

    Raises:
        DataError: The file is not a picture, is damaged, or has values outside 0..65535.
    """
    try:
        read_header(path)  # refuses other files and too many pixels before any pixel is decoded
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            values = np.asarray(picture)
    except ImageError as error:
        raise DataError(f"the mask {path} could not be read: {error}") from error
    except DECODING_ERRORS as error:
        raise DataError(f"the mask {path} is damaged ({error}); save it again or remove it") from error
    if picture.mode == "P":
        labels = np.where(values == UNKNOWN, UNKNOWN, values > 0).astype(np.uint8)
    else:
        labels = _grey_labels(_brightness(values, picture.mode), path)
    known = np.unique(labels[labels != UNKNOWN])
    if len(known) < 2:
        content = {0: "background", 1: "foreground"}[int(known[0])] if len(known) else "unknown"
        _warn_once(f"the mask {path} is all {content} (its values run from {values.min()} to {values.max()})")
    return labels


def _brightness(values: np.ndarray, mode: str) -> np.ndarray:
    """Grey levels (H, W) of the pixel values (H, W) or (H, W, C) of a picture in a Pillow mode other than P."""
    if values.ndim == 2:
        return values
    if mode not in ("LA", "RGB", "RGBA", "RGBX", "RGBa"):  # such as CMYK and YCbCr
        values = np.asarray(Image.fromarray(values, mode).convert("RGB"))
    brightest: np.ndarray = values[..., : 1 if mode == "LA" else 3].max(axis=-1)
    return brightest


def _grey_labels(values: np.ndarray, path: str | Path) -> np.ndarray:
    """Labels, (H, W) uint8, of grey `values` (H, W) of any type and range."""
    lowest, highest = float(values.min()), float(values.max())
    if not (lowest >= 0 and highest <= 65535):  # also true of NaN
        raise DataError(f"the mask {path} has values from {lowest:g} to {highest:g}; grey levels must be 0 to 65535")
    if highest <= 1:
        values = values * np.float32(255)
    elif highest > 255:
        values = values / np.float32(257)
    elif _is_voc(values):
        return values.astype(np.uint8)
    levels = np.rint(values)
    labels = np.full(levels.shape, UNKNOWN, np.uint8)
    labels[levels < 64] = 0
    labels[levels > 191] = 1
    return labels


def _is_voc(values: np.ndarray) -> bool:
    """Whether `values` are only 0, 1 and 255, with more 1 than 255."""
    zeros, ones, highest = (int(np.count_nonzero(values == value)) for value in (0, 1, 255))
    return ones > highest > 0 and zeros + ones + highest == values.size


@functools.cache
def _warn_once(message: str) -> None:
    """Log a warning once, although masks are read again in every epoch."""
    _logger.warning(message)

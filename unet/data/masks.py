"""Reading ground-truth masks, however they were saved, as background, foreground and unknown."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unet.data.class_reading import AnyReading
from unet.data.contents import BAND, MaskContent, summarise_mask
from unet.data.convention import decide
from unet.data.mask_files import MaskPixels, channels, decode_mask
from unet.data.options import NO_OPTIONS
from unet.data.reading import UNKNOWN
from unet.errors import DataError, ImageError
from unet.pictures.decode import Source, read_picture

__all__ = ["UNKNOWN", "look_at_mask", "look_at_pixels", "read_mask", "read_masks"]

_SEEN = 32  # alpha from which a colour can be told
_LIKE_PICTURE = 12  # median difference in brightness, in levels, of JPEG's noise and of colours made anew
_LIKE_COLOURS = 32  # median difference of a channel: lossy formats keep less of colours than of brightness
_CLASSES = 16  # colours of a layer, at most
_ONE_COLOUR = 0.98  # share of the visible pixels that have the commonest colour, or nearly


def read_mask(path: str | Path, reading: AnyReading | None = None) -> np.ndarray:
    """Read a mask file as upright labels, (H, W) uint8: 0 background, 1 foreground, 255 unknown (`UNKNOWN`).

    Of a task with classes, labels are places in its table (`unet.pictures.classes.ClassTable`), 255 unknown.

    `reading` is that of the mask's folder (`unet.data.inspect.inspect_folder`). Without it, the rules of a folder
    decide for this file alone, which rarely tells what its values mean.

    Raises:
        DataError: The file is not a picture, is damaged, or has values outside 0..65535; or no rule fits it alone.
    """
    pixels = decode_mask(path, exact=reading is not None and reading.exact)
    if reading is None:
        reading = decide([summarise_mask(str(path), pixels)], NO_OPTIONS, str(path), one_sided=True)
    return reading.labels(pixels)


def read_masks(paths: Sequence[Path], reading: AnyReading | None) -> np.ndarray:
    """The labels of one picture with a mask for each of its objects: foreground where any mask has it.

    Where none has it and one does not know, it is unknown.

    Raises:
        DataError: As `read_mask`, or the masks differ in size.
    """
    labels = read_mask(paths[0], reading)
    for path in paths[1:]:
        other = read_mask(path, reading)
        if other.shape != labels.shape:
            raise DataError(f"the masks {paths[0]} and {path} of one picture have different sizes")
        foreground, unknown = (labels == 1) | (other == 1), (labels == UNKNOWN) | (other == UNKNOWN)
        labels = np.where(foreground, 1, np.where(unknown, UNKNOWN, 0)).astype(np.uint8)
    return labels


def look_at_mask(path: Path, name: str, image: Path, always: bool = False, exact: bool = False) -> MaskContent:
    """As `look_at_pixels`, of a file; with `exact`, as masks of classes are read (see `decode_opened_mask`).

    Raises:
        DataError: The mask cannot be read.
    """
    return look_at_pixels(decode_mask(path, exact), name, image, always)


def look_at_pixels(pixels: MaskPixels, name: str, image: Source, always: bool = False) -> MaskContent:
    """What a mask holds; its picture is read too where the mask's alpha could be a mask over its colours.

    With `always`, that is looked into for a mask whose alpha does not vary as well.
    """
    varies = pixels.alpha is not None and int(np.ptp(pixels.alpha)) > BAND
    return summarise_mask(name, pixels, (varies or always) and _is_layer(pixels, image))


def _is_layer(pixels: MaskPixels, image: Source) -> bool:
    visible = np.ones(pixels.codes.shape, bool) if pixels.alpha is None else pixels.alpha >= _SEEN
    if not visible.any():
        return True
    rgb = channels(pixels.codes[visible])  # (n, 3)
    near = (np.abs(rgb - np.median(rgb, axis=0)) <= BAND).all(axis=1)
    if near.mean() >= _ONE_COLOUR or _few_colours(rgb):
        return True
    try:
        picture = read_picture(image).rgb
    except ImageError:  # reported as a fault of the picture
        return False
    if picture.shape[:2] != visible.shape:
        return False
    difference = rgb - picture[visible]
    brightness = np.median(np.abs(difference.mean(axis=1)))
    return bool(brightness <= _LIKE_PICTURE and np.median(np.abs(difference)) <= _LIKE_COLOURS)


def _few_colours(rgb: np.ndarray) -> bool:
    """Whether colours (n, 3) are those of classes painted on a transparent ground: few, with no black ground."""
    if (rgb.max(axis=1) <= BAND).mean() > 1 - _ONE_COLOUR:
        return False
    counts = np.sort(np.unique(rgb, axis=0, return_counts=True)[1])[::-1]
    return bool(counts[:_CLASSES].sum() >= _ONE_COLOUR * len(rgb))

"""Mask files as they are stored: upright codes of greys or colours, and alpha, with no meaning given to them yet."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unet.data.options import COLOUR, colour_code
from unet.errors import DataError, ImageError
from unet.pictures.decode import DECODING_ERRORS, TRANSPOSITIONS
from unet.pictures.opening import Opened, odd_tiff, opened
from unet.pictures.tiff import TiffKindError
from unet.pictures.tiff_samples import CMYK, GREY, read_page, read_samples

VOC_VOID = colour_code(224, 224, 192)  # PASCAL VOC's colour of pixels that belong to no class
NEARLY_GREY = 8  # channels that differ by no more are one grey: lossy formats tint greys by some levels
MOST_IDS = 64  # ids of classes are smaller


@dataclass(frozen=True)
class MaskPixels:
    """The upright pixels of a mask file."""

    codes: np.ndarray  # (H, W): uint8 or uint16 of greys, or uint32 of the codes of `unet.data.options.colour_code`
    alpha: np.ndarray | None  # (H, W) uint8; None if the file has none
    wide: bool = False  # whether the file has more than 8 bits a pixel
    palette: np.ndarray | None = None  # (256,) uint32: the codes of a palette whose indices `codes` are
    rgb: bool = False  # whether the file has three channels, even if all of its colours are greys


def decode_mask(path: str | Path, exact: bool = False) -> MaskPixels:
    """Decode a mask file; `exact` as for `decode_opened_mask`.

    Raises:
        DataError: The file is not a picture, is damaged, or has values outside 0..65535.
    """
    try:
        with opened(path, None, pixels=True) as file:
            return decode_opened_mask(file, path, exact)
    except ImageError as error:
        raise DataError(f"the mask {path} could not be read: {error}") from error


def decode_opened_mask(file: Opened, path: str | Path, exact: bool = False) -> MaskPixels:
    """Decode an open mask file: palettes by their colours, colours of equal channels as greys, 1 bit as 0 and 255.

    With `exact`, nothing is made of the values: a palette gives its indices and its colours, 1 bit 0 and 1, floats are
    not scaled, greys have equal channels, and alpha is left out.

    Raises:
        DataError: The file is damaged, or has values outside 0..65535.
    """
    try:
        picture = file.image or _tiff_picture(file)
        picture.load()
        turn = TRANSPOSITIONS.get(file.orientation)
        upright = picture if turn is None else picture.transpose(turn)
        return _exact_pixels(upright, path) if exact else _pixels(upright, path)
    except TiffKindError as error:
        raise DataError(f"the mask {path} could not be read: {odd_tiff(file.shown, error)}") from error
    except DECODING_ERRORS as error:
        raise DataError(f"the mask {path} is damaged ({error}); save it again or remove it") from error


def _tiff_picture(file: Opened) -> Image.Image:
    """A TIFF of kinds that Pillow does not read, or not as they are meant; greys keep their values."""
    assert file.page is not None
    mode, samples = read_samples(file.file, file.page)  # (H, W, C)
    grey = samples[..., 0]
    if mode != GREY or samples.shape[2] > 1 or (file.page.bits == 8 and grey.dtype == np.uint8):
        page = read_page(file.file, file.page)
        if page.alpha is None or mode == CMYK:
            return page.image
        return Image.merge(mode + "A", [*page.image.split(), Image.fromarray(page.alpha)])
    if file.page.value(262, 1) == 0 and grey.dtype.kind == "u":  # white is zero
        grey = (2**file.page.bits - 1) - grey
    if grey.dtype.kind == "f":
        return Image.fromarray(grey.astype(np.float32))
    return Image.fromarray(grey if grey.dtype == np.uint16 else grey.astype(np.int32))


def _pixels(picture: Image.Image, path: str | Path) -> MaskPixels:
    alpha = None
    if picture.has_transparency_data:
        # A palette with transparency goes by its colours; a transparent grey or colour is one among them.
        alpha = np.asarray(picture.convert("RGBA").getchannel("A"))
    wide = picture.mode.startswith("I")
    if picture.mode == "P":
        codes = _palette_codes(picture)
    elif picture.mode == "1":
        codes = np.asarray(picture.convert("L"))
    elif picture.mode in ("L", "LA", "La"):
        codes = np.asarray(picture.getchannel(0))
    elif wide or picture.mode == "F":
        codes = _wide(np.asarray(picture), path)
    else:
        return MaskPixels(rgb_codes(np.asarray(picture.convert("RGB"))), alpha, rgb=True)
    return MaskPixels(codes, alpha, wide)


def _exact_pixels(picture: Image.Image, path: str | Path) -> MaskPixels:
    wide = picture.mode.startswith("I")
    if picture.mode == "P":
        return MaskPixels(np.asarray(picture), None, palette=_palette(picture, nearly=0).astype(np.uint32))
    if picture.mode == "1":
        return MaskPixels(np.asarray(picture).astype(np.uint8), None)
    if picture.mode in ("L", "LA", "La"):
        return MaskPixels(np.asarray(picture.getchannel(0)), None)
    if wide or picture.mode == "F":
        return MaskPixels(_wide(np.asarray(picture), path, scaled=False), None, wide)
    return MaskPixels(rgb_codes(np.asarray(picture.convert("RGB")), nearly=0), None, rgb=True)


def _palette(picture: Image.Image, nearly: int = NEARLY_GREY) -> np.ndarray:
    """(256,): the codes of a palette's colours, black where it has none."""
    entries = picture.getpalette() or []
    entries += [0] * (3 * 256 - len(entries))
    codes: np.ndarray = rgb_codes(np.array(entries, np.uint8).reshape(1, 256, 3), nearly)[0]
    return codes


def _palette_codes(picture: Image.Image) -> np.ndarray:
    indices = np.asarray(picture)
    table = _palette(picture)
    used = np.flatnonzero(np.bincount(indices.reshape(-1), minlength=256))
    if len(used) > 1 and len(np.unique(table[used])) == 1:  # such as an all black palette: the colours say nothing
        return indices
    coloured = any(table[used] >= COLOUR)
    if coloured and used[-1] == 255 and table[0] == 0 and (used[:-1] < MOST_IDS).all():
        table = table.copy()
        table[255] = VOC_VOID  # a palette of class ids; some programs give the void another colour
    codes: np.ndarray = table[indices]
    return codes if coloured else codes.astype(np.uint8)


def rgb_codes(rgb: np.ndarray, nearly: int = NEARLY_GREY) -> np.ndarray:
    """Codes (H, W) of colours (H, W, 3) uint8: uint8 if all are greys, otherwise uint32.

    Channels that differ by `nearly` levels or less are a grey, the brightest of them.
    """
    brightest = rgb.max(axis=-1)
    grey = brightest - rgb.min(axis=-1) <= nearly
    if grey.all():
        return np.asarray(brightest)
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    return np.where(grey, brightest, COLOUR + (red << 16) + (green << 8) + blue).astype(np.uint32)


def have_colour(codes: np.ndarray | int) -> np.ndarray:
    """Whether codes, of any shape, are colours or greys of 8 bits; the other values are brighter than any colour."""
    return np.asarray((codes <= 255) | (codes >= COLOUR))


def channels(codes: np.ndarray) -> np.ndarray:
    """Codes (n,) -> (n, 3) int16 red, green, blue; values without a colour are white."""
    coloured = codes >= COLOUR
    levels = [np.where(coloured, codes >> shift & 255, np.minimum(codes, 255)) for shift in (16, 8, 0)]
    return np.stack(levels, axis=-1).astype(np.int16)


def distances(colours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, m): the largest difference of a channel between colours (n, 3) and others (m, 3)."""
    largest: np.ndarray = np.abs(colours[:, None] - others[None]).max(axis=-1)
    return largest


def _wide(values: np.ndarray, path: str | Path, scaled: bool = True) -> np.ndarray:
    """Greys of more than 8 bits, or floats, whose 0..1 become 0..255 if they are `scaled`."""
    lowest, highest = float(values.min()), float(values.max())
    if not (lowest >= 0 and highest <= 65535):  # also true of NaN
        raise DataError(f"the mask {path} has values from {lowest:g} to {highest:g}; grey levels must be 0 to 65535")
    if scaled and values.dtype.kind == "f" and highest <= 1:
        values = values * np.float32(255)
    whole: np.ndarray = np.rint(values).astype(np.uint8 if highest <= 255 else np.uint16)
    return whole

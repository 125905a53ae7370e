"""The samples of TIFF pages that Pillow does not read, or reads as 8 bits only.

Pillow's own decoders unpack the strips and tiles; what the bytes mean is decided here. So every compression works that
is not bound to pictures of 8 bits, and damage is an exception.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin

from unet.pictures.kinds import DECODING_ERRORS
from unet.pictures.tiff import Page, TiffKindError
from unet.pictures.wide import TWELVE_BITS, scale

GREY, RGB, CMYK, YCBCR = "L", "RGB", "CMYK", "YCbCr"
_MODES = {0: GREY, 1: GREY, 2: RGB, 5: CMYK, 6: YCBCR}
_COLOURS = {GREY: 1, RGB: 3, CMYK: 4, YCBCR: 3}
_JPEG = (6, 7)  # compressions
_NO_COMPRESSION, _DEFLATE = 1, (8, 32946)
_BY_PILLOW = (5, 32773, 34925, 50000)  # LZW, PackBits, LZMA, Zstandard
_UINT, _INT, _FLOAT = 1, 2, 3
_BITS = {_UINT: (8, 10, 12, 14, 16, 32), _INT: (8, 16, 32), _FLOAT: (16, 32, 64)}
_UNPACK_ROWS = 64
MAX_SAMPLE_BYTES = 8 * 100_000_000  # unpacked; 100 megapixels of four 16-bit samples


@dataclass(frozen=True)
class Decoded:
    """A page's pixels in 8 bits, as stored (not turned)."""

    image: Image.Image  # L, RGB or CMYK
    alpha: np.ndarray | None  # (H, W) uint8
    notice: str | None
    grey16: np.ndarray | None = None  # (H, W) uint16: grey as it is, where it was not stretched


def decodes_here(page: Page) -> bool:
    """Whether `read_page` reads a page better than Pillow, if it can at all: more than 8 bits, or odd channels."""
    mode = _MODES.get(page.value(262, 1))
    usual = {1, 2} if mode == GREY else {4} if mode == CMYK else {3, 4}
    if mode == YCBCR and page.value(259, 1) not in _JPEG:
        return True
    return mode is not None and (page.bits > 8 or page.samples not in usual or page.value(339, 1) != _UINT)


def read_samples(file: BinaryIO, page: Page) -> tuple[str, np.ndarray]:
    """The mode of a page (L, RGB or CMYK) and its samples (H, W, C) as they are stored, of any type of number.

    Raises:
        TiffKindError: Its kind is none of those that are read.
        ValueError: It is damaged (and the other `DECODING_ERRORS`).
    """
    mode, form = _MODES.get(page.value(262, 1)), page.value(339, 1)
    if mode is None or page.bits not in _BITS.get(form, ()) or page.value(266, 1) != 1:
        raise TiffKindError(page.describe())
    if mode == YCBCR and (page.bits != 8 or form != _UINT or page.values(530) != (1, 1)):  # (2, 2) if not said
        raise TiffKindError(page.describe())
    spare = page.samples - _COLOURS[mode]
    if spare < 0 or (mode == GREY and spare > 1) or page.value(332, 1) != 1 or (mode == CMYK and form != _UINT):
        raise TiffKindError(page.describe())
    if _unpacked_bytes(page) > MAX_SAMPLE_BYTES:
        raise TiffKindError(f"{page.describe()}, unpacked more than {MAX_SAMPLE_BYTES // 10**6} MB")
    return mode, _samples(file, page)


def read_page(file: BinaryIO, page: Page) -> Decoded:
    """Decode a page.

    Raises:
        TiffKindError: Its kind is none of those that are read.
        ValueError: It is damaged (and the other `DECODING_ERRORS`).
    """
    mode, values = read_samples(file, page)
    extra, bits, form, colours = page.values(338), page.bits, page.value(339, 1), _COLOURS[mode]
    kind = extra[0] if page.samples > colours and extra else 0
    alpha = _alpha(values[..., colours], bits) if kind in (1, 2) else None
    colour = values[..., 0] if mode == GREY else values[..., :colours]
    if mode == CMYK or (bits == 8 and form == _UINT):
        colour, notice = (colour, None) if bits == 8 else (_alpha(colour, bits), None)
    else:
        straight = colour
        colour, notice = scale(colour, None if alpha is None else alpha > 0, bits, flat=alpha is None)
        if alpha is not None and bits == 16 and form == _UINT and values.max() < TWELVE_BITS:
            alpha, _ = scale(values[..., colours])  # of 10 or 12 bits, too
        if (
            mode == GREY
            and kind != 1
            and bits == 16
            and straight.dtype == np.uint16
            and (not notice or "flat" in notice)
        ):
            grey16 = straight if page.value(262, 1) else np.uint16(65535) - straight
            return Decoded(_image(colour, page), alpha, notice, grey16)
    if kind == 1 and alpha is not None and mode != CMYK:
        colour = _unmultiplied(colour, alpha)
    return Decoded(_image(colour, page, mode), alpha, notice)


def _unpacked_bytes(page: Page) -> int:
    """Bytes of all samples, or of one tile if that is larger than the picture."""
    width, height = page.size
    tile = page.value(322) * page.value(323)
    return max(width * height, tile) * page.samples * max(1, page.bits // 8)


def _image(colour: np.ndarray, page: Page, mode: str = GREY) -> Image.Image:
    if page.value(262, 1) == 0:  # white is zero
        colour = 255 - colour
    image = Image.frombytes(mode, colour.shape[1::-1], np.ascontiguousarray(colour).tobytes())
    return image.convert(RGB) if mode == YCBCR else image


def _alpha(values: np.ndarray, bits: int) -> np.ndarray:
    """Whole numbers of `bits`, or floats of 0..1, as 0..255."""
    if bits == 8:
        return np.ascontiguousarray(values)
    most = 1.0 if np.issubdtype(values.dtype, np.floating) else float(2**bits - 1)
    levels = np.nan_to_num(values.astype(np.float32)).clip(0, most) * np.float32(255 / most)
    result: np.ndarray = np.rint(levels).astype(np.uint8)
    return result


def _unmultiplied(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were stored times their alpha."""
    share = np.maximum(alpha, 1)[(...,) + (None,) * (colour.ndim - 2)]
    result: np.ndarray = np.minimum((colour.astype(np.uint16) * 255 + share // 2) // share, 255).astype(np.uint8)
    return result


def _samples(file: BinaryIO, page: Page) -> np.ndarray:
    """All samples of a page: (H, W, C) in their own type."""
    width, height = page.size
    tiled = 322 in page.tags
    across = page.value(322) if tiled else width
    down = page.value(323) if tiled else min(page.value(278, height), height)
    offsets, counts = (page.values(tag) for tag in ((324, 325) if tiled else (273, 279)))
    planes = page.samples if page.value(284, 1) == 2 else 1
    each = page.samples // planes  # samples of a pixel in one strip or tile
    if min(across, down) < 1:
        raise ValueError("no pixels in a strip")
    columns, rows = -(-width // across), -(-height // down)
    if len(offsets) < planes * columns * rows or len(counts) < planes * columns * rows:
        raise ValueError("strips are missing")
    result: np.ndarray | None = None
    for number in range(planes * columns * rows):
        plane, place = divmod(number, columns * rows)
        top, left = place // columns * down, place % columns * across
        stored = down if tiled else min(down, height - top)
        file.seek(offsets[number])
        block = _block(file.read(counts[number]), page, across, stored, each)[: height - top, : width - left]
        if result is None:
            result = np.empty((height, width, page.samples), block.dtype)
        result[top : top + stored, left : left + across, plane * each : (plane + 1) * each] = block
    if result is None:
        raise ValueError("no strips")
    return result


def _block(data: bytes, page: Page, width: int, height: int, samples: int) -> np.ndarray:
    """One strip or tile: (height, width, samples)."""
    bits, form, predictor = page.bits, page.value(339, 1), page.value(317, 1)
    row = (width * samples * bits + 7) // 8
    raw = np.frombuffer(_unpacked(data, page, row, height), np.uint8).reshape(height, row)
    if bits in (10, 12, 14):
        return _unpacked_bits(raw, bits, width * samples).reshape(height, width, samples)
    letter = {_UINT: "u", _INT: "i", _FLOAT: "f"}[form]
    if predictor == 3 and form == _FLOAT:
        moved = np.cumsum(raw.reshape(height, -1, samples), axis=1, dtype=np.uint8).reshape(height, bits // 8, -1)
        values = np.ascontiguousarray(moved.transpose(0, 2, 1)).view(f">f{bits // 8}")
    else:
        values = raw.view(f"{page.prefix}{letter}{bits // 8}")
    values = values.astype(values.dtype.newbyteorder("=")).reshape(height, width, samples)
    if predictor == 2:
        whole = f"u{bits // 8}"
        values = np.cumsum(values.view(whole), axis=1, dtype=whole).view(values.dtype)
    elif predictor not in (1, 3):
        raise TiffKindError(f"{page.describe()}, predictor {predictor}")
    return values


def _unpacked_bits(raw: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Numbers of 10, 12 or 14 bits, packed from the highest bit on: (height, count) uint16."""
    result = np.empty((len(raw), count), np.uint16)
    powers = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    for top in range(0, len(raw), _UNPACK_ROWS):
        single = np.unpackbits(raw[top : top + _UNPACK_ROWS], axis=1)[:, : count * bits]
        result[top : top + _UNPACK_ROWS] = single.reshape(len(single), count, bits) @ powers
    return result


def _unpacked(data: bytes, page: Page, row: int, height: int) -> bytes:
    """The bytes of a strip or tile, without compression."""
    compression, wanted = page.value(259, 1), row * height
    if compression == _NO_COMPRESSION:
        content = data[:wanted]
    elif compression in _DEFLATE:
        content = zlib.decompressobj().decompress(data, wanted)
    elif compression in _BY_PILLOW:
        content = _by_pillow(data, compression, row, height)
    else:
        raise TiffKindError(page.describe())
    if len(content) < wanted:
        raise ValueError("a strip is cut off")
    return content


def _by_pillow(data: bytes, compression: int, row: int, height: int) -> bytes:
    """Bytes unpacked by Pillow, as a picture whose samples they are: RGBA if it can be, since Pillow counts pixels."""
    samples = 4 if row % 4 == 0 else 1
    tags = {256: row // samples, 257: height, 258: 8, 259: compression, 262: 2 if samples == 4 else 1, 277: samples}
    tags |= {278: height, 279: len(data)} | ({338: 2} if samples == 4 else {})
    tags[273] = 8 + 2 + 12 * (len(tags) + 1) + 4  # where the data start
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    file = io.BytesIO(struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data)
    try:
        with TiffImagePlugin.TiffImageFile(file) as image:  # Image.open would take the bytes for too many pixels
            return image.tobytes()
    except DECODING_ERRORS as error:
        raise ValueError("a strip is damaged") from error

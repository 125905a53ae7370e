"""PNG files: only the chunks that pixels need, and samples of 16 bits as they are.

Pillow refuses a whole picture for a text chunk that unpacks to more than a megabyte, or for a side chunk with a wrong
check sum. Browsers show such pictures, since neither has any bearing on the pixels.
"""

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from PIL import Image

from unet.pictures.kinds import PNG_SIGNATURE

MAX_SIDE_CHUNK = 8 * 2**20  # bytes; a larger profile or EXIF block is left out
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_SMALL = (b"tRNS", b"cICP", b"sRGB", b"gAMA", b"cHRM")
_KEPT = (*_CRITICAL, b"tRNS", b"eXIf")
_TRANSPARENCY_BYTES = {0: (2,), 2: (6,), 3: range(1, 257)}  # by colour type


@dataclass(frozen=True)
class PngFile:
    """A PNG without chunks that do not matter."""

    content: io.BytesIO  # a whole PNG file for Pillow
    side: dict[bytes, bytes] = field(default_factory=dict)  # content of tRNS, cICP, sRGB, gAMA and cHRM, undamaged
    profile: bytes | None = None  # the ICC profile
    depth: int = 8  # bits a sample
    colour_type: int = 2  # PNG's: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha


def strip_chunks(file: BinaryIO, pixels: bool) -> PngFile:
    """Read a PNG without its side chunks, damaged ones included; without `pixels`, up to the first pixels only.

    Damage in what the pixels need is left for the decoder to find.
    """
    file.seek(0)
    clean = io.BytesIO()
    side: dict[bytes, bytes] = {}
    clean.write(file.read(len(PNG_SIGNATURE)))
    profile = None
    depth = colour_type = 0
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IDAT" and not pixels:
            clean.write(head)
            break
        if kind not in (*_KEPT, *_SMALL, b"iCCP") or (kind not in _CRITICAL and length > MAX_SIDE_CHUNK):
            file.seek(length + 4, io.SEEK_CUR)
            continue
        body, check = file.read(length), file.read(4)
        if kind not in _CRITICAL and check != struct.pack(">I", zlib.crc32(kind + body)):
            continue
        if kind == b"IHDR" and length == 13:
            depth, colour_type = body[8], body[9]
        if kind == b"tRNS" and length not in _TRANSPARENCY_BYTES.get(colour_type, ()):
            continue
        if kind == b"iCCP":
            profile = profile or _profile(body)
        if kind in _SMALL:
            side.setdefault(kind, body)
        if kind in _KEPT:
            for part in (head, body, check):
                clean.write(part)
        if kind == b"IEND":
            break
    clean.seek(0)
    return PngFile(clean, side, profile, depth, colour_type)


def _profile(body: bytes) -> bytes | None:
    """The profile of an iCCP chunk; None if it is damaged or unpacks to more than `MAX_SIDE_CHUNK`."""
    unpacking = zlib.decompressobj()
    try:
        profile = unpacking.decompress(body[body.index(b"\0") + 2 :], MAX_SIDE_CHUNK)
    except (ValueError, zlib.error):
        return None
    return profile if unpacking.eof else None


def low_bytes(png: PngFile) -> np.ndarray:
    """The lower halves of a 16-bit PNG's samples, whose upper halves are what Pillow gives: (H, W, 3 or 4) uint8.

    For grey with alpha, both halves of both come, as Pillow's own reading makes RGBA of it: grey, low, alpha, low.
    """
    png.content.seek(0)
    with Image.open(png.content, formats=("PNG",)) as image:
        raw = {2: "RGB;16L", 4: "RGBA", 6: "RGBA;16L"}[png.colour_type]
        image.tile = [tile._replace(args=raw) for tile in image.tile]
        image.load()
        return np.asarray(image)


def wide_samples(png: PngFile, upper: Image.Image) -> np.ndarray:
    """The samples of a 16-bit PNG of more than one channel: (H, W, 2, 3 or 4) uint16; `upper` is Pillow's reading."""
    low = low_bytes(png)
    if png.colour_type == 4:
        return np.ascontiguousarray(low).view(">u2").astype(np.uint16)
    samples = np.asarray(upper).astype(np.uint16)
    samples <<= 8
    samples |= low
    return samples

"""Files of results: PNG and JPEG bytes of drawn pixels.

Pillow tries all of PNG's filters on every row, one after the other, and that takes most of its time. Here all rows have
the filter `up`, the difference to the row above, and ISA-L compresses them: an eighth of the time for a file that is no
larger (benchmarks/speed.md).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from isal import isal_zlib
from PIL import Image

from unet.pictures.kinds import PNG_SIGNATURE

LEVEL = 1  # ISA-L's of 0 to 3; higher ones take thrice the time and save nothing
STRIP_BYTES = 2**19  # filtered and compressed at a time, so that the rows stay in the processor's cache
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # PNG's number for grey, RGB and RGBA, by the channels
_UP = 2  # PNG's number of the filter
JPEG_QUALITY = 92
JPEG_SIDE = 65_500  # pixels; libjpeg's limit


def encode_png(array: np.ndarray) -> bytes:
    """PNG bytes of (H, W), (H, W, 3) or (H, W, 4) uint8: grey, RGB or RGBA."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = array.reshape(height, width * channels)
    chunks = [(b"IHDR", header), *((b"IDAT", part) for part in _compressed(rows)), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def save_png(array: np.ndarray, path: str | Path) -> None:
    """Write `encode_png(array)` to `path`; raises OSError if that fails."""
    Path(path).write_bytes(encode_png(array))


def encode_jpeg(rgb: np.ndarray) -> bytes:
    """JPEG bytes of (H, W, 3) uint8 with sides of at most `JPEG_SIDE`; colours in full resolution (4:4:4)."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _compressed(rows: np.ndarray) -> Iterator[bytes]:
    """The filtered `rows` (H, bytes) as a stream of zlib's, in parts."""
    stream = isal_zlib.compressobj(LEVEL)
    count = max(1, STRIP_BYTES // (rows.shape[1] + 1))
    buffer = np.empty((count, rows.shape[1] + 1), np.uint8)
    buffer[:, 0] = _UP
    for top in range(0, len(rows), count):
        strip = rows[top : top + count]
        filtered = buffer[: len(strip)]
        np.subtract(strip[1:], strip[:-1], out=filtered[1:, 1:])  # wraps around, as PNG wants it
        filtered[0, 1:] = strip[0] - rows[top - 1] if top else strip[0]
        if part := stream.compress(filtered):
            yield part
    yield stream.flush()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))

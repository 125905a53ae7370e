"""PNG and TIFF files written chunk by chunk and tag by tag, in kinds that Pillow does not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG's, by the number of channels


def chunk(kind: bytes, content: bytes, damaged: bool = False) -> bytes:
    """A PNG chunk, its check sum wrong if `damaged`."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ damaged)


def png(values: np.ndarray, before: bytes = b"", after: bytes = b"", depth: int = 0) -> bytes:
    """A PNG of (H, W) or (H, W, C) samples, uint8 or uint16, with chunks before and after its pixels.

    Fewer bits than 8 are given by `depth`, for grey.
    """
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    rows = values.reshape(height, -1)
    if 0 < depth < 8:
        bits = np.unpackbits(rows[..., None], axis=2)[..., 8 - depth :].reshape(height, -1)
        rows = np.packbits(bits, axis=1)
    lines = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in rows)
    depth = depth or 8 * values.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(lines))
    return SIGNATURE + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")


def iccp(profile: bytes) -> bytes:
    """A PNG's profile chunk."""
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))


Tags = dict[int, object]  # a whole number or several, bytes, or text


def tiff_page(values: np.ndarray, **options: object) -> tuple[Tags, list[bytes]]:
    """Tags and strips of a TIFF page of (H, W, C) samples.

    Options: `order` ("<" or ">"), `planar`, `photometric`, `extra`, `strips` (their number), `compression` (1, 8, 5 or
    32773), `predictor` (2), `tile` (its side), `bits` (10, 12 or 14 of uint16), `tags` (more of them).
    """
    order, compression = str(options.get("order", "<")), int(options.get("compression", 1))
    values = values if values.ndim == 3 else values[..., None]
    height, width, channels = values.shape
    bits = int(options.get("bits", 0)) or 8 * values.dtype.itemsize
    form = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: Tags = {256: width, 257: height, 258: (bits,) * channels, 259: compression, 277: channels}
    tags |= {262: options.get("photometric", 2 if channels >= 3 else 1), 339: (form,) * channels}
    tags |= {338: options["extra"]} if "extra" in options else {}
    planes = [values]
    if options.get("planar"):
        tags[284] = 2
        planes = [values[..., channel : channel + 1] for channel in range(channels)]
    blocks = []
    if side := int(options.get("tile", 0)):
        tags |= {322: side, 323: side}
        for plane in planes:
            padded = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)))
            for top in range(0, height, side):
                blocks += [padded[top : top + side, left : left + side] for left in range(0, width, side)]
    else:
        step = -(-height // int(options.get("strips", 1)))
        tags[278] = step
        blocks = [plane[top : top + step] for plane in planes for top in range(0, height, step)]
    if options.get("predictor"):
        tags[317] = options["predictor"]
        blocks = [np.diff(block, axis=1, prepend=block[:, :1] * 0) for block in blocks]
    strips = [_compressed(_bytes(block, order, bits), compression, len(block)) for block in blocks]
    return tags | dict(options.get("tags", {})), strips


def _bytes(block: np.ndarray, order: str, bits: int) -> bytes:
    if bits in (8, 16, 32, 64):
        return block.astype(block.dtype.newbyteorder(order)).tobytes()
    rows = block.reshape(len(block), -1)
    single = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(single.reshape(len(block), -1).astype(np.uint8), axis=1).tobytes()


def _compressed(content: bytes, compression: int, rows: int) -> bytes:
    if compression == 8:
        return zlib.compress(content)
    if compression == 1:
        return content
    grey = Image.frombytes("L", (len(content) // rows, rows), content)
    file = io.BytesIO()
    name = {5: "tiff_lzw", 32773: "packbits"}[compression]
    grey.save(file, "TIFF", compression=name, strip_size=len(content))
    file.seek(0)
    with TiffImagePlugin.TiffImageFile(file) as image:
        (start,), (length,) = image.tag_v2[273], image.tag_v2[279]
    return file.getvalue()[start : start + length]


def tiff(*pages: tuple[Tags, list[bytes]], order: str = "<", below: tuple[Tags, list[bytes]] | None = None) -> bytes:
    """A TIFF of several pages (see `tiff_page`); `below` is a subdirectory of the first."""
    file = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 0))
    if below is not None:
        start = _write_page(file, order, below)
        pages = (({**pages[0][0], 330: start}, pages[0][1]), *pages[1:])
    link = 4
    for page in pages:
        start = _write_page(file, order, page)
        struct.pack_into(f"{order}I", file, link, start)
        link = len(file) - 4
    return bytes(file)


def _write_page(file: bytearray, order: str, page: tuple[Tags, list[bytes]]) -> int:
    """Append a page, the link to its next one last; returns its start."""
    tags, strips = page
    offsets = []
    for strip in strips:
        offsets.append(len(file))
        file += strip + bytes(len(strip) % 2)
    names = (324, 325) if 322 in tags else (273, 279)
    tags = tags | dict(zip(names, (tuple(offsets), tuple(map(len, strips))), strict=True))
    entries = []
    for tag, value in sorted(tags.items()):
        kind, packed, count = _packed(value, order)
        if len(packed) > 4:
            entries.append(struct.pack(f"{order}HHII", tag, kind, count, len(file)))
            file += packed + bytes(len(packed) % 2)
        else:
            entries.append(struct.pack(f"{order}HHI", tag, kind, count) + packed.ljust(4, b"\0"))
    start = len(file)
    file += struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return start


def _packed(value: object, order: str) -> tuple[int, bytes, int]:
    """Type, bytes and count of a tag's value."""
    if isinstance(value, str):
        return 2, value.encode() + b"\0", len(value) + 1
    if isinstance(value, bytes):
        return 7, value, len(value)
    numbers = value if isinstance(value, tuple) else (value,)
    short = max(numbers) < 65536
    return (3 if short else 4), struct.pack(f"{order}{len(numbers)}{'H' if short else 'I'}", *numbers), len(numbers)

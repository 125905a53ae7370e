"""The colour numbers in the boxes of AVIF and HEIC files (ISO/IEC 23008-12), which Pillow does not read."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

MAX_META = 4 * 2**20  # bytes of the box that describes a file


def colour_numbers(file: BinaryIO) -> tuple[int, int] | None:
    """H.273's numbers of the main picture's primaries and transfer curve; None if the file names none."""
    file.seek(0)
    try:
        meta = dict(_boxes(_top_level(file, b"meta")))
        properties = list(_boxes(dict(_boxes(meta[b"iprp"]))[b"ipco"]))
        main = _main_item(meta[b"pitm"])
        for index in _properties_of(main, dict(_boxes(meta[b"iprp"]))[b"ipma"]):
            kind, body = properties[index - 1]
            if kind == b"colr" and body[:4] == b"nclx":
                return int.from_bytes(body[4:6]), int.from_bytes(body[6:8])
    except (LookupError, ValueError, struct.error):
        pass  # without these boxes, or with damaged ones, the colours are taken for sRGB
    return None


def _top_level(file: BinaryIO, wanted: bytes) -> bytes:
    """Content of the first box of that kind in the file, behind its version."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if size == 1:
            size = struct.unpack(">Q", file.read(8))[0] - 8
        if kind == wanted and 12 <= size <= MAX_META:
            return file.read(size - 8)[4:]
        if size < 8:
            break
        file.seek(size - 8, 1)
    raise LookupError(wanted)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes in `content`, one behind the other."""
    place = 0
    while place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if size < 8:
            return
        yield kind, content[place + 8 : place + size]
        place += size


def _main_item(pitm: bytes) -> int:
    return int.from_bytes(pitm[4:6] if pitm[0] == 0 else pitm[4:8])


def _properties_of(item: int, ipma: bytes) -> list[int]:
    """Numbers, from 1, of the properties of `item`."""
    version, wide = ipma[0], ipma[3] & 1
    count, place = struct.unpack_from(">I", ipma, 4)[0], 8
    for _ in range(count):
        number = int.from_bytes(ipma[place : place + (2 if version == 0 else 4)])
        place += 2 if version == 0 else 4
        entries, step = ipma[place], 2 if wide else 1
        place += 1
        mask = 0x7FFF if wide else 0x7F
        found = [int.from_bytes(ipma[place + n * step : place + (n + 1) * step]) & mask for n in range(entries)]
        if number == item:
            return found
        place += entries * step
    return []

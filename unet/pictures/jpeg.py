"""JPEG files that end too early: how much is missing, and what is there.

A decoder fills the missing end with what the last whole blocks were like, so it cannot say where the picture stops. Two
different fillings can: the rows where their pixels differ are the rows that the end has cost.
"""

import io
import random

import numpy as np
from PIL import Image

MAX_MISSING = 0.02  # share of the rows
_END = b"\xff\xd9"
_MOST_INTERVALS = 100_000
_NO_LENGTH = {0x01, *range(0xD0, 0xDA)}  # markers without content


def complete(content: bytes) -> tuple[Image.Image, int]:
    """Decode a JPEG that lacks its end.

    Returns:
        The picture, loaded, and the number of its rows that the missing end has spoilt.

    Raises:
        ValueError: More than `MAX_MISSING` of the rows are spoilt, or whole passes over the picture are missing.
    """
    content = content.rstrip(b"\xff")  # half a marker, which would swallow what follows
    intervals = _check_passes(content)
    picture = _load(content + _END)
    other = np.asarray(_load(content + _filling(content, intervals) + _END))
    differs = (np.asarray(picture) != other).reshape(len(other), -1).any(axis=1)
    missing = len(other) - int(np.argmax(differs)) if differs.any() else 0
    if missing > MAX_MISSING * len(other):
        raise ValueError(f"{missing} of {len(other)} rows are missing")
    return picture, missing


def _load(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    image.load()
    return image


def _filling(content: bytes, intervals: int) -> bytes:
    """Bytes that decode to something else than what is there, for every one of the restart `intervals`, if any."""
    noise = random.Random(0)
    if intervals == 0:
        return bytes(noise.choices(range(1, 255), k=4096))
    last = max(content.rfind(b"\xff" + bytes([0xD0 + n])) for n in range(8))
    number = content[last + 1] - 0xD0 + 1 if last >= 0 else 0
    parts = [bytes(noise.choices(range(1, 255), k=12)) + bytes([0xFF, 0xD0 + (number + n) % 8]) for n in range(8)]
    return b"".join(parts) * (min(intervals, _MOST_INTERVALS) // 8 + 1)


def _check_passes(content: bytes) -> int:
    """Make sure that every pass over the picture has begun; returns the number of restart intervals, or 0.

    Raises:
        ValueError: Some component's coefficients are missing, or not to their last bit.
    """
    place, width, height, each, components = 2, 0, 0, 0, 0
    lowest: dict[tuple[int, int], int] = {}  # the last bit that is there, by component and coefficient
    while (place := content.find(b"\xff", place)) >= 0 and place + 4 <= len(content):
        kind = content[place + 1]
        if kind in (0x00, 0xFF) or kind in _NO_LENGTH:
            place += 1 if kind == 0xFF else 2
            continue
        length = int.from_bytes(content[place + 2 : place + 4])
        body = content[place + 4 : place + 2 + length]
        if kind in (0xC0, 0xC1, 0xC2):
            height, width, components = int.from_bytes(body[1:3]), int.from_bytes(body[3:5]), body[5]
        elif kind == 0xDD:
            each = int.from_bytes(body[:2])
        elif kind == 0xDA:
            count = body[0]
            first, end, bit = body[1 + 2 * count], body[2 + 2 * count], body[3 + 2 * count] & 15
            for component in body[1 : 1 + 2 * count : 2]:
                lowest.update({(component, n): bit for n in range(first, min(end, 63) + 1)})
        place += 2 + length
    if (
        len({component for component, _ in lowest}) < components
        or len(lowest) < 64 * components
        or any(lowest.values())
    ):
        raise ValueError("whole passes over the picture are missing")
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    return blocks // each + 1 if each else 0

"""File names for results: safe on every system, and unique within one archive."""

import re
import unicodedata

MAX_STEM = 80
# Device names of Windows, which no file there can have, whatever its suffix.
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


def safe_stem(name: str) -> str:
    """`name` without path or unsafe characters, and shortened; letters of any script stay.

    >>> safe_stem("../../etc/pass wd")
    'pass_wd'
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    stem = re.sub(r"[^\w.-]+", "_", last).strip("._-")[:MAX_STEM].rstrip("._-")
    # Bytes count on disk: some scripts take four to a letter, and 255 is the limit of common file systems.
    while len(stem.encode()) > 2 * MAX_STEM:
        stem = stem[:-1]
    if not stem:
        return "picture"
    device, dot, rest = stem.partition(".")
    return f"{device}_{dot}{rest}" if device.lower() in _RESERVED else stem


class UniqueNames:
    """Assigns each stem once; upper and lower case count as the same, as on macOS and Windows.

    >>> names = UniqueNames()
    >>> names.assign("a"), names.assign("A"), names.assign("a")
    ('a', 'A_2', 'a_3')
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def assign(self, name: str) -> str:
        """A safe stem like `name` that has not been assigned yet."""
        stem = candidate = safe_stem(name)
        number = 1
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{stem}_{number}"
        self._taken.add(candidate.casefold())
        return candidate

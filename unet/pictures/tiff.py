"""TIFF pages: which one is the picture, and what kind it is of."""

import ctypes
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import Image, TiffImagePlugin

from unet.pictures.kinds import DECODING_ERRORS

MAX_PAGES = 64  # that are looked at; a scanned book has its first page first
THUMBNAIL = 512  # pixels of the longer side of a first page that may be a thumbnail without saying so
_CFA, _LINEAR_RAW = 32803, 34892  # photometric interpretations of a camera's sensor
_RAW_COMPRESSIONS = (32767, 34713, 65000, 65535)  # Sony, Nikon, Kodak, Pentax
_MAKERS = {"NIKON": "NEF", "SONY": "ARW", "CANON": "CR2", "PENTAX": "PEF", "SAMSUNG": "SRW", "OLYMPUS": "ORF"}
_MAKERS |= {"HASSELBLAD": "3FR", "SEIKO EPSON": "ERF", "EASTMAN KODAK": "DCR", "KODAK": "KDC", "MAMIYA": "MEF"}
_MAKERS |= {"LEAF": "MOS", "PHASE ONE": "IIQ", "LEICA": "RWL"}
_PHOTOMETRIC = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab"}
_COMPRESSION = {
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    33003: "JPEG 2000",
    34712: "JPEG 2000",
    50001: "WebP",
    50002: "JPEG XL",
}


def _quiet_libtiff() -> None:
    """Keep libtiff's own lines off stderr: what is wrong with a file is raised, and said in one sentence."""
    warnings.filterwarnings("ignore", module=TiffImagePlugin.__name__)  # Pillow's, about damaged tags
    try:
        library = ctypes.CDLL(Image.core.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            function = getattr(library, name)
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)
    except (OSError, AttributeError):  # a Pillow that hides its libtiff: the lines appear, nothing else changes
        pass


_quiet_libtiff()


class RawFileError(Exception):
    """A camera's raw file; the argument is its kind, such as NEF."""


class TiffKindError(Exception):
    """A TIFF of a kind that is not read; the argument says of what kind."""


@dataclass(frozen=True)
class Page:
    """One page of a TIFF."""

    number: int
    tags: dict[int, Any]
    prefix: str  # "<" or ">", the byte order

    def value(self, tag: int, default: int = 0) -> int:
        """A tag's first whole number."""
        values = self.values(tag)
        return values[0] if values else default

    def values(self, tag: int) -> tuple[int, ...]:
        """All numbers of a tag.

        Raises:
            ValueError: They are no whole numbers.
        """
        found = self.tags.get(tag, ())
        found = found if isinstance(found, tuple) else (found,)
        if not all(isinstance(value, int) for value in found):
            raise ValueError(f"tag {tag} is no whole number")
        return found

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored."""
        return self.value(256), self.value(257)

    @property
    def samples(self) -> int:
        """Samples of a pixel."""
        return self.value(277, 1)

    @property
    def bits(self) -> int:
        """Bits of a sample; 0 if they differ."""
        bits = set(self.values(258) or (1,))
        return bits.pop() if len(bits) == 1 else 0

    @property
    def is_reduced(self) -> bool:
        """Whether the page says that it is a smaller copy of another, or a mask."""
        return bool(self.value(254) & 0b101) or self.value(255) == 2

    @property
    def sideways(self) -> bool:
        """Whether rows are columns of the upright picture."""
        return self.value(274, 1) in (5, 6, 7, 8)

    def check(self) -> None:
        """Make sure that the numbers that say what the page is are whole numbers.

        Raises:
            ValueError: They are not.
        """
        for tag in (254, 255, 256, 257, 258, 259, 262, 266, 274, 277, 284, 317, 338, 339):
            self.values(tag)

    def describe(self) -> str:
        """The kind in words, such as "CMYK, 5 samples of 16 bits"."""
        form = {2: " signed", 3: " floating-point"}.get(self.value(339, 1), "")
        colours = _PHOTOMETRIC.get(self.value(262, 1), "unknown colours")
        words = (
            f"{colours}, {self.samples}{form} sample{'s' if self.samples > 1 else ''} of {self.bits or 'mixed'} bits"
        )
        compression = self.value(259, 1)
        return words + (f", {_COMPRESSION.get(compression, f'compression {compression}')}" if compression > 1 else "")


def choose_page(file: BinaryIO) -> Page:
    """The page of a TIFF that is the picture: the first, unless it is a smaller copy of a later one.

    Raises:
        RawFileError: A camera's raw file.
        TiffKindError: The file has a thumbnail only.
        ValueError: The tags are damaged (and the other `DECODING_ERRORS`).
    """
    file.seek(0)
    head = file.read(16)
    pages = list(_pages(file, head))
    if not pages:
        raise ValueError("no page")
    first = pages[0]
    _refuse_raw(file, head, pages)
    full = [page for page in pages if not page.is_reduced]
    if first.is_reduced and first.tags.get(330) and not full:
        raise TiffKindError("with a thumbnail as its only page")
    if first.is_reduced:
        return full[0] if full else first
    larger = [page for page in full[1:] if _is_thumbnail_of(first, page)]
    return max(larger, key=lambda page: page.size) if larger else first


def _is_thumbnail_of(first: Page, other: Page) -> bool:
    (width, height), (large_width, large_height) = first.size, other.size
    if not 0 < max(width, height) <= THUMBNAIL or min(large_width, large_height) < 1:
        return False
    same_shape = abs(width * large_height - height * large_width) <= 0.03 * width * large_height
    return same_shape and large_width >= 2 * width and large_height >= 2 * height


def _pages(file: BinaryIO, head: bytes) -> Iterator[Page]:
    start = TiffImagePlugin.ImageFileDirectory_v2(head if head[2] == 43 else head[:8]).next
    seen: set[int] = set()
    while start and start not in seen and len(seen) < MAX_PAGES:
        try:
            page, following = _page(file, head, start, len(seen))
        except DECODING_ERRORS:
            if not seen:
                raise
            return  # damage behind the first page does not matter to it
        seen.add(start)
        yield page
        start = following


def _page(file: BinaryIO, head: bytes, start: int, number: int) -> tuple[Page, int]:
    directory = TiffImagePlugin.ImageFileDirectory_v2(head if head[2] == 43 else head[:8])
    file.seek(start)
    directory.load(file)
    return Page(number, dict(directory), "<" if head[:2] == b"II" else ">"), directory.next or 0


def _refuse_raw(file: BinaryIO, head: bytes, pages: list[Page]) -> None:
    first = pages[0]
    maker = str(first.tags.get(271, "")).upper()
    kind = next((kind for name, kind in _MAKERS.items() if maker.startswith(name)), "RAW")
    if 50706 in first.tags:
        raise RawFileError("DNG")
    if first.is_reduced and kind != "RAW" and first.tags.get(330):
        raise RawFileError(kind)
    below = []
    for start in first.tags.get(330, ()) if isinstance(first.tags.get(330), tuple) else ():
        try:
            below.append(_page(file, head, start, 0)[0])
        except DECODING_ERRORS:  # a damaged subdirectory says nothing
            continue
    for page in (*pages, *below):
        photometric, compression = page.tags.get(262), page.tags.get(259)
        if photometric in (_CFA, _LINEAR_RAW) or compression in _RAW_COMPRESSIONS:
            raise RawFileError(kind)

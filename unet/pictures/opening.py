"""Opening a picture file: its header is read, and everything that is no picture, or too large, is refused."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pillow_heif
from PIL import Image

from unet.errors import ImageError
from unet.pictures.colour import holds_over_profile
from unet.pictures.kinds import DECODING_ERRORS, FORMATS, PNG_SIGNATURE, foreign_kind, is_tiff, raw_kind, raw_refusal
from unet.pictures.png import PngFile, strip_chunks
from unet.pictures.tiff import Page, RawFileError, TiffKindError, choose_page
from unet.pictures.tiff_samples import decodes_here

Image.init()  # every plugin, so that formats can be named
pillow_heif.register_heif_opener()

MAX_PIXELS = 100_000_000
MAX_BYTES = 64 * 2**20  # of a file, also of an upload
# Our own limit is checked from the header; Pillow refuses twice as many pixels, and would warn of those between.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
_LIMIT = f"the limit of {MAX_PIXELS // 10**6} megapixels"
_HEAD = 1024  # bytes that tell what a file is

Source = str | os.PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True)
class Opened:
    """A picture file whose header is read and checked."""

    file: BinaryIO
    shown: str  # the name for messages
    size: tuple[int, int]  # width and height of the upright picture
    orientation: int  # EXIF's, 1 to 8, of the pixels that are still to be turned; 1 = upright
    image: Image.Image | None  # Pillow's; None where `page` is read by `tiff_samples`
    page: Page | None = None  # of a TIFF
    png: PngFile | None = None


def damaged(shown: str) -> ImageError:
    """The refusal of a file whose pixels cannot be decoded."""
    return ImageError(f"{shown} is damaged or cut off: its pixels cannot be decoded")


def odd_tiff(shown: str, kind: object) -> ImageError:
    """The refusal of a TIFF of a `kind` that is not read."""
    return ImageError(f"{shown} is a TIFF of a kind that is not read ({kind}); save it as PNG, or as TIFF of 8-bit RGB")


@contextmanager
def opened(source: Source, name: str | None, pixels: bool) -> Iterator[Opened]:
    """Open a picture; `pixels` says whether they will be decoded, too.

    Raises:
        ImageError: As `read_picture` in `unet.pictures.decode` says.
    """
    own_name = Path(source).name if isinstance(source, str | os.PathLike) else "the picture"
    shown = own_name if name is None else name
    with ExitStack() as stack:
        if isinstance(source, str | os.PathLike):
            try:
                file: BinaryIO = stack.enter_context(open(source, "rb"))
            except IsADirectoryError:
                raise ImageError(f"{shown} is a folder, not a picture") from None
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or "not a valid path"
                raise ImageError(f"{shown} cannot be opened: {reason}") from error
        else:
            file = io.BytesIO(source) if isinstance(source, bytes) else source
        head = _head(file, shown)
        result = _open(file, head, shown, pixels)
        if result.image is not None:
            stack.enter_context(result.image)
        yield result


def _head(file: BinaryIO, shown: str) -> bytes:
    """The first bytes of a file of a size that is read."""
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD)
    except OSError as error:
        if not file.seekable():
            raise ImageError(f"{shown} is a pipe or a device; save the picture to a file first") from error
        raise ImageError(f"{shown} cannot be read: {error.strerror or error}") from error
    if size == 0:
        raise ImageError(f"{shown} is empty (zero bytes)")
    if size > MAX_BYTES:
        raise ImageError(f"{shown} has {size / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB")
    return head


def _open(file: BinaryIO, head: bytes, shown: str, pixels: bool) -> Opened:
    raw = raw_kind(head)
    if raw:
        raise ImageError(f"{shown} is {raw_refusal(raw)}")
    page = _tiff_page(file, head, shown)
    if page is not None and decodes_here(page):
        _check_size(*page.size, shown)
        size = page.size[::-1] if page.sideways else page.size
        return Opened(file, shown, size, page.value(274, 1), None, page)
    png = None
    try:
        if head.startswith(PNG_SIGNATURE):
            png = strip_chunks(file, pixels)
        file.seek(0)
        image = Image.open(file if png is None else png.content, formats=FORMATS)
        if png is not None and png.profile and not holds_over_profile(png.side):
            image.info["icc_profile"] = png.profile
        if page is not None and page.number:
            image.seek(page.number)
        width, height = image.size
    except Image.DecompressionBombError as error:
        raise ImageError(f"{shown} has more than {_LIMIT}") from error
    except DECODING_ERRORS as error:
        if page is not None:
            raise odd_tiff(shown, page.describe()) from error
        kind = foreign_kind(head)
        if kind:
            raise ImageError(f"{shown} is {kind}") from error
        known = "JPEG, PNG, WebP, TIFF, HEIC"
        raise ImageError(f"{shown} is not a picture that can be read ({known}), or it is cut off") from error
    _check_size(width, height, shown)
    if page is not None:
        image.info.pop("xmp", None)  # Pillow would turn a TIFF by the orientation in it
        return Opened(file, shown, (width, height), 1, image, page)  # Pillow turns a TIFF by its tag while it loads
    orientation = orientation_of(image)
    size = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    return Opened(file, shown, size, orientation, image, png=png)


def _tiff_page(file: BinaryIO, head: bytes, shown: str) -> Page | None:
    """The TIFF page that is the picture, its numbers checked; None if the file is no TIFF."""
    if not is_tiff(head):
        return None
    try:
        page = choose_page(file)
        page.check()
    except RawFileError as error:
        raise ImageError(f"{shown} is {raw_refusal(str(error))}") from error
    except TiffKindError as error:
        raise odd_tiff(shown, error) from error
    except DECODING_ERRORS as error:
        raise ImageError(f"{shown} is damaged: its TIFF tags cannot be read") from error
    try:
        tile = page.value(322) * page.value(323)  # decoded whole even if the picture is smaller
    except DECODING_ERRORS as error:
        raise ImageError(f"{shown} is damaged: the size of its tiles cannot be read") from error
    if tile > MAX_PIXELS:
        raise ImageError(f"{shown} has tiles of more than {_LIMIT}")
    return page


def _check_size(width: int, height: int, shown: str) -> None:
    if width * height > MAX_PIXELS:
        size = f"{width} x {height} = {width * height / 1e6:.0f} megapixels"
        raise ImageError(f"{shown} has {size}; the limit is {MAX_PIXELS // 10**6} megapixels")
    if width < 1 or height < 1:
        raise ImageError(f"{shown} has no pixels")


def orientation_of(image: Image.Image) -> int:
    """The orientation in the EXIF block, 1 to 8; 1 = upright. One in XMP does not count, as in browsers."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = int(exif.get(0x0112, 1))
    except DECODING_ERRORS:  # a damaged EXIF block does not affect the pixels
        return 1
    return orientation if 1 <= orientation <= 8 else 1

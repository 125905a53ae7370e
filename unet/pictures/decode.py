"""The decoder: from a picture file to upright sRGB pixels, or to one sentence that says why not (no torch)."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from unet.errors import ImageError

Image.init()  # every plugin, so that formats can be named
pillow_heif.register_heif_opener()

MAX_PIXELS = 100_000_000
MAX_BYTES = 64 * 2**20  # of a file, also of an upload
# Our own limit is checked from the header; Pillow only warns, and refuses twice as many pixels.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# Pillow reads more formats; some start other programs, contain documents, or decode pixels with the header (ICO).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "PPM")
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
# Errors that Pillow and pillow-heif raise for damaged files.
DECODING_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError, RuntimeError),
    *(AttributeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError),
)

# The transposition that makes a picture upright, by its EXIF orientation (tag 0x0112).
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Source = str | os.PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True)
class Picture:
    """A decoded picture."""

    rgb: np.ndarray  # (H, W, 3) uint8: upright, sRGB, transparency composited on white
    alpha: np.ndarray | None  # (H, W) uint8, 0 transparent to 255 opaque; None if the file has no transparency
    name: str  # the file's stem, which names the results

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.rgb.shape[1])


@contextmanager
def _opened(source: Source, name: str | None) -> Iterator[tuple[Image.Image, str]]:
    """The picture with its header read and checked, and its name for messages."""
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
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size == 0:
            raise ImageError(f"{shown} is empty (zero bytes)")
        if size > MAX_BYTES:
            raise ImageError(f"{shown} has {size / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB")
        yield stack.enter_context(_open(file, shown)), shown


def _foreign_kind(head: bytes) -> str | None:
    """The kind of a file that is not a picture, from its first bytes, if it is a common one."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"%pdf"):
        return "a PDF document"
    if text.startswith((b"<svg", b"<!doctype svg")) or (text.startswith(b"<?xml") and b"<svg" in text):
        return "an SVG drawing, which has no pixels; export it as PNG"
    video = head[4:8] == b"ftyp" and head[8:12] not in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"hevc")
    if video or head.startswith((b"\x1aE\xdf\xa3", b"OggS", b"FLV")) or head[8:12] == b"AVI ":
        return "a video; save one of its frames as a picture"
    return None


def _open(file: BinaryIO, shown: str) -> Image.Image:
    """Read the header only, and check the format and the number of pixels."""
    limit = f"the limit of {MAX_PIXELS // 10**6} megapixels"
    try:
        image = Image.open(file, formats=FORMATS)
        width, height = image.size
    except Image.DecompressionBombError as error:
        raise ImageError(f"{shown} has more than {limit}") from error
    except DECODING_ERRORS as error:
        file.seek(0)
        kind = _foreign_kind(file.read(1024))
        if kind:
            raise ImageError(f"{shown} is {kind}") from error
        known = "JPEG, PNG, WebP, TIFF, HEIC"
        raise ImageError(f"{shown} is not a picture that can be read ({known}), or it is cut off") from error
    if width * height > MAX_PIXELS:
        size = f"{width} x {height} = {width * height / 1e6:.0f} megapixels"
        raise ImageError(f"{shown} has {size}; the limit is {MAX_PIXELS // 10**6} megapixels")
    if width < 1 or height < 1:
        raise ImageError(f"{shown} has no pixels")
    try:
        tile = _tile_pixels(image)
    except DECODING_ERRORS as error:
        raise ImageError(f"{shown} is damaged: the size of its tiles cannot be read") from error
    if tile > MAX_PIXELS:
        raise ImageError(f"{shown} has tiles of more than {limit}")
    return image


def _tile_pixels(image: Image.Image) -> int:
    """Number of pixels in a tile of a TIFF, which is decoded whole even if the picture is smaller; 0 without tiles."""
    tags = getattr(image, "tag_v2", {})
    sides = [tags.get(tag, 0) for tag in (322, 323)]  # TileWidth, TileLength
    width, height = (max((int(s) for s in (side if isinstance(side, tuple) else (side,))), default=0) for side in sides)
    return width * height


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 = upright."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except DECODING_ERRORS:  # a damaged EXIF block does not affect the pixels
        return 1


def read_header(source: Source, name: str | None = None) -> tuple[int, int]:
    """Read the width and height of the upright picture without decoding its pixels.

    Arguments and errors are those of `read_picture`; damage behind the header is not noticed.
    """
    with _opened(source, name) as (image, _):
        width, height = image.size
        # For a TIFF, Pillow already gives the upright size.
        sideways = image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8)
        return (height, width) if sideways else (width, height)


def _grey_from_wide(image: Image.Image) -> Image.Image:
    """Scale 16- and 32-bit grey to 8 bits.

    Integers within 0..65535 are scaled from that range, and floats within 0..1 from that range. All others are scaled
    from their own minimum and maximum.
    """
    values = np.asarray(image).astype(np.float64)
    values = np.where(np.isfinite(values), values, 0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert colours to sRGB with the embedded profile; a missing, damaged or unsuitable profile is ignored."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK", "L", "RGBA", "LA"):
        return image
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode[:-1]) if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        result = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if result and alpha:
        result.putalpha(alpha)
    return result or image


def _decode(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Upright pixels of the first frame: RGB, and alpha if the file has transparency."""
    image.load()
    upright = TRANSPOSITIONS.get(_orientation(image))
    if image.mode.startswith("I") or image.mode == "F":
        image = _grey_from_wide(image)
    else:
        if image.mode in ("P", "PA", "L", "RGB") and image.has_transparency_data:  # in L and RGB, of one colour
            image = image.convert("RGBA")
        elif image.mode in ("P", "PA"):
            image = image.convert("RGB")
        image = _to_srgb(image)
    if upright is not None:
        image = image.transpose(upright)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=alpha)
        return white, alpha
    # A picture of 48 megapixels needs 144 MB, so it is not copied without need.
    return image if image.mode == "RGB" else image.convert("RGB"), None


def read_picture(source: Source, name: str | None = None) -> Picture:
    """Decode a picture file (JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC or PPM).

    The result is upright by the EXIF orientation, converted to sRGB, and composited on white where it is transparent.
    Of several frames or pages the first is read.

    Args:
        source: A path, the bytes of a file, or an open binary file, which stays open.
        name: The name in error messages and of results. The default is the file name of a path.

    Raises:
        ImageError: The file is missing, not a picture, damaged, or larger than 100 megapixels (`MAX_PIXELS`) or 64 MB
            (`MAX_BYTES`). The message is one sentence with the name and the reason.
    """
    with _opened(source, name) as (image, shown):
        try:
            rgb, alpha = _decode(image)
            return Picture(np.asarray(rgb), None if alpha is None else np.asarray(alpha), Path(shown).stem)
        except DECODING_ERRORS as error:
            raise ImageError(f"{shown} is damaged or cut off: its pixels cannot be decoded") from error

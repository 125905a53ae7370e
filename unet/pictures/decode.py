"""The one decoder: from any picture file to upright sRGB pixels, or to one sentence that says why not (no torch)."""

import io
import os
import struct
import zlib
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
MAX_BYTES = 64 * 2**20
# Our own limit is checked from the header; Pillow's only warns at half of what it refuses.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# Pillow knows many more, some of which start other programs, hide documents, or decode pixels with the header (ICO).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "PPM")
PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
# What Pillow and pillow-heif raise for files that are damaged in one way or another.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    OverflowError,
    MemoryError,
    RuntimeError,
    AttributeError,
    ZeroDivisionError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

# EXIF orientation (tag 0x0112) to what makes the picture upright.
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

    rgb: np.ndarray
    """(H, W, 3) uint8, upright, sRGB; transparency composited on white."""
    alpha: np.ndarray | None
    """(H, W) uint8, or None when the file has no transparency."""
    name: str
    """The file's stem, for naming results."""

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.rgb.shape[1])


def _display_name(source: Source, name: str | None) -> str:
    if name is not None:
        return name
    return Path(source).name if isinstance(source, str | os.PathLike) else "the picture"


def _file_bytes(source: Source, shown: str) -> BinaryIO:
    """The file, opened, once its size has been checked."""
    if isinstance(source, bytes):
        file: BinaryIO = io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        try:
            file = open(source, "rb")  # noqa: SIM115 - closed by the caller
        except IsADirectoryError:
            raise ImageError(f"{shown} is a folder, not a picture") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a valid path"
            raise ImageError(f"{shown} cannot be opened: {reason}") from error
    else:
        file = source
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0:
        raise ImageError(f"{shown} is empty (zero bytes)")
    if size > MAX_BYTES:
        raise ImageError(f"{shown} has {size / 2**20:.0f} MB; the limit is {MAX_BYTES // 2**20} MB")
    return file


def _foreign_kind(head: bytes) -> str | None:
    """What a file that is no picture seems to be, from its first bytes."""
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
    """Read the header only; check kind and pixel count."""
    try:
        image = Image.open(file, formats=FORMATS)
        width, height = image.size
    except Image.DecompressionBombError as error:
        raise ImageError(f"{shown} has more than the limit of {MAX_PIXELS // 10**6} megapixels") from error
    except DECODING_ERRORS as error:
        file.seek(0)
        kind = _foreign_kind(file.read(1024))
        if kind:
            raise ImageError(f"{shown} is {kind}") from error
        known = "JPEG, PNG, WebP, TIFF, HEIC"
        raise ImageError(f"{shown} is not a picture that can be read ({known}), or it is cut off") from error
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{shown} has {width} x {height} = {width * height / 1e6:.0f} megapixels; "
            f"the limit is {MAX_PIXELS // 10**6} megapixels"
        )
    if width < 1 or height < 1:
        raise ImageError(f"{shown} has no pixels")
    try:
        tile = _tile_pixels(image)
    except DECODING_ERRORS as error:
        raise ImageError(f"{shown} is damaged: the size of its tiles cannot be read") from error
    if tile > MAX_PIXELS:
        raise ImageError(f"{shown} has tiles of more than the limit of {MAX_PIXELS // 10**6} megapixels")
    return image


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of a TIFF's tiles, which are decoded whole however small the picture is; 0 without tiles."""
    tags = getattr(image, "tag_v2", {})
    sides = [tags.get(tag, 0) for tag in (322, 323)]  # TileWidth, TileLength
    width, height = (max((int(s) for s in (side if isinstance(side, tuple) else (side,))), default=0) for side in sides)
    return width * height


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 = upright."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except DECODING_ERRORS:  # a damaged EXIF block does not spoil the pixels
        return 1


def read_header(source: Source, name: str | None = None) -> tuple[int, int]:
    """Width and height of the upright picture, without decoding its pixels.

    Raises:
        ImageError: as `read_picture`, as far as the header shows it.
    """
    shown = _display_name(source, name)
    file = _file_bytes(source, shown)
    try:
        with _open(file, shown) as image:
            width, height = image.size
            # Of a TIFF, Pillow gives the upright size to begin with.
            sideways = image.format != "TIFF" and _orientation(image) in (5, 6, 7, 8)
            return (height, width) if sideways else (width, height)
    finally:
        if isinstance(source, str | os.PathLike):
            file.close()


def _grey_from_wide(image: Image.Image) -> Image.Image:
    """16- and 32-bit grey, scaled to 8 bits instead of clipped.

    16-bit files and whole numbers up to 65535 are taken to span 0..65535; other whole numbers and floats outside 0..1
    the range they have; floats within 0..1 that range.
    """
    values = np.asarray(image).astype(np.float64)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Colours into sRGB by the embedded profile; a missing, broken or unfitting profile is left aside."""
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
    if result is None:
        return image
    if alpha:
        result.putalpha(alpha)
    return result


def _decode(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Upright pixels of the first frame: RGB and, where the file has transparency, alpha."""
    image.load()
    upright = TRANSPOSITIONS.get(_orientation(image))
    if image.mode.startswith("I") or image.mode == "F":
        image = _grey_from_wide(image)
    elif image.mode in ("P", "PA"):
        image = _to_srgb(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    elif image.mode in ("L", "RGB") and image.has_transparency_data:  # one colour stands for transparent
        image = _to_srgb(image.convert("RGBA"))
    else:
        image = _to_srgb(image)
    if upright is not None:
        image = image.transpose(upright)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        white = Image.new("RGB", rgba.size, (255, 255, 255))
        white.paste(rgba, mask=alpha)
        return white, alpha
    # A picture of 48 megapixels takes 144 MB; nothing is copied without need.
    return image if image.mode == "RGB" else image.convert("RGB"), None


def read_picture(source: Source, name: str | None = None) -> Picture:
    """Decode a picture file: upright, in sRGB, transparency composited on white; of several frames the first.

    Args:
        source: path, bytes or open binary file.
        name: what to call it in messages and results; a path's own file name by default.

    Raises:
        ImageError: not a picture, damaged, or beyond `MAX_PIXELS` or `MAX_BYTES`; one sentence names file and reason.
    """
    shown = _display_name(source, name)
    file = _file_bytes(source, shown)
    try:
        with _open(file, shown) as image:
            try:
                rgb, alpha = _decode(image)
                return Picture(np.asarray(rgb), None if alpha is None else np.asarray(alpha), Path(shown).stem)
            except DECODING_ERRORS as error:
                raise ImageError(f"{shown} is damaged or cut off: its pixels cannot be decoded") from error
    finally:
        if isinstance(source, str | os.PathLike):
            file.close()

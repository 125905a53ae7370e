"""From an open picture file to upright sRGB pixels and their transparency."""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from unet.pictures import colour, jpeg
from unet.pictures.boxes import colour_numbers
from unet.pictures.kinds import DECODING_ERRORS
from unet.pictures.opening import Opened
from unet.pictures.png import wide_samples
from unet.pictures.tiff_samples import read_page
from unet.pictures.wide import TWELVE_BITS, scale

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


@dataclass(frozen=True)
class Pixels:
    """Pixels in sRGB, as stored or upright."""

    image: Image.Image  # without transparency
    alpha: Image.Image | None = None  # L
    notices: tuple[str, ...] = ()

    def upright(self, orientation: int) -> "Pixels":
        """The pixels turned by an EXIF orientation."""
        turn = TRANSPOSITIONS.get(orientation)
        if turn is None:
            return self
        return Pixels(self.image.transpose(turn), self.alpha and self.alpha.transpose(turn), self.notices)


def decode(source: Opened, enough: int | None = None) -> Pixels:
    """Decode the picture of an open file; a JPEG's pixels may be fewer, if sides of `enough` pixels will do.

    Raises:
        TiffKindError: A TIFF of a kind that is not read.
        Exception: Its pixels are damaged: any of `DECODING_ERRORS`.
    """
    if source.image is None:
        pixels = _tiff_page(source)
    elif enough is not None and isinstance(source.image, JpegImageFile):
        whole = source.image.size
        source.image.draft(None, (enough, enough))  # the scale is chosen by the side that has less to spare
        pixels = _without_padding(_by_pillow(source, source.image), whole)
    else:
        pixels = _by_pillow(source, source.image)
    return pixels.upright(source.orientation)


def _without_padding(pixels: Pixels, whole: tuple[int, int]) -> Pixels:
    """A JPEG's smaller copy, exactly as wide and high as the `whole` picture: its last row and column may be padded."""
    image = pixels.image
    scale = 2 ** round(math.log2(whole[0] / image.width))
    if (image.width * scale, image.height * scale) == whole:
        return pixels
    box = (0, 0, whole[0] / scale, whole[1] / scale)
    return Pixels(image.resize(image.size, Image.Resampling.BICUBIC, box), None, pixels.notices)


def as_rgb(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8. Grey is repeated here: Pillow's own RGB takes four bytes a pixel besides."""
    if image.mode == "L":
        grey = np.asarray(image)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _tiff_page(source: Opened) -> Pixels:
    assert source.page is not None
    page = read_page(source.file, source.page)
    profile = source.page.tags.get(34675)
    profile = profile if isinstance(profile, bytes) else None
    rgb = None if page.grey16 is None else colour.grey_by_profile(page.grey16, profile)
    image = colour.apply_profile(page.image, profile) if rgb is None else Image.fromarray(rgb)
    alpha = None if page.alpha is None else Image.fromarray(page.alpha)
    return Pixels(image, alpha, (page.notice,) if page.notice else ())


def _by_pillow(source: Opened, image: Image.Image) -> Pixels:
    covered = _covered(image)
    image, missing = _loaded(source, image)
    pixels = _wide_png(source, image) or _wide_grey(source, image) or _usual(source, image)
    if covered:  # a browser shows nothing around the first frame of a GIF
        around = Image.new("L", image.size, 0)
        inside = pixels.alpha.crop(covered) if pixels.alpha else Image.new("L", _size(covered), 255)
        around.paste(inside, covered)
        pixels = Pixels(pixels.image, around, pixels.notices)
    if missing:
        end = "first" if source.orientation in (3, 4, 6, 7) else "last"  # of the upright picture
        lines = "columns" if source.orientation >= 5 else "rows"
        text = f"the file is cut off at its end: the {end} {missing} of {image.height} {lines} are missing"
        pixels = Pixels(pixels.image, pixels.alpha, (*pixels.notices, text))
    return pixels


def _covered(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The part of a GIF's canvas that its first frame covers; None for all of it, and for other files."""
    tiles = image.tile if image.format == "GIF" and isinstance(image, ImageFile.ImageFile) else []
    box = tiles[0][1] if tiles else None
    return None if box is None or box == (0, 0, *image.size) else box


def _size(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return box[2] - box[0], box[3] - box[1]


def _loaded(source: Opened, image: Image.Image) -> tuple[Image.Image, int]:
    """The image with its pixels, and the number of rows that a JPEG's missing end has cost."""
    try:
        image.load()
        return image, 0
    except DECODING_ERRORS:
        if image.format not in ("JPEG", "MPO"):
            raise
    source.file.seek(0)
    return jpeg.complete(source.file.read())


def _wide_grey(source: Opened, image: Image.Image) -> Pixels | None:
    """Grey of more than 8 bits; None for other pictures."""
    if not image.mode.startswith("I") and image.mode != "F":
        return None
    values = np.asarray(image)
    key = image.info.get("transparency")
    visible = values != key if isinstance(key, int) else None
    alpha = None if visible is None else Image.fromarray(np.where(visible, np.uint8(255), np.uint8(0)))
    grey, notice = scale(values, visible, flat=visible is None)
    stretched = notice is not None and "flat" not in notice
    notices = (notice,) if notice else ()
    profile, space = image.info.get("icc_profile"), _space(source, image)
    rgb = None
    if values.dtype == np.uint16 and not stretched:
        rgb = colour.to_srgb(values, space) if space else colour.grey_by_profile(values, profile)
    if rgb is not None:
        return Pixels(Image.fromarray(rgb), alpha, notices)
    shown = Image.fromarray(colour.to_srgb(grey, space)) if space else Image.fromarray(grey)
    return Pixels(shown if space else colour.apply_profile(shown, profile), alpha, notices)


def _wide_png(source: Opened, image: Image.Image) -> Pixels | None:
    """A PNG of 16-bit samples in several channels, where the upper 8 bits alone would not do; None otherwise."""
    png = source.png
    if png is None or png.depth != 16 or png.colour_type not in (2, 4, 6):
        return None
    upper = np.asarray(image)[..., :3]
    space, key = _space(source, image), png.side.get(b"tRNS", b"")
    if space is None and len(key) != 6 and 256 * int(upper.max()) >= TWELVE_BITS:
        return None
    samples = wide_samples(png, image)
    count = 1 if png.colour_type == 4 else 3
    values = samples[..., :count]
    alpha = None
    if png.colour_type in (4, 6):
        alpha, _ = scale(samples[..., -1]) if values.max() < TWELVE_BITS else (samples[..., -1] >> 8, None)
        alpha = alpha.astype(np.uint8)
    elif len(key) == 6:
        hidden = (values == np.frombuffer(key, ">u2").astype(np.uint16)).all(axis=2)
        alpha = np.where(hidden, np.uint8(0), np.uint8(255))
    eight, notice = scale(values, None if alpha is None else alpha > 0, flat=alpha is None)
    stretched = notice is not None and "flat" not in notice
    eight = np.repeat(eight, 3, axis=2) if count == 1 else eight
    if space:
        wide = np.repeat(values, 3, axis=2) if count == 1 else values
        result = Image.fromarray(colour.to_srgb(eight if stretched else wide, space))
    else:
        result = colour.apply_profile(Image.fromarray(eight), image.info.get("icc_profile"))
    return Pixels(result, None if alpha is None else Image.fromarray(alpha), (notice,) if notice else ())


def _usual(source: Opened, image: Image.Image) -> Pixels:
    """Pictures of 8 bits a sample."""
    png = source.png
    if png is not None and png.colour_type == 0 and png.depth < 8 and len(png.side.get(b"tRNS", b"")) == 2:
        image = image.convert("L")  # 1 bit, too; Pillow leaves the transparent level as the file counts it
        image.info["transparency"] = int.from_bytes(png.side[b"tRNS"]) * 255 // (2**png.depth - 1)
    if image.mode in ("P", "PA", "L", "RGB") and image.has_transparency_data:  # in L and RGB, of one colour
        image = image.convert("RGBA")
    elif image.mode in ("P", "PA"):
        image = image.convert("RGB")
    space = _space(source, image)
    if space is None:
        image = colour.apply_profile(image, image.info.get("icc_profile"))
    alpha = None
    if image.has_transparency_data:
        image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if space is not None:
        image = Image.fromarray(colour.to_srgb(np.asarray(image), space))
    return Pixels(image, alpha)


def _space(source: Opened, image: Image.Image) -> colour.Space | None:
    """The colour space that the file names without a profile; None for sRGB and where a profile holds."""
    profile = image.info.get("icc_profile")
    if source.png is not None:
        return colour.from_png(source.png.side, _is_profile(profile))
    if profile or image.format not in ("AVIF", "HEIF"):
        return None
    numbers = colour_numbers(source.file)
    return colour.from_numbers(*numbers, video=True) if numbers else None


def _is_profile(content: object) -> bool:
    """Whether `content` is an ICC profile; where it is not, a PNG's other chunks hold."""
    if not isinstance(content, bytes):
        return False
    try:
        colour.ImageCms.ImageCmsProfile(io.BytesIO(content))
    except (OSError, ValueError, TypeError):
        return False
    return True

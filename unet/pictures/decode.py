"""The decoder: from a picture file to upright sRGB pixels, or to one sentence that says why not (no torch)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from unet.pictures.kinds import DECODING_ERRORS, PICTURE_SUFFIXES
from unet.pictures.opening import MAX_BYTES, MAX_PIXELS, Opened, Source, damaged, odd_tiff, opened
from unet.pictures.pixels import TRANSPOSITIONS, as_rgb, decode
from unet.pictures.tiff import TiffKindError

__all__ = [
    "DECODING_ERRORS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "TRANSPOSITIONS",
    "Picture",
    "Source",
    "decode_opened",
    "read_header",
    "read_picture",
]


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Network, overlay and page see what a browser shows on a white page, `rgb`. A cut-out has the file's own
    transparency, and must have its own colours under it: `straight`, without any white.
    """

    rgb: np.ndarray  # (H, W, 3) uint8: upright, sRGB, transparency composited on white
    alpha: np.ndarray | None  # (H, W) uint8, 0 transparent to 255 opaque; None if the file has no transparency
    name: str  # the file's stem, which names the results
    straight: np.ndarray | None = None  # (H, W, 3) uint8: as `rgb`, but not composited; None means `rgb`
    notices: tuple[str, ...] = ()  # what the user should know, such as "the file is cut off at its end: ..."
    size: tuple[int, int] | None = None  # height and width, where `rgb` is a smaller copy (see `read_picture`)

    @property
    def height(self) -> int:
        """Height of the picture in pixels."""
        return int(self.rgb.shape[0]) if self.size is None else self.size[0]

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return int(self.rgb.shape[1]) if self.size is None else self.size[1]

    @property
    def own_colours(self) -> np.ndarray:
        """The colours (H, W, 3) uint8 under the picture's transparency."""
        return self.rgb if self.straight is None else self.straight

    @property
    def nbytes(self) -> int:
        """Bytes of all its pixels."""
        arrays = {id(array): array.nbytes for array in (self.rgb, self.alpha, self.straight) if array is not None}
        return sum(arrays.values())


def read_header(source: Source, name: str | None = None) -> tuple[int, int]:
    """Read the width and height of the upright picture without decoding its pixels.

    Arguments and errors are those of `read_picture`; damage behind the header is not noticed.
    """
    with opened(source, name, pixels=False) as file:
        return file.size


def read_picture(source: Source, name: str | None = None, enough: int | None = None) -> Picture:
    """Decode a picture file (JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, HEIC or PPM).

    The result is upright by the EXIF orientation and converted to sRGB. Of several frames or pages the first is read;
    of a TIFF, the first that is not a smaller copy of another. A JPEG may lack the last 2 % of its rows, and samples of
    10 or 12 bits are stretched; `notices` says so.

    Args:
        source: A path, the bytes of a file, or an open binary file, which stays open.
        name: The name in error messages and of results. The default is the file name of a path.
        enough: Sides of so many pixels are all that is needed: a JPEG may be decoded at a half, a quarter or an eighth
            of its size, which takes less time, as long as neither side of the result is shorter than that.

    Raises:
        ImageError: The file is missing, not a picture, damaged, or larger than 100 megapixels (`MAX_PIXELS`) or 64 MB
            (`MAX_BYTES`). The message is one sentence with the name and the reason.
    """
    with opened(source, name, pixels=True) as file:
        return decode_opened(file, enough)


def decode_opened(file: Opened, enough: int | None = None) -> Picture:
    """Decode a picture file that `opened` has opened with its pixels; see `read_picture`.

    Raises:
        ImageError: The file is damaged or cut off, or a TIFF of a kind that is not read.
    """
    try:
        pixels = decode(file, enough)
        stem = Path(file.shown).stem
        straight = as_rgb(pixels.image)
        if pixels.alpha is None:
            size = None if pixels.image.size == file.size else (file.size[1], file.size[0])
            return Picture(straight, None, stem, notices=pixels.notices, size=size)
        alpha = np.asarray(pixels.alpha)
        if alpha.min() == 255:
            return Picture(straight, alpha, stem, notices=pixels.notices)
        white = Image.new("RGB", pixels.image.size, (255, 255, 255))
        white.paste(pixels.image, mask=pixels.alpha)
        return Picture(np.asarray(white), alpha, stem, straight, pixels.notices)
    except TiffKindError as error:
        raise odd_tiff(file.shown, error) from error
    except DECODING_ERRORS as error:
        raise damaged(file.shown) from error

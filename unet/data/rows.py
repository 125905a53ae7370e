"""Rows of a streamed dataset: their picture and mask, checked before they are used, and written as files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from unet.data.class_convention import misfit
from unet.data.class_reading import AnyReading
from unet.data.duplicates import REDUCED
from unet.data.mask_files import decode_opened_mask
from unet.data.masks import look_at_pixels
from unet.data.pair import Pair
from unet.data.reading import ALPHA_RULES
from unet.errors import DataError, ImageError
from unet.pictures.decode import read_picture
from unet.pictures.opening import opened

SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}


@dataclass(frozen=True)
class RowFile:
    """A file in a row, as it is stored."""

    content: bytes
    suffix: str
    size: tuple[int, int]  # width and height, upright


@dataclass(frozen=True)
class Row:
    """A row whose files have sound headers."""

    split: str
    index: int
    image: RowFile
    mask: RowFile

    @property
    def stem(self) -> str:
        """The name of its files."""
        return f"{self.split}-{self.index:08d}"


def read_row(split: str, index: int, image: Any, mask: Any) -> Row:
    """The row with these cells, of undecoded columns or with the names of files; only the files' headers are read.

    Raises:
        DataError: A file is missing, cannot be read, or is no picture; or their sizes differ.
    """
    row = Row(split, index, _read_cell(image), _read_cell(mask))
    if row.image.size != row.mask.size:
        raise DataError("the mask has another size than its picture")
    return row


def check_row(row: Row, reading: AnyReading | None) -> None:
    """Decode the row's files to see that they can be used.

    Raises:
        DataError: The picture or the mask is damaged behind its header, or the mask does not fit the `reading`.
        MemoryError: There is too little memory, which is no fault of the row.
    """
    try:
        read_picture(row.image.content, "the picture", REDUCED)
        with opened(row.mask.content, "the mask", pixels=True) as file:
            pixels = decode_opened_mask(file, row.stem, exact=reading is not None and reading.exact)
    except (DataError, ImageError) as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        raise DataError(str(error)) from error
    if reading is not None:
        content = look_at_pixels(pixels, row.stem, row.image.content, reading.rule in ALPHA_RULES)
        if reason := misfit(reading, content):
            raise DataError(f"the mask does not fit: {reason}")


def write_row(row: Row, folder: Path, reading: AnyReading | None = None) -> Pair:
    """Write the row's files to `folder`. Rows that repeat within a window are written once."""
    paths = []
    for kind, file in (("images", row.image), ("masks", row.mask)):
        paths.append(folder / kind / f"{row.stem}{file.suffix}")
        if not paths[-1].exists():
            paths[-1].write_bytes(file.content)
    return Pair(row.stem, paths[0], paths[1], folder, reading=reading)


def _read_cell(cell: Mapping[str, Any] | None) -> RowFile:
    if not cell:
        raise DataError("a picture is missing")
    content = cell["bytes"]
    try:
        if content is None:
            with fsspec.open(cell["path"], "rb") as file:  # hf://..., for pictures that are files of the repo
                content = file.read()
        with opened(content, None, pixels=False) as file:
            kind = "TIFF" if file.image is None else file.image.format
            return RowFile(content, SUFFIXES[kind or ""], file.size)
    except KeyError as error:
        raise DataError(f"a picture has the format {error}, which is not JPEG, PNG, WebP or BMP") from error
    except OSError as error:
        raise DataError(f"{cell['path']} could not be read ({error})") from error
    except ImageError as error:
        raise DataError(str(error)) from error

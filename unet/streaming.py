"""Pictures with masks of a Hub dataset, streamed through the `datasets` library in constant memory.

An epoch is a window of so many rows of the stream. A window's files are kept, as they come, in a spool folder until the
next window takes their place, so everything behind works on files as ever; memory and disk hold one window, however
large the dataset is. Rows keep the stream's order from window to window and are shuffled within: a dataset sorted by
what it shows should be shuffled before it is uploaded.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from unet.data import Pair
from unet.errors import DataError, ImageError
from unet.images import read_header

IMAGE_COLUMNS = ("image", "img", "picture", "photo")
MASK_COLUMNS = ("mask", "label", "annotation", "segmentation", "ground_truth", "gt")
HELD_OUT_MOST = 200  # pictures in each of val and test; what the rule gives beyond is left out
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}
PARTS = 7  # rows are dealt 5 : 1 : 1 to train, val and test


def is_hub_dataset(data: Path) -> bool:
    """Whether `data` means USER/NAME on the Hub, or a folder of Parquet files, and no folder of pictures."""
    if data.is_dir():
        return any(data.glob("**/*.parquet"))
    return not data.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", data.as_posix()) is not None


def part_of_row(index: int, seed: int) -> str:
    """train, val or test: a function of the row's number and the split's seed alone."""
    dealt = int.from_bytes(sha256(f"{seed} {index}".encode()).digest()[:8], "big") % PARTS
    return {0: "val", 1: "test"}.get(dealt, "train")


@dataclass(frozen=True)
class _File:
    content: bytes
    suffix: str
    size: tuple[int, int]  # width and height, upright


@dataclass(frozen=True)
class _Row:
    index: int
    image: _File
    mask: _File


class DatasetStream:
    """The rows of a dataset's train split.

    Args:
        name: USER/NAME on the Hub, or a folder of Parquet files.
        length: rows of a window.
        seed: of the split into train, val and test.
        spool: folder for the files in use; what is in it is deleted.
        skip_broken: leave out rows that cannot be used instead of raising.

    Raises:
        DataError: `datasets` is not installed, or the dataset cannot be had or has no columns of pictures and masks.
    """

    def __init__(self, name: str, length: int, seed: int, spool: Path, skip_broken: bool = False) -> None:
        self.name, self.length, self._seed, self._spool, self._skip_broken = name, length, seed, spool, skip_broken
        self._dataset, self._image, self._mask = _open(name)
        self._rows: Iterator[_Row] = iter(())
        self._next_window = -1
        self._window: list[Pair] = []

    def held_out(self) -> tuple[list[Pair], list[Pair]]:
        """Validation and test pictures: the first rows that are dealt to them, at most `HELD_OUT_MOST` each.

        Raises:
            DataError: the dataset has none, or a row cannot be used.
        """
        pairs: dict[str, list[Pair]] = {"val": [], "test": []}
        folders = {part: self._folder(part) for part in pairs}
        for row in self._stream():
            part = part_of_row(row.index, self._seed)
            if part != "train" and len(pairs[part]) < HELD_OUT_MOST:
                pairs[part].append(_write(row, folders[part]))
            if min(map(len, pairs.values())) == HELD_OUT_MOST:
                break
        for part, found in pairs.items():
            if not found:
                raise DataError(f"the dataset {self.name} has too few rows: none is dealt to {part}")
        return pairs["val"], pairs["test"]

    def window(self, epoch: int) -> list[Pair]:
        """The training pictures of `epoch`, from 0; behind the last row the first one follows.

        Windows come fastest in order; any other is reached by reading the stream from its beginning.

        Raises:
            DataError: there are no training rows, or one cannot be used.
        """
        if epoch == self._next_window - 1:
            return self._window
        if epoch != self._next_window:
            self._rows = self._training_rows()
            for _ in range(epoch * self.length):
                next(self._rows)
        self._next_window = epoch + 1
        folder = self._folder("train")
        self._window = [_write(next(self._rows), folder) for _ in range(self.length)]
        return self._window

    def _folder(self, part: str) -> Path:
        folder = self._spool / part
        shutil.rmtree(folder, ignore_errors=True)
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True)
        return folder

    def _stream(self) -> Iterator[_Row]:
        """The rows that can be used, from the first one."""
        for index, cells in enumerate(self._dataset):
            try:
                row = _Row(index, *(_check(cells[column]) for column in (self._image, self._mask)))
                if row.image.size != row.mask.size:
                    raise DataError("the mask has another shape than its picture")
            except DataError as error:
                if self._skip_broken:
                    continue
                raise DataError(
                    f"row {index} of the dataset {self.name}: {error} (train.py --skip-broken leaves such rows out)"
                ) from error
            yield row

    def _training_rows(self) -> Iterator[_Row]:
        while True:
            found = False
            for row in self._stream():
                if part_of_row(row.index, self._seed) == "train":
                    found = True
                    yield row
            if not found:
                raise DataError(f"the dataset {self.name} has no rows to train on")


def _write(row: _Row, folder: Path) -> Pair:
    """The row's files in `folder`; those of a short dataset, which comes round within a window, are written once."""
    stem, paths = f"row-{row.index:08d}", []
    for kind, file in (("images", row.image), ("masks", row.mask)):
        paths.append(folder / kind / f"{stem}{file.suffix}")
        if not paths[-1].exists():
            paths[-1].write_bytes(file.content)
    return Pair(stem, paths[0], paths[1], folder)


def _check(cell: Any) -> _File:
    """The picture in a cell of an undecoded column, checked by its header.

    Raises:
        DataError: there is none, it cannot be read, or its format is not one of `SUFFIXES`.
    """
    content = cell.get("bytes") if cell else None
    if content is None:
        raise DataError("a picture is missing, or is not in the dataset itself")
    try:
        size = read_header(content)
        with Image.open(BytesIO(content)) as picture:
            return _File(content, SUFFIXES[picture.format or ""], size)
    except KeyError as error:
        raise DataError(f"a picture is {error}, neither JPEG, PNG, WebP nor BMP") from error
    except ImageError as error:
        raise DataError(str(error)) from error


def _open(name: str) -> tuple[Any, str, str]:
    """The stream with undecoded pictures, and its columns of pictures and masks."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(f"--data {name} is a dataset and needs its library: pip install datasets") from error
    try:
        stream = datasets.load_dataset(name, split="train", streaming=True)
        features = stream.features or stream._resolve_features().features
    except Exception as error:  # datasets lets through whatever fsspec, pyarrow, httpx or the Hub's client raise
        raise DataError(
            f"the dataset {name} cannot be had ({type(error).__name__}: {error}); --data takes a folder, or USER/NAME "
            "of a Hub dataset with a train split"
        ) from error
    pictures = [column for column, feature in features.items() if isinstance(feature, datasets.Image)]
    image, mask = (next((c for c in names if c in pictures), None) for names in (IMAGE_COLUMNS, MASK_COLUMNS))
    if image is None or mask is None:
        raise DataError(
            f"the dataset {name} needs a column of pictures ({', '.join(IMAGE_COLUMNS)}) and one of masks "
            f"({', '.join(MASK_COLUMNS)}); its image columns are: {', '.join(pictures) or 'none'}"
        )
    for column in (image, mask):
        stream = stream.cast_column(column, datasets.Image(decode=False))
    return stream.select_columns([image, mask]), image, mask

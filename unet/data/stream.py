"""Pictures with masks of a Hub dataset, streamed through the `datasets` library in constant memory.

An epoch is a window of so many rows of the stream. A window's files are kept, as they come, in a spool folder until the
next window takes their place, so everything behind works on files as ever; memory and disk hold one window, however
large the dataset is. Rows keep the stream's order from window to window and are shuffled within: a dataset sorted by
what it shows should be shuffled before it is uploaded.

Validation and test pictures come from the dataset's own splits of these names or, without them, from its first rows.
"""

import copy
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
from PIL import Image

from unet.data.pairs import Pair
from unet.errors import DataError, ImageError
from unet.pictures.decode import read_header

IMAGE_COLUMNS = ("image", "img", "picture", "photo")
MASK_COLUMNS = ("mask", "label", "annotation", "segmentation", "ground_truth", "gt")
HELD_OUT_MOST = 200  # pictures in each of val and test
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}
ROWS_IN_TURN = 7  # of the first rows, 5 go to train, 1 to val and 1 to test, at random
DEALT_ROWS = ROWS_IN_TURN * HELD_OUT_MOST  # all later ones are trained on
OWN_SPLITS = {"val": "validation", "test": "test"}  # of a dataset that brings them
_Numbered = tuple[int, Mapping[str, Any]]
START: Mapping[str, Any] = {"window": 0, "row": 0, "dataset": None}


def is_hub_dataset(data: Path) -> bool:
    """Whether `data` means USER/NAME on the Hub, or a folder of Parquet files, and no folder of pictures."""
    if data.is_dir():
        return any(data.glob("**/*.parquet"))
    return not data.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", data.as_posix()) is not None


def part_of_row(index: int, seed: int) -> str:
    """train, val or test: a function of the row's number and the split's seed alone."""
    if index >= DEALT_ROWS:
        return "train"
    dealt = int.from_bytes(sha256(f"{seed} {index}".encode()).digest()[:8], "big") % ROWS_IN_TURN
    return {0: "val", 1: "test"}.get(dealt, "train")


@dataclass(frozen=True)
class _File:
    content: bytes
    suffix: str
    size: tuple[int, int]  # width and height, upright


@dataclass(frozen=True)
class _Row:
    split: str
    index: int
    image: _File
    mask: _File


class DatasetStream:
    """The rows of a dataset.

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
        self._splits, self._image, self._mask = _open(name)
        self._state = START  # at the beginning of the last window
        self._reading: Any = None
        self._next_row = 0
        self._rows: Iterator[_Row] | None = None
        self._window: list[Pair] = []

    def held_out(self) -> tuple[list[Pair], list[Pair]]:
        """Validation and test pictures, at most `HELD_OUT_MOST` each: the dataset's own, or those dealt to them.

        Raises:
            DataError: the dataset has none, or a row cannot be used.
        """
        pairs: dict[str, list[Pair]] = {"val": [], "test": []}
        folders = {part: self._folder(part) for part in pairs}
        for part in pairs:
            if part in self._splits:
                rows = self._check_rows(OWN_SPLITS[part], enumerate(self._splits[part]))
                pairs[part] = [_write(row, folders[part]) for row in islice(rows, HELD_OUT_MOST)]
        if len(self._splits) < 3:
            for row in self._check_rows("train", islice(enumerate(copy.deepcopy(self._splits["train"])), DEALT_ROWS)):
                part = self._part(row)
                if part != "train" and len(pairs[part]) < HELD_OUT_MOST:
                    pairs[part].append(_write(row, folders[part]))
        for part, found in pairs.items():
            if not found:
                raise DataError(f"the dataset {self.name} has too few rows: there is none for {part}")
        return pairs["val"], pairs["test"]

    def window(self, epoch: int) -> list[Pair]:
        """The training pictures of `epoch`, from 0; behind the last row the first one follows.

        Windows come fastest in order; any other is reached by reading on from `restore`'s, or from the first row.

        Raises:
            DataError: there are no training rows, or one cannot be used.
        """
        if self._window and epoch == self._state["window"]:
            return self._window
        rows = self._rows
        if rows is None or epoch != self._state["window"] + 1:
            rows = self._rows = self._seek(epoch)
        if epoch != self._state["window"]:
            self._state = {"window": epoch, "row": self._next_row, "dataset": self._reading.state_dict()}
        folder = self._folder("train")
        self._window = [_write(row, folder) for row in islice(rows, self.length)]
        return self._window

    def state(self) -> dict[str, Any]:
        """Where the last window began, as plain values for a checkpoint."""
        return dict(self._state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken, without reading all the rows before."""
        self._state, self._rows, self._window = state, None, []

    def _seek(self, epoch: int) -> Iterator[_Row]:
        """The training rows from the beginning of the window of `epoch`."""
        if epoch < self._state["window"]:
            self._state = START
        self._reading = copy.deepcopy(self._splits["train"])
        if self._state["dataset"] is not None:
            self._reading.load_state_dict(self._state["dataset"])
        rows = self._training_rows(self._state["row"])
        for _ in range((epoch - self._state["window"]) * self.length):
            next(rows)
        return rows

    def _folder(self, part: str) -> Path:
        folder = self._spool / part
        shutil.rmtree(folder, ignore_errors=True)
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True)
        return folder

    def _part(self, row: _Row) -> str:
        part = part_of_row(row.index, self._seed)
        return "train" if part in self._splits else part

    def _check_rows(self, split: str, numbered: Iterator[_Numbered]) -> Iterator[_Row]:
        """Those that can be used."""
        for index, cells in self._read(split, numbered):
            try:
                row = _Row(split, index, *(_check(cells[column]) for column in (self._image, self._mask)))
                if row.image.size != row.mask.size:
                    raise DataError("the mask has another size than its picture")
            except DataError as error:
                if self._skip_broken:
                    continue
                raise DataError(
                    f"{split} row {index} of the dataset {self.name}: {error} "
                    "(train.py --skip-broken leaves such rows out)"
                ) from error
            yield row

    def _read(self, split: str, numbered: Iterator[_Numbered]) -> Iterator[_Numbered]:
        """`numbered`, its errors with a name."""
        try:
            yield from numbered
        except Exception as error:  # datasets lets through whatever fsspec, pyarrow, httpx or the Hub's client raise
            raise DataError(
                f"the {split} split of the dataset {self.name} could not be read to its end ({type(error).__name__}: "
                f"{error}); --resume goes on from the last checkpoint"
            ) from error

    def _training_rows(self, first: int) -> Iterator[_Row]:
        """From row `first`, where `self._reading` stands, and round and round."""
        while True:
            found = False
            for row in self._check_rows("train", enumerate(self._reading, first)):
                self._next_row = row.index + 1
                if self._part(row) == "train":
                    found = True
                    yield row
            if not (found or first):
                raise DataError(f"the dataset {self.name} has no rows to train on")
            first, self._reading = 0, copy.deepcopy(self._splits["train"])


def _write(row: _Row, folder: Path) -> Pair:
    """The row's files in `folder`; those of a short dataset, which comes round within a window, are written once."""
    stem, paths = f"{row.split}-{row.index:08d}", []
    for kind, file in (("images", row.image), ("masks", row.mask)):
        paths.append(folder / kind / f"{stem}{file.suffix}")
        if not paths[-1].exists():
            paths[-1].write_bytes(file.content)
    return Pair(stem, paths[0], paths[1], folder)


def _check(cell: Any) -> _File:
    """The picture in a cell of an undecoded column, or in the file that it names, checked by its header.

    Raises:
        DataError: there is none, it cannot be read, or its format is not one of `SUFFIXES`.
    """
    if not cell:
        raise DataError("a picture is missing")
    content = cell["bytes"]
    try:
        if content is None:
            with fsspec.open(cell["path"], "rb") as file:  # hf://..., for pictures that are files of the repo
                content = file.read()
        size = read_header(content)
        with Image.open(BytesIO(content)) as picture:
            return _File(content, SUFFIXES[picture.format or ""], size)
    except KeyError as error:
        raise DataError(f"a picture is {error}, neither JPEG, PNG, WebP nor BMP") from error
    except OSError as error:
        raise DataError(f"{cell['path']} cannot be read ({error})") from error
    except ImageError as error:
        raise DataError(str(error)) from error


def _open(name: str) -> tuple[dict[str, Any], str, str]:
    """The streams with undecoded pictures, by part (at least train), and their columns of pictures and masks."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(f"--data {name} is a dataset and needs its library: pip install datasets") from error
    try:
        found = datasets.load_dataset(name, streaming=True)
        splits = {part: found.get(split) for part, split in {"train": "train", **OWN_SPLITS}.items()}
        features = {
            part: stream.features or stream._resolve_features().features
            for part, stream in splits.items()
            if stream is not None
        }
    except Exception as error:  # datasets lets through whatever fsspec, pyarrow, httpx or the Hub's client raise
        raise DataError(
            f"the dataset {name} cannot be had ({type(error).__name__}: {error}); --data takes a folder, or USER/NAME "
            "of a Hub dataset"
        ) from error
    if "train" not in features:
        raise DataError(f"the dataset {name} has no train split; its splits are: {', '.join(found)}")
    pictures = [column for column, feature in features["train"].items() if isinstance(feature, datasets.Image)]
    image, mask = (next((c for c in names if c in pictures), None) for names in (IMAGE_COLUMNS, MASK_COLUMNS))
    if image is None or mask is None:
        raise DataError(
            f"the dataset {name} needs a column of pictures ({', '.join(IMAGE_COLUMNS)}) and one of masks "
            f"({', '.join(MASK_COLUMNS)}); its image columns are: {', '.join(pictures) or 'none'}"
        )
    streams = {part: splits[part].decode(False).select_columns([image, mask]) for part in features}
    # A test split is often published without its masks: then it is of no use here.
    return {part: s for part, s in streams.items() if part == "train" or _has_masks(s, mask)}, image, mask


def _has_masks(stream: Any, mask: str) -> bool:
    first = next(iter(copy.deepcopy(stream)), None)
    return first is not None and first[mask] is not None

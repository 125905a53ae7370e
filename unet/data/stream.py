"""Pictures with masks of a Hub dataset, streamed with the `datasets` library in constant memory.

An epoch is a window of a fixed number of rows. Its files are saved in a spool folder until the next window replaces
them, so the rest of the training reads files as usual, and memory and disk hold one window however large the dataset
is. Windows follow the order of the stream and are shuffled only within themselves: shuffle a dataset that is sorted by
content before you upload it.

Validation and test pictures come from the dataset's own splits of these names or, without them, from its first rows.
"""

import copy
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from unet.data.class_convention import decide_reading
from unet.data.class_reading import AnyReading
from unet.data.masks import look_at_mask
from unet.data.options import DataOptions
from unet.data.pair import Pair
from unet.data.rows import Row, check_row, read_row, write_row
from unet.errors import DataError
from unet.pictures.decode import PICTURE_SUFFIXES

_logger = logging.getLogger(__name__)

IMAGE_COLUMNS = ("image", "img", "picture", "photo")
MASK_COLUMNS = ("mask", "label", "annotation", "segmentation", "ground_truth", "gt")
MAX_HELD_OUT = 200  # pictures in val and in test, at most
ROWS_IN_TURN = 7  # of the first rows, 5 go to train, 1 to val and 1 to test, at random
DEALT_ROWS = ROWS_IN_TURN * MAX_HELD_OUT  # all later ones are trained on
OWN_SPLITS = {"val": "validation", "test": "test"}  # names of the dataset's own splits, if it has them
_Numbered = tuple[int, Mapping[str, Any]]
START: Mapping[str, Any] = {"window": 0, "row": 0, "dataset": None}


def is_hub_dataset(data: Path) -> bool:
    """Whether `data` is USER/NAME on the Hub or a folder of Parquet files, not a folder of pictures."""
    if data.is_dir():
        # A stray Parquet file, such as a table of metadata, makes no dataset of a folder of pictures.
        files = (path.suffix.lower() for path in data.rglob("*"))
        kinds = {suffix for suffix in files if suffix == ".parquet" or suffix in PICTURE_SUFFIXES}
        return kinds == {".parquet"}
    if data.exists() or (data.parent.is_dir() and data.parent != Path(".")):  # a mistyped name in a folder of data
        return False
    return not data.is_absolute() and re.fullmatch(r"[\w.-]+/[\w.-]+", data.as_posix()) is not None


def part_of_row(index: int, seed: int) -> str:
    """train, val or test, which depends only on the row's index and the seed of the split."""
    if index >= DEALT_ROWS:
        return "train"
    dealt = int.from_bytes(sha256(f"{seed} {index}".encode()).digest()[:8], "big") % ROWS_IN_TURN
    return {0: "val", 1: "test"}.get(dealt, "train")


class DatasetStream:
    """The training, validation and test pictures of a streamed dataset.

    Args:
        name: USER/NAME on the Hub, or a folder of Parquet files.
        length: Number of rows in a window.
        seed: Seed of the split into train, val and test.
        spool: Folder for the files in use. Its contents are deleted.
        skip_broken: Log unusable rows as warnings, each once, and skip them instead of raising.

    Raises:
        DataError: `datasets` is not installed, or the dataset could not be loaded or has no columns of pictures and
            masks.
    """

    def __init__(self, name: str, length: int, seed: int, spool: Path, skip_broken: bool = False) -> None:
        self.name, self.length, self._seed, self._spool, self._skip_broken = name, length, seed, spool, skip_broken
        self._splits, self._image, self._mask = _open(name)
        self._state = START  # at the beginning of the last window
        self._reading: Any = None
        self._next_row = 0
        self._rows: Iterator[Row] | None = None
        self._window: list[Pair] = []
        self.reading: AnyReading | None = None  # of all masks, once decided
        self._decisive: set[str] = set()  # stems of the pictures that decided it
        self._skipped: set[tuple[str, int]] = set()  # rows that were named

    def decide(self, options: DataOptions) -> tuple[list[Pair], list[Pair]]:
        """Decide how the masks are read, from the held-out pictures and the first window; returns `held_out`'s pairs.

        Raises:
            DataError: As `held_out` and `window`; or no rule fits these masks.
        """
        (val, test), first = self.held_out(), self.window(0)
        pairs = list({pair.stem: pair for pair in (*val, *test, *first)}.values())
        contents = [look_at_mask(p.mask, p.stem, p.image, exact=options.classes is not None) for p in pairs]
        if any(content.alpha_varies for content in contents):
            contents = [look_at_mask(pair.mask, pair.stem, pair.image, always=True) for pair in pairs]
        self.reading = decide_reading(contents, options, f"the dataset {self.name}")
        self._decisive = {pair.stem for pair in pairs}
        val, test, self._window = ([replace(p, reading=self.reading) for p in part] for part in (val, test, first))
        return val, test

    def held_out(self) -> tuple[list[Pair], list[Pair]]:
        """Validation and test pictures, at most `MAX_HELD_OUT` each, from the dataset's own splits or its first rows.

        Raises:
            DataError: There are no such pictures, or a row is unusable.
        """
        pairs: dict[str, list[Pair]] = {"val": [], "test": []}
        folders = {part: self._folder(part) for part in pairs}
        for part in [part for part in pairs if part in self._splits]:
            rows = filter(self._is_usable, self._rows_of(OWN_SPLITS[part], enumerate(self._splits[part])))
            pairs[part] = [write_row(row, folders[part]) for row in islice(rows, MAX_HELD_OUT)]
        if len(self._splits) < 3:
            for row in self._rows_of("train", islice(enumerate(copy.deepcopy(self._splits["train"])), DEALT_ROWS)):
                part = self._part(row)
                if part != "train" and len(pairs[part]) < MAX_HELD_OUT and self._is_usable(row):
                    pairs[part].append(write_row(row, folders[part]))
        for part, found in pairs.items():
            if not found:
                raise DataError(f"the dataset {self.name} has too few rows: no row is left for {part}")
        return pairs["val"], pairs["test"]

    def window(self, epoch: int) -> list[Pair]:
        """The training pictures of `epoch`, which counts from 0. After the last row the stream starts again.

        Windows are fastest in order. For any other, rows are skipped from the state given to `restore`, or the first.

        Raises:
            DataError: There are no training rows, or a row is unusable.
        """
        if self._window and epoch == self._state["window"]:
            return self._window
        rows = self._rows
        if rows is None or epoch != self._state["window"] + 1:
            rows = self._rows = self._seek(epoch)
        if epoch != self._state["window"]:
            self._state = {"window": epoch, "row": self._next_row, "dataset": self._reading.state_dict()}
        folder = self._folder("train")
        self._window = [write_row(row, folder, self.reading) for row in islice(rows, self.length)]
        return self._window

    def state(self) -> dict[str, Any]:
        """The position at which the last window began, as plain values for a checkpoint."""
        return dict(self._state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue at a position from `state()` without reading all rows before it."""
        self._state, self._rows, self._window = state, None, []

    def _seek(self, epoch: int) -> Iterator[Row]:
        """Training rows from the start of the window of `epoch`."""
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

    def _part(self, row: Row) -> str:
        part = part_of_row(row.index, self._seed)
        return "train" if part in self._splits else part

    def _rows_of(self, split: str, numbered: Iterator[_Numbered]) -> Iterator[Row]:
        """The rows whose files have sound headers."""
        for index, cells in self._read(split, numbered):
            try:
                row = read_row(split, index, cells[self._image], cells[self._mask])
            except DataError as error:
                self._skip(split, index, error)
            else:
                yield row

    def _is_usable(self, row: Row) -> bool:
        """Whether the row's files can be decoded and its mask fits; those that decided the reading fit for good."""
        try:
            check_row(row, None if row.stem in self._decisive else self.reading)
        except DataError as error:
            self._skip(row.split, row.index, error)
            return False
        return True

    def _skip(self, split: str, index: int, error: DataError) -> None:
        """Log that a row is skipped, once, or raise the error with the row's place."""
        place = f"{split} row {index} of the dataset {self.name}"
        if not self._skip_broken:
            raise DataError(f"{place}: {error} (train.py --skip-broken skips such rows)") from error
        if (split, index) not in self._skipped:
            self._skipped.add((split, index))
            _logger.warning("%s: skipped, %s", place, error)

    def _read(self, split: str, numbered: Iterator[_Numbered]) -> Iterator[_Numbered]:
        """The same rows; errors become DataErrors that name the dataset."""
        try:
            yield from numbered
        except Exception as error:  # datasets passes on the errors of fsspec, pyarrow, httpx and the Hub's client
            raise DataError(
                f"the {split} split of the dataset {self.name} could not be read to its end ({type(error).__name__}: "
                f"{error}); --resume continues from the last checkpoint"
            ) from error

    def _training_rows(self, first: int) -> Iterator[Row]:
        """Usable training rows without end, from row `first`, the position of `self._reading`."""
        while True:
            found = False
            for row in self._rows_of("train", enumerate(self._reading, first)):
                self._next_row = row.index + 1
                if self._part(row) == "train" and self._is_usable(row):
                    found = True
                    yield row
            if not (found or first):
                raise DataError(f"the dataset {self.name} has no rows to train on")
            first, self._reading = 0, copy.deepcopy(self._splits["train"])


def _open(name: str) -> tuple[dict[str, Any], str, str]:
    """The streams of undecoded pictures by part, at least train, and the names of their image and mask columns."""
    absent = "" if Path(name).is_dir() else "; there is no folder of this name"
    try:
        import datasets
    except ImportError as error:
        raise DataError(f"--data {name} is a dataset, which needs a library: pip install datasets{absent}") from error
    try:
        found = datasets.load_dataset(name, streaming=True)
        splits = {part: found[split] for part, split in {"train": "train", **OWN_SPLITS}.items() if split in found}
        features = {part: s.features or s._resolve_features().features for part, s in splits.items()}
    except Exception as error:  # datasets passes on the errors of fsspec, pyarrow, httpx and the Hub's client
        raise DataError(
            f"the dataset {name} could not be loaded ({type(error).__name__}: {error}){absent}; --data accepts a "
            "folder or USER/NAME of a Hub dataset"
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
    streams = {part: stream.decode(False).select_columns([image, mask]) for part, stream in splits.items()}
    # Test splits are often published without their masks; they are ignored.
    return {part: s for part, s in streams.items() if part == "train" or _has_masks(s, mask)}, image, mask


def _has_masks(stream: Any, mask: str) -> bool:
    first = next(iter(copy.deepcopy(stream)), None)
    return first is not None and first[mask] is not None

"""A data folder looked through before anything is trained: its pairs, how its masks are read, and all its faults."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unet.cores import usable_cores
from unet.data.class_convention import decide_reading
from unet.data.class_files import find_class_files
from unet.data.class_reading import AnyReading
from unet.data.contents import MaskContent
from unet.data.convention import describe_values
from unet.data.duplicates import REDUCED, thumbnail
from unet.data.folders import FolderFiles, list_folder
from unet.data.foreign import describe_annotations, is_pointer, pages_of_one_size
from unet.data.mask_files import decode_opened_mask
from unet.data.masks import look_at_mask, look_at_pixels, read_masks
from unet.data.options import NO_OPTIONS, DataOptions
from unet.data.pair import Pair
from unet.data.reading import UNKNOWN
from unet.data.split import list_names, read_given_split
from unet.data.told import NAME_MASKS
from unet.data.turned import Turn, all_upright
from unet.errors import DataError, ImageError
from unet.pictures.decode import decode_opened
from unet.pictures.opening import Opened, opened

_logger = logging.getLogger(__name__)

WITHOUT_MASK = "picture without a mask"
UNREADABLE = "file that cannot be read"
OTHER_SIZE = "mask of another size than its picture"
AS_STORED = (
    "mask that lies as the rows of its picture are stored, which the picture's EXIF orientation turns (save the masks "
    "upright, or the pictures without the tag)"
)
DOUBTFUL = (
    "mask of a picture that its EXIF orientation turns, which may lie upright or as the rows are stored "
    "(--upright-masks if the masks lie as the pictures are seen)"
)
SEVERAL = "picture with a mask for each of its objects, which do not say classes (make one mask of them)"
SKIP = "--skip-broken skips such files"
STACK = "stack of several pages in one TIFF (save each page as a file of its own)"


@dataclass(frozen=True)
class DataFolder:
    """The pairs of a data folder and what was found out about it."""

    root: Path
    layout: str  # where pictures and masks lie, in words
    pairs: list[Pair]  # sorted by stem
    reading: AnyReading
    values: str  # the masks' values and their shares
    counts: dict[str, np.ndarray]  # (labels + 1,) pixels of each label, and unknown ones, by stem
    split: dict[str, list[str]] | None  # stems of train, val and test, if folders or --split-file give them
    left_out: list[str]  # files that are not used, relative to the folder
    thumbnails: dict[str, np.ndarray] = field(default_factory=dict)  # by stem, if pictures were decoded
    unused_classes: Path | None = None  # a file with classes that nothing was said of

    @property
    def shares(self) -> dict[str, float]:
        """The share of foreground among the known pixels, by stem, 0 without any; only of masks without classes."""
        return {stem: float(n[1] / max(n[:-1].sum(), 1)) for stem, n in self.counts.items()}

    @property
    def joined(self) -> list[str]:
        """Stems of the pictures with several masks, which are joined."""
        return [pair.stem for pair in self.pairs if pair.more_masks]

    @property
    def empty(self) -> list[str]:
        """Stems of the pictures without foreground."""
        return [stem for stem, share in self.shares.items() if share == 0]


@dataclass
class _Look:
    """What the files of a pair hold, or why they cannot be used: kinds, texts and paths."""

    pair: Pair
    turn: Turn | None = None
    contents: list[MaskContent] = field(default_factory=list)
    thumbnail: np.ndarray | None = None
    faults: list[tuple[str, str, Path]] = field(default_factory=list)


def inspect_folder(
    folder: str | Path, options: DataOptions = NO_OPTIONS, *, skip_broken: bool = False, decode: bool = False
) -> DataFolder:
    """Find the pictures with masks in a folder, check them, and decide how the masks are read.

    `unet.data.folders` finds the files in the layouts of data sets and label tools. Hidden files and files with other
    endings than those of pictures are ignored. All masks are decoded once, in threads.

    Args:
        folder: The data folder.
        options: What is known of it.
        skip_broken: Log unusable files as warnings and leave them out instead of raising.
        decode: Decode the pictures, too. Otherwise only their headers are read, and files that are damaged or cut off
            after their header are not noticed.

    Raises:
        DataError: The folder is missing or has no pairs, or its masks cannot be read. Or, all listed in one message:
            pictures without masks, masks without pictures, several files with one stem, masks of another size than
            their upright picture, and files that cannot be read.
    """
    files = list_folder(folder, options)
    pairs = _candidates(files, folder)
    with ThreadPoolExecutor(usable_cores()) as pool:
        looks = list(pool.map(lambda pair: _look(files, pair, decode, options.classes is not None), pairs))
        good = _sound(files, looks, options)
        _refuse_pointers(files, folder)
        _report(files, folder, skip_broken, SKIP if pairs else NAME_MASKS)
        if not good:
            raise DataError(f"the data folder {folder} has no usable pair of picture and mask; {NAME_MASKS}")
        contents = _with_layers(good, files)
        reading = decide_reading(contents, options, str(folder), files.root)
        found = [replace(look.pair, reading=reading) for look in good]
        counts = list(pool.map(lambda look: _count(look, reading), good))
    return DataFolder(
        root=files.root,
        layout=files.layout,
        pairs=found,
        reading=reading,
        values=describe_values(contents),
        counts={pair.stem: count for pair, count in zip(found, counts, strict=True)},
        split=_split(files, options, [pair.stem for pair in found]),
        left_out=sorted(set(files.left_out)),
        thumbnails={look.pair.stem: look.thumbnail for look in good if look.thumbnail is not None},
        unused_classes=next(iter(find_class_files(files.root)), None) if options.classes is None else None,
    )


def _refuse_pointers(files: FolderFiles, folder: str | Path) -> None:
    if pointers := [path for path in files.left_out if is_pointer(files.root / path)]:
        raise DataError(
            f"the data folder {folder} has {len(pointers)} pointers of Git LFS instead of files, such as "
            f"{pointers[0]}; `git lfs pull` in the data set's repository fetches the files"
        )


def _candidates(files: FolderFiles, folder: str | Path) -> list[Pair]:
    """Pictures with a mask by name; faults are added to `files.faults`, in the order of stems."""
    pairs, lonely = [], []
    for stem in sorted(files.images.keys() | files.masks.keys()):
        images, masks = files.images.get(stem, []), files.masks.get(stem, [])
        several = [same for same in (images, masks) if len(same) > 1 and not (same is masks and stem in files.objects)]
        for same in several:
            what = " (several masks of one picture, of which no number tells the object)" * (same is masks)
            files.fault("several files for one stem", " and ".join(map(files.relative, same)) + what, *same)
        if not masks:
            lonely.append(stem)
            for image in images:
                files.fault(WITHOUT_MASK, files.relative(image), image)
        elif not images:
            for mask in masks:
                files.fault("mask without a picture", files.relative(mask), mask)
        elif not several:
            pairs.append(Pair(stem, images[0], masks[0], files.root, tuple(masks[1:])))
    annotations = describe_annotations(files.root, lonely) if lonely else None
    if annotations and not pairs:
        raise DataError(f"the data folder {folder} has {len(lonely)} pictures without masks: {annotations}")
    if annotations:
        files.faults[f"{WITHOUT_MASK} ({annotations})"] = files.faults.pop(WITHOUT_MASK)
    return pairs


def _look(files: FolderFiles, pair: Pair, decode: bool, classes: bool) -> _Look:
    """Look at the files of a pair, opening each once; pictures are decoded with `decode` only.

    The mask may be one of `classes`.
    """
    look = _Look(pair)
    header = None
    for path in (pair.image, *pair.masks):
        try:
            with opened(path, None, pixels=decode or path != pair.image) as file:
                if file.page and (pages := pages_of_one_size(file.file)) > 1:
                    look.faults.append((STACK, f"{files.relative(path)} ({pages} pages)", path))
                elif path != pair.image and header:
                    _look_at_mask(
                        files, look, path, file, Turn(header[0], file.orientation, header[1], file.size), classes
                    )
                elif path == pair.image:
                    header = (file.orientation, file.size)
                    look.thumbnail = thumbnail(decode_opened(file, REDUCED).rgb) if decode else None
        except (DataError, ImageError) as error:
            look.faults.append((UNREADABLE, f"{files.relative(path)} ({error})", path))
    if classes and pair.more_masks and not look.faults:
        look.faults.append((SEVERAL, files.relative(pair.image), pair.image))
    return look


def _look_at_mask(files: FolderFiles, look: _Look, mask: Path, file: Opened, turn: Turn, classes: bool) -> None:
    """Note what an open mask holds, or that it lies or measures otherwise than its picture."""
    look.turn = turn
    if turn.stored or turn.mask_size != turn.size:
        ours, other = (f"{width} x {height}" for width, height in (turn.size, turn.mask_size))
        text = f"{files.relative(mask)} ({other}, {files.relative(look.pair.image)} {ours})"
        look.faults.append((AS_STORED if turn.stored else OTHER_SIZE, text, mask))
    else:
        pixels = decode_opened_mask(file, mask, exact=classes)
        look.contents.append(look_at_pixels(pixels, files.relative(mask), look.pair.image))


def _sound(files: FolderFiles, looks: Sequence[_Look], options: DataOptions) -> list[_Look]:
    """The looks without faults; the faults of the others are added to `files.faults`."""
    upright = options.upright_masks or all_upright([look.turn for look in looks if look.turn])
    for look in looks:
        if look.turn and look.turn.doubtful and not look.faults and not upright:
            look.faults.append((DOUBTFUL, files.relative(look.pair.mask), look.pair.mask))
        for kind, text, path in look.faults:
            files.fault(kind, text, path)
    return [look for look in looks if not look.faults]


def _report(files: FolderFiles, folder: str | Path, skip_broken: bool, way: str) -> None:
    """Raise the faults with the way out, or log them."""
    count = sum(map(len, files.faults.values()))
    if count and not skip_broken:
        lines = [f"  {kind}: {list_names(items)}" for kind, items in files.faults.items()]
        raise DataError(
            f"the data folder {folder} has {count} {'fault' if count == 1 else 'faults'} ({way}):\n" + "\n".join(lines)
        )
    for kind, items in files.faults.items():
        for item in items:
            _logger.warning("%s: skipped, %s: %s", folder, kind, item)


def _with_layers(looks: Sequence[_Look], files: FolderFiles) -> list[MaskContent]:
    """The contents of all masks. If an alpha varies, it is looked into whether the others fit such a folder."""
    if any(content.alpha_varies for look in looks for content in look.contents):
        for look in looks:
            for number, mask in enumerate(look.pair.masks):
                if not look.contents[number].alpha_varies:
                    name = files.relative(mask)
                    look.contents[number] = look_at_mask(mask, name, look.pair.image, always=True)
    return [content for look in looks for content in look.contents]


def _count(look: _Look, reading: AnyReading) -> np.ndarray:
    """Pixels of each label, and unknown ones, in a pair's masks."""
    if len(look.contents) == 1:
        return reading.counts(look.contents[0])
    labels = read_masks(look.pair.masks, reading)
    return np.array([np.count_nonzero(labels == label) for label in (0, 1, UNKNOWN)])


def _split(files: FolderFiles, options: DataOptions, stems: Sequence[str]) -> dict[str, list[str]] | None:
    """The given split of the usable pictures, if there is one."""
    if options.split_file is not None:
        return read_given_split(options.split_file, stems)
    if files.split is None:
        return None
    usable = set(stems)
    return {part: [stem for stem in names if stem in usable] for part, names in files.split.items()}

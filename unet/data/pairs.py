"""Pictures with masks: finding and checking the pairs of a folder, reading them, and selecting those of a split."""

import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from unet.data.folders import FolderFiles, list_folder
from unet.data.masks import read_mask
from unet.data.split import list_names
from unet.errors import DataError, ImageError
from unet.pictures.decode import read_header, read_picture

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A picture and its mask, which share a stem, in the data folder `root`."""

    stem: str
    image: Path
    mask: Path
    root: Path


def find_pairs(folder: str | Path, *, skip_broken: bool = False, decode: bool = False) -> list[Pair]:
    """Find the pictures with masks in a folder and check them.

    The folder has either one subfolder of pictures and one of masks (`unet.data.folders` lists the accepted names),
    where masks may have a suffix (cat_mask.png), or pictures and masks side by side, where masks must have one. A
    picture and a mask with the same stem are a pair. Hidden files and files with other endings than those of pictures
    are ignored. If the folder contains nothing but one subfolder, that subfolder is searched instead.

    Args:
        folder: The data folder.
        skip_broken: Log unusable files as warnings and skip them instead of raising.
        decode: Decode every file once. Otherwise only headers are read, and files that are damaged or cut off after
            their header are not noticed.

    Returns:
        The pairs, sorted by stem.

    Raises:
        DataError: The folder is missing or has no pairs. Or, all listed in one message: pictures without masks, masks
            without pictures, several files with one stem, masks of another size than their upright picture, and files
            that cannot be read.
    """
    files = list_folder(folder)
    pairs = _check(files)
    if decode:
        pairs = _decodable(files, pairs)
    count = sum(map(len, files.faults.values()))
    if count and not skip_broken:
        lines = [f"  {kind}: {list_names(items)}" for kind, items in files.faults.items()]
        raise DataError(
            f"the data folder {folder} has {count} {'fault' if count == 1 else 'faults'} "
            "(train.py --skip-broken skips such files):\n" + "\n".join(lines)
        )
    for kind, items in files.faults.items():
        for item in items:
            _logger.warning("%s: skipped, %s: %s", folder, kind, item)
    if not pairs:
        raise DataError(f"the data folder {folder} has no usable pair of picture and mask")
    return pairs


def _check(files: FolderFiles) -> list[Pair]:
    """The pairs without faults; faults are added to `files.faults`, in the order of stems."""
    pairs = []
    for stem in sorted(files.images.keys() | files.masks.keys()):
        images, masks = files.images.get(stem, []), files.masks.get(stem, [])
        for same in (images, masks):
            if len(same) > 1:
                files.faults["several files for one stem"].append(" and ".join(map(files.relative, same)))
        if not masks:
            files.faults["picture without a mask"] += map(files.relative, images)
        elif not images:
            files.faults["mask without a picture"] += map(files.relative, masks)
        elif len(images) == len(masks) == 1 and _sizes_match(files, images[0], masks[0]):
            pairs.append(Pair(stem, images[0], masks[0], files.root))
    return pairs


def _sizes_match(files: FolderFiles, image: Path, mask: Path) -> bool:
    """Whether both headers can be read and give the same upright size."""
    sizes = []
    for path in (image, mask):
        try:
            sizes.append(read_header(path))
        except ImageError as error:
            files.faults["file that cannot be read"].append(f"{files.relative(path)} ({error})")
    if len(sizes) < 2 or sizes[0] == sizes[1]:
        return len(sizes) == 2
    ours, other = (f"{width} x {height}" for width, height in sizes)
    fault = f"{files.relative(mask)} ({other}, {files.relative(image)} {ours})"
    files.faults["mask of another size than its picture"].append(fault)
    return False


def _decodable(files: FolderFiles, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs whose two files can be decoded; faults of the others are added to `files.faults`."""

    def faults(pair: Pair) -> list[str]:
        found = []
        for path, read in ((pair.image, read_picture), (pair.mask, read_mask)):
            try:
                read(path)
            except (ImageError, DataError) as error:
                found.append(f"{files.relative(path)} ({error})")
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(faults, pairs))
    if any(found):
        files.faults["file that cannot be read"] += chain(*found)
    return [pair for pair, broken in zip(pairs, found, strict=True) if not broken]


def load_resized(pair: Pair, size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture and its mask, and resize both, bilinearly and by nearest neighbour, to `size` (height, width).

    Returns:
        The picture, (H, W, 3) uint8 sRGB, and its labels, (H, W) uint8: 0 background, 1 foreground, 255 unknown.

    Raises:
        ImageError: The picture cannot be read.
        DataError: The mask cannot be read or has another size than the picture.
    """
    rgb, target = read_picture(pair.image).rgb, read_mask(pair.mask)
    if rgb.shape[:2] != target.shape:
        raise DataError(f"the mask {pair.mask} has another size than its picture {pair.image}")
    if size is not None and size != target.shape:
        height, width = size
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))
        target = np.asarray(Image.fromarray(target).resize((width, height), Image.Resampling.NEAREST))
    return rgb, target


def prefixed_names(pairs: Sequence[Pair]) -> list[str]:
    """FOLDER/STEM of each pair, sorted: the names of extra folders' pictures in split.json.

    Raises:
        DataError: Two folders have the same name.
    """
    roots = {pair.root for pair in pairs}
    if len({_folder_name(root) for root in roots}) < len(roots):
        folders = list_names(sorted(map(str, roots)))
        raise DataError(f"the extra folders {folders} need different names; rename one of them")
    return sorted(f"{_folder_name(pair.root)}/{pair.stem}" for pair in pairs)


def extra_test_names(pairs: Sequence[Pair]) -> list[str]:
    """The names of the extra folders' test pictures in split.json, sorted.

    They are stems if all pictures come from one folder, and FOLDER/STEM otherwise, because stems may coincide.

    Raises:
        DataError: Two folders have the same name.
    """
    if len({pair.root for pair in pairs}) < 2:
        return sorted(pair.stem for pair in pairs)
    return prefixed_names(pairs)


def _folder_name(root: Path) -> str:
    return unicodedata.normalize("NFC", root.resolve().name)


def select_pairs(pairs: Sequence[Pair], split: Mapping[str, Sequence[str]], part: str) -> list[Pair]:
    """Select those of a folder's pairs (see `find_pairs`) that belong to `part` of `split` (see `load_split`).

    `part` is train, val, test or extra_test; the result is sorted by stem.

    Raises:
        DataError: The part has no pictures of this folder, or the folder lacks some of them.
    """
    root = pairs[0].root
    prefix = _folder_name(root) + "/"
    own = [name.removeprefix(prefix) for name in split[part] if name.startswith(prefix)]
    wanted = own or [name for name in split[part] if "/" not in name]  # then all are of this folder
    by_stem = {pair.stem: pair for pair in pairs}
    missing = [stem for stem in wanted if stem not in by_stem]
    if missing:
        raise DataError(
            f"the data folder {root} lacks {len(missing)} of the {len(wanted)} pictures of the split's {part}: "
            f"{list_names(missing)}; these weights were trained on another folder"
        )
    if not wanted:
        raise DataError(f"the split has no {part} pictures of {root}")
    return [by_stem[stem] for stem in sorted(wanted)]

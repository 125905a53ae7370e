"""Pictures with masks in a folder: finding and checking the pairs, reading them, and choosing those of a split.

Masks are read in masks.py and splits made in partition.py; what the rest of the project needs of them is
offered here as well.
"""

import logging
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from unet.data.masks import read_mask
from unet.data.split import (
    list_names,
)
from unet.errors import DataError, ImageError
from unet.pictures.decode import PICTURE_SUFFIXES, read_header, read_picture

# Names of the two subfolders, in lower case and with "_" for "-" and " ".
IMAGE_FOLDERS = frozenset(
    {"images", "image", "imgs", "img", "photos", "photo", "pictures", "picture", "inputs", "jpegimages"}
)
MASK_FOLDERS = frozenset(
    {"masks", "mask", "images_gt", "image_gt", "imgs_gt", "img_gt", "gt", "gts", "groundtruth", "ground_truth"}
    | {"labels", "label", "annotations", "annotation", "segmentation", "segmentations", "segmentationclass"}
)
# What tells the mask from its picture: cat_mask.png, cat-gt.png, "cat mask.png".
_MASK_STEM = re.compile(
    r"(?P<stem>.+?)[_\-. ](masks?|gt|ground[_-]?truth|labels?|seg|segmentation|annotation)", re.IGNORECASE
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A picture and its mask, which have one stem, in the folder `root`."""

    stem: str
    image: Path
    mask: Path
    root: Path


@dataclass
class _Scan:
    """The files of a folder by stem, and what is wrong with them."""

    root: Path
    images: dict[str, list[Path]] = field(default_factory=dict)
    masks: dict[str, list[Path]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def name(self, path: Path) -> str:
        """`path` as seen from the folder."""
        return path.relative_to(self.root).as_posix()


def find_pairs(folder: str | Path, *, skip_broken: bool = False, decode: bool = False) -> list[Pair]:
    """Find the pictures with masks in a folder and check them, by their headers or to the last pixel.

    Either the folder has a subfolder for pictures and one for masks (`IMAGE_FOLDERS`, `MASK_FOLDERS`), where
    masks may carry a suffix (cat_mask.png), or both lie in the folder itself and the suffix tells the masks.
    Pairs are made by stem alone. Files that are no pictures by their ending, and hidden ones, are ignored; a
    folder that holds nothing but one subfolder stands for that subfolder.

    Args:
        folder: to look in.
        skip_broken: leave out what cannot be used, with a warning in the log, instead of raising.
        decode: decode every file once; only so are files found that are cut off behind their headers.

    Returns:
        The pairs, sorted by stem.

    Raises:
        DataError: the folder is missing or holds no pairs; or, all named in one message, pictures
            without masks, masks without pictures, several files for one stem, masks of another shape than
            their upright picture, files that cannot be read.
    """
    if not os.path.isdir(folder):
        state = "is not a folder" if os.path.exists(folder) else "does not exist"
        raise DataError(f"the data folder {folder} {state}")
    try:
        scan = _scan(Path(folder), str(folder))
    except OSError as error:
        raise DataError(f"the data folder {folder} cannot be listed: {error.strerror}") from error
    pairs = _check(scan)
    if decode:
        pairs = _decodable(scan, pairs)
    count = sum(map(len, scan.faults.values()))
    if count and not skip_broken:
        lines = [f"  {kind}: {list_names(items)}" for kind, items in scan.faults.items()]
        raise DataError(
            f"the data folder {folder} has {count} {'fault' if count == 1 else 'faults'} "
            "(train.py --skip-broken leaves such files out):\n" + "\n".join(lines)
        )
    for kind, items in scan.faults.items():
        for item in items:
            _logger.warning("%s: left out, %s: %s", folder, kind, item)
    if not pairs:
        raise DataError(f"the data folder {folder} holds no pair of picture and mask that can be used")
    return pairs


def _scan(folder: Path, given: str) -> _Scan:
    """Find the picture files of `folder`, called `given` in messages, and what they are."""
    scan = _Scan(folder)
    folders, files = _list(folder)
    while not files and len(folders) == 1:  # an unpacked archive often is a folder in a folder
        folder = folders[0]
        folders, files = _list(folder)
    image_folder = _choose(folders, IMAGE_FOLDERS, "pictures", given)
    mask_folder = _choose(folders, MASK_FOLDERS, "masks", given)
    if image_folder and mask_folder:
        for part in (image_folder, mask_folder):
            if not _list(part)[1]:
                raise DataError(f"the data folder {given} is empty: {part.name}/ holds no pictures")
        scan.images = _by_stem(_list(image_folder)[1])
        scan.masks = _by_stem(_list(mask_folder)[1], scan.images)
    elif files:
        stems = {_stem(path) for path in files}
        # gas_mask.jpg is a picture if there is a gas_mask_mask.png, and a mask otherwise.
        with_mask = {match["stem"] for stem in stems if (match := _MASK_STEM.fullmatch(stem))}
        masks = [path for path in files if _MASK_STEM.fullmatch(_stem(path)) and _stem(path) not in with_mask]
        scan.images = _by_stem([path for path in files if path not in set(masks)])
        scan.masks = _by_stem(masks, scan.images)
    else:
        found = f"; it holds the folders {list_names([f.name for f in folders])}" if folders else ""
        raise DataError(
            f"the data folder {given} is empty: it needs pictures in images/ and masks in masks/, "
            f"or pairs such as cat.jpg and cat_mask.png{found}"
        )
    return scan


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Subfolders and picture files of `folder`, sorted, without hidden ones."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    folders = [path for path in entries if path.is_dir()]
    files = [path for path in entries if path.suffix.lower() in PICTURE_SUFFIXES and not path.is_dir()]
    return folders, files


def _choose(folders: Sequence[Path], names: frozenset[str], what: str, given: str) -> Path | None:
    """The one of `folders` that has one of `names`; of several, the one with pictures in it."""
    found = [path for path in folders if re.sub("[- ]", "_", path.name.lower()) in names]
    if len(found) > 1:
        found = [path for path in found if _list(path)[1]] or found[:1]
    if len(found) > 1:
        raise DataError(
            f"the data folder {given} has several folders of {what}: {list_names([f.name for f in found])}; "
            "leave one of them there"
        )
    return found[0] if found else None


def _stem(path: Path) -> str:
    """The stem in Unicode's composed form: macOS writes names decomposed, other systems do not."""
    return unicodedata.normalize("NFC", path.stem)


def _by_stem(files: Sequence[Path], images: Mapping[str, object] | None = None) -> dict[str, list[Path]]:
    """`files` by stem; with `images`, those are masks, which may carry a suffix their picture does not have."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        stem = _stem(path)
        match = _MASK_STEM.fullmatch(stem)
        if images is not None and stem not in images and match:
            stem = match["stem"]
        found[stem].append(path)
    return found


def _check(scan: _Scan) -> list[Pair]:
    """The pairs without fault; the faults go into `scan.faults`, in the order of stems."""
    pairs = []
    for stem in sorted(scan.images.keys() | scan.masks.keys()):
        images, masks = scan.images.get(stem, []), scan.masks.get(stem, [])
        for files in (images, masks):
            if len(files) > 1:
                scan.faults["several files for one stem"].append(" and ".join(map(scan.name, files)))
        if not masks:
            scan.faults["picture without a mask"] += map(scan.name, images)
        elif not images:
            scan.faults["mask without a picture"] += map(scan.name, masks)
        elif len(images) == len(masks) == 1 and _fits(scan, images[0], masks[0]):
            pairs.append(Pair(stem, images[0], masks[0], scan.root))
    return pairs


def _fits(scan: _Scan, image: Path, mask: Path) -> bool:
    """Whether both headers can be read and speak of one upright size."""
    sizes = []
    for path in (image, mask):
        try:
            sizes.append(read_header(path))
        except ImageError as error:
            scan.faults["file that cannot be read"].append(f"{scan.name(path)} ({error})")
    if len(sizes) < 2:
        return False
    if sizes[0] != sizes[1]:
        (width, height), (mask_width, mask_height) = sizes
        scan.faults["mask of another shape than its picture"].append(
            f"{scan.name(mask)} ({mask_width} x {mask_height}, {scan.name(image)} {width} x {height})"
        )
        return False
    return True


def _decodable(scan: _Scan, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs of which both files can be decoded; the faults of the others go into `scan.faults`."""

    def faults(pair: Pair) -> list[str]:
        found = []
        for path, read in ((pair.image, read_picture), (pair.mask, read_mask)):
            try:
                read(path)
            except (ImageError, DataError) as error:
                found.append(f"{scan.name(path)} ({error})")
        return found

    whole = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for pair, found in zip(pairs, pool.map(faults, pairs), strict=True):
            if found:
                scan.faults["file that cannot be read"] += found
            else:
                whole.append(pair)
    return whole


def load_resized(pair: Pair, size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read a picture and its mask, resized if asked: the picture bilinearly, the mask by nearest neighbour.

    Args:
        pair: to read.
        size: height and width in pixels; None leaves them as they are.

    Returns:
        Picture (H, W, 3) uint8 and labels (H, W) uint8 of 0 background, 1 foreground, 255 unknown.

    Raises:
        ImageError, DataError: a file cannot be read, or the two differ in shape.
    """
    rgb, target = read_picture(pair.image).rgb, read_mask(pair.mask)
    if rgb.shape[:2] != target.shape:
        raise DataError(f"the mask {pair.mask} has another shape than its picture {pair.image}")
    if size is not None and size != target.shape:
        height, width = size
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))
        target = np.asarray(Image.fromarray(target).resize((width, height), Image.Resampling.NEAREST))
    return rgb, target


def prefixed_names(pairs: Sequence[Pair]) -> list[str]:
    """FOLDER/STEM of each pair, sorted: what split.json calls pictures of the extra folders.

    Raises:
        DataError: two of the folders have one name.
    """
    roots = {pair.root for pair in pairs}
    names = [_folder_name(root) for root in roots]
    if len(set(names)) < len(names):
        raise DataError(
            f"the extra folders {list_names(sorted(map(str, roots)))} need names that differ; rename one of them"
        )
    return sorted(f"{_folder_name(pair.root)}/{pair.stem}" for pair in pairs)


def extra_test_names(pairs: Sequence[Pair]) -> list[str]:
    """What split.json calls the pictures kept out of the extra folders as extra_test.

    Stems, if all come from one folder; of several folders FOLDER/STEM, as stems may coincide.

    Raises:
        DataError: two of the folders have one name.
    """
    if len({pair.root for pair in pairs}) < 2:
        return sorted(pair.stem for pair in pairs)
    return prefixed_names(pairs)


def _folder_name(root: Path) -> str:
    return unicodedata.normalize("NFC", root.resolve().name)


def select_pairs(pairs: Sequence[Pair], split: Mapping[str, Sequence[str]], part: str) -> list[Pair]:
    """The pairs of one part of a split.

    Args:
        pairs: of one folder, as from `find_pairs`.
        split: as from `load_split`.
        part: train, val, test or extra_test.

    Returns:
        The pairs, sorted by stem.

    Raises:
        DataError: the split has no such pictures, or the folder lacks some of them.
    """
    root = pairs[0].root
    prefix = _folder_name(root) + "/"
    own = [name.removeprefix(prefix) for name in split[part] if name.startswith(prefix)]
    wanted = own or [name for name in split[part] if "/" not in name]  # without a prefix: of the only such folder
    by_stem = {pair.stem: pair for pair in pairs}
    missing = [stem for stem in wanted if stem not in by_stem]
    if missing:
        raise DataError(
            f"the data folder {root} lacks {len(missing)} of the {len(wanted)} pictures of the split's {part}: "
            f"{list_names(missing)}; these weights were trained on another folder"
        )
    if not wanted:
        raise DataError(f"the split holds no {part} pictures of {root}")
    return [by_stem[stem] for stem in sorted(wanted)]

"""The picture and mask files of a data folder, by the stem they share."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unet.data.split import list_names
from unet.errors import DataError
from unet.pictures.decode import PICTURE_SUFFIXES

# Names of the two subfolders, in lower case and with "_" for "-" and " ".
IMAGE_FOLDERS = {"images", "image", "imgs", "img", "photos", "photo", "pictures", "picture", "inputs", "jpegimages"}
MASK_FOLDERS = {
    *("masks", "mask", "images_gt", "image_gt", "imgs_gt", "img_gt", "gt", "gts", "groundtruth", "ground_truth"),
    *("labels", "label", "annotations", "annotation", "segmentation", "segmentations", "segmentationclass"),
}
# Stems of masks that have a suffix: cat_mask.png, cat-gt.png, "cat mask.png".
_MASK_STEM = re.compile(
    r"(?P<stem>.+?)[_\-. ](masks?|gt|ground[_-]?truth|labels?|seg|segmentation|annotation)", re.IGNORECASE
)


@dataclass
class FolderFiles:
    """The files of a data folder by stem, and the faults found in them by kind."""

    root: Path
    images: dict[str, list[Path]]
    masks: dict[str, list[Path]]
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def relative(self, path: Path) -> str:
        """`path` relative to the folder, for messages."""
        return path.relative_to(self.root).as_posix()


def list_folder(folder: str | Path) -> FolderFiles:
    """List the picture files of a data folder and tell pictures from masks.

    Raises:
        DataError: The folder is missing, cannot be listed, has no picture files, or has several folders of one kind.
    """
    path = Path(folder)
    if not path.is_dir():
        state = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"the data folder {folder} {state}")
    try:
        return _sort_files(path, str(folder))
    except OSError as error:
        raise DataError(f"the data folder {folder} cannot be listed: {error.strerror}") from error


def _sort_files(folder: Path, given: str) -> FolderFiles:
    """Find the pictures and masks in `folder`, which messages call `given`."""
    folders, files = _list(folder)
    while not files and len(folders) == 1:  # an unpacked archive often is a folder in a folder
        folders, files = _list(folders[0])
    image_folder = _choose(folders, IMAGE_FOLDERS, "pictures", given)
    mask_folder = _choose(folders, MASK_FOLDERS, "masks", given)
    if image_folder and mask_folder:
        images, masks = _list(image_folder)[1], _list(mask_folder)[1]
        for part, content in ((image_folder, images), (mask_folder, masks)):
            if not content:
                raise DataError(f"the data folder {given} is empty: {part.name}/ has no pictures")
    elif files:
        stems = {_stem(path) for path in files}
        # gas_mask.jpg is a picture if there is a gas_mask_mask.png, and a mask otherwise.
        with_mask = {match["stem"] for stem in stems if (match := _MASK_STEM.fullmatch(stem))}
        masks = [path for path in files if _MASK_STEM.fullmatch(_stem(path)) and _stem(path) not in with_mask]
        images = [path for path in files if path not in set(masks)]
    else:
        names = f"; it has the folders {list_names([f.name for f in folders])}" if folders else ""
        raise DataError(
            f"the data folder {given} is empty: it needs pictures in images/ and masks in masks/, "
            f"or pairs such as cat.jpg and cat_mask.png{names}"
        )
    by_stem = _by_stem(images)
    return FolderFiles(folder, by_stem, _by_stem(masks, by_stem))


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Subfolders and picture files of `folder`, sorted, without hidden ones."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    folders = [path for path in entries if path.is_dir()]
    files = [path for path in entries if path.suffix.lower() in PICTURE_SUFFIXES and not path.is_dir()]
    return folders, files


def _choose(folders: Sequence[Path], names: set[str], what: str, given: str) -> Path | None:
    """The folder that has one of `names`; if several have, the one with pictures in it."""
    found = [path for path in folders if re.sub("[- ]", "_", path.name.lower()) in names]
    if len(found) > 1:
        found = [path for path in found if _list(path)[1]] or found[:1]
    if len(found) > 1:
        several = list_names([path.name for path in found])
        raise DataError(f"the data folder {given} has several folders of {what}: {several}; keep only one of them")
    return found[0] if found else None


def _stem(path: Path) -> str:
    """The stem in Unicode's composed form: macOS writes names decomposed, other systems do not."""
    return unicodedata.normalize("NFC", path.stem)


def _by_stem(files: Sequence[Path], images: Mapping[str, object] | None = None) -> dict[str, list[Path]]:
    """`files` by stem; with `images`, they are masks, which may have a suffix that their picture does not have."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        stem = _stem(path)
        match = _MASK_STEM.fullmatch(stem)
        if images is not None and stem not in images and match:
            stem = match["stem"]
        found[stem].append(path)
    return found

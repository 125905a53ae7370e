"""The picture and mask files of a data folder by stem, and the split that its folders give."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unet.data.layouts import Finder
from unet.data.names import Named, are_objects, match_masks, short_keys
from unet.data.options import NO_OPTIONS, DataOptions
from unet.data.tree import Found, scan_folder
from unet.errors import DataError


@dataclass
class FolderFiles:
    """The files of a data folder by stem, the split that its folders give, and the faults found in them by kind."""

    root: Path
    images: dict[str, list[Path]]
    masks: dict[str, list[Path]]
    objects: set[str] = field(default_factory=set)  # stems of pictures with several masks, one for each object
    split: dict[str, list[str]] | None = None
    layout: str = ""  # in words
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    left_out: list[str] = field(default_factory=list)  # the files of the faults

    def relative(self, path: Path) -> str:
        """`path` relative to the folder, for messages."""
        return path.relative_to(self.root).as_posix()

    def fault(self, kind: str, text: str, *paths: Path) -> None:
        """Note that `paths` cannot be used."""
        self.faults[kind].append(text)
        self.left_out += [self.relative(path) for path in paths]


def list_folder(folder: str | Path, options: DataOptions = NO_OPTIONS) -> FolderFiles:
    """List the picture files of a data folder and tell pictures from masks.

    Raises:
        DataError: The folder is missing, cannot be listed, has no picture files, or has several folders of one kind.
    """
    path = Path(folder)
    if not path.is_dir():
        state = "is not a folder" if path.exists() else "does not exist"
        raise DataError(f"the data folder {folder} {state}")
    try:
        tree = scan_folder(path)
    except OSError as error:
        raise DataError(f"the data folder {folder} cannot be listed: {error.strerror}") from error
    finder = Finder(str(folder), options)
    found = finder.find(tree)
    if not found:
        raise finder.nothing(tree)
    return _join(path, found)


def _join(root: Path, found: Sequence[Found]) -> FolderFiles:
    """Pictures and masks by stem, over all parts; stems that occur in several parts keep the part's name."""
    matched = [match_masks(part.images, part.masks) for part in found]
    given = [part.part for part in found]
    names = [
        Named(f"{part}/{key}" if part else key, Path())
        for part, (images, masks) in zip(given, matched, strict=True)
        for key in (*images, *masks)
    ]
    short = short_keys(names)
    files = FolderFiles(root, {}, {}, layout="; ".join(part.layout for part in found))
    split: dict[str, list[str]] = defaultdict(list)
    for part, (images, masks) in zip(given, matched, strict=True):
        for key in sorted({*images, *masks}):
            stem = short[f"{part}/{key}" if part else key]
            if key in images:
                files.images[stem] = [image.path for image in images[key]]
            if key in masks:
                files.masks[stem] = [mask.path for mask, _ in masks[key]]
                if are_objects([instance for _, instance in masks[key]]):
                    files.objects.add(stem)
            if part:
                split[part].append(stem)
    if split:
        files.split = {part: sorted(split.get(part, [])) for part in ("train", "val", "test")}
    return files

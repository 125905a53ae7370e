"""Pictures and masks where --images and --masks say: in folders of these names, or under a prefix or suffix."""

import os

from unet.data.names import Named, image_base, mask_base, part_of
from unet.data.options import DataOptions
from unet.data.split import list_names
from unet.data.tree import Folder, Found
from unet.errors import DataError

NAME_THEM = "keep only one of them, or name it with --images or --masks"
JOINTS = "_-. "  # between a stem and its prefix or suffix; "--masks -mask" would look like an option
NAME_MASKS = "--images and --masks name the folders, or the prefix or suffix of the names"


def find_told(folder: Folder, options: DataOptions, given: str) -> list[Found]:
    """What the options say of a folder that messages call `given`: one whole, or parts of a split.

    Raises:
        DataError: There is no such folder, nor are there files of that name; or there are several.
    """
    told = {"images": options.images, "masks": options.masks}
    named = {kind: _named_folders(folder, name) for kind, name in told.items() if name}
    if not any(named.values()):
        return [_by_affix(folder, told, given)]
    for kind, folders in named.items():
        if not folders:
            raise _absent(kind, told[kind], given)
    every = [folder, *folder.below()]
    parents = [inner for inner in every if any(inner.folders.count(f) for fs in named.values() for f in fs)]
    pairs = [(parent, pair) for parent in parents if (pair := _pair(parent, named))]
    if not pairs and all(len(named.get(kind, ())) == 1 for kind in told):  # in folders apart
        pairs = [(folder, _found(named["images"][0], named["masks"][0]))]
    if not pairs:
        other = "images" if "masks" in named else "masks"
        raise DataError(
            f"the data folder {given} has {_listed(named)}, but not what belongs to it; name it with --{other}"
        )
    parts = [part_of(parent.path.name) for parent, _ in pairs]
    if len(pairs) > 1 and None not in parts and len(set(parts)) == len(parts):
        return [Found(pair.layout, pair.images, pair.masks, part) for part, (_, pair) in zip(parts, pairs, strict=True)]
    if len(pairs) > 1:
        raise DataError(f"the data folder {given} has {_listed(named)}; name one by its path in {given}")
    return [pair for _, pair in pairs]


def _named_folders(folder: Folder, name: str) -> list[Folder]:
    """The folder at that path, from `folder` or from where the program runs, or all of that name."""
    wanted = os.path.normpath(name)
    if wanted == ".":
        return [Folder(folder.path, [], folder.files)]
    at_path = [f for f in folder.below() if os.path.normpath(f.path.relative_to(folder.path)) == wanted]
    at_path = at_path or [f for f in folder.below() if os.path.abspath(f.path) == os.path.abspath(name)]
    return at_path or [f for f in folder.below() if f.path.name == wanted]


def _pair(parent: Folder, named: dict[str, list[Folder]]) -> Found | None:
    """The pair of folders in `parent`. One that was not named is told by its name, or because it is the only other."""
    chosen = {}
    for kind, base_of in (("images", image_base), ("masks", mask_base)):
        others = [f for f in parent.folders if f.filled and not any(f in folders for folders in named.values())]
        by_name = [f for f in others if base_of(f.path.name) == ""]
        found = [f for f in parent.folders if f in named[kind]] if kind in named else by_name or others
        if len(found) != 1:
            return None
        chosen[kind] = found[0]
    return _found(chosen["images"], chosen["masks"])


def _found(images: Folder, masks: Folder) -> Found:
    return Found(f"{images.path.name}/ and {masks.path.name}/", images.named(), masks.named())


def _by_affix(folder: Folder, told: dict[str, str | None], given: str) -> Found:
    files = folder.named()
    masks = [cut for name in files if (cut := _cut(name, told["masks"]))]
    images = [name for name in files if name.path not in {mask.path for mask in masks}]
    if told["images"]:
        images = [cut for name in images if (cut := _cut(name, told["images"]))]
        if not told["masks"]:
            masks = [name for name in files if name.path not in {image.path for image in images}]
    for kind, found in (("images", images), ("masks", masks)):
        if not found:
            raise _absent(kind, told[kind] or told["images"] or told["masks"], given)
    return Found("names as the options say", images, masks)


def _absent(kind: str, name: str | None, given: str) -> DataError:
    return DataError(f"--{kind} {name}: {given} has no such folder, nor files with that prefix or suffix")


def _listed(named: dict[str, list[Folder]]) -> str:
    paths = [folder.path.as_posix() for folders in named.values() for folder in folders]
    return f"{'the folder' if len(paths) == 1 else 'the folders'} {list_names(paths)}"


def _cut(name: Named, affix: str | None) -> Named | None:
    """The file without the prefix or suffix of its stem, if it has it; the affix may lack the character that joins."""
    stem = name.stem
    if not affix or len(stem) <= len(affix):
        return None
    if stem.endswith(affix):
        stem = stem.removesuffix(affix)
        shorter = stem[:-1] if affix[0].isalnum() and stem[-1] in JOINTS else stem
    elif stem.startswith(affix):
        stem = stem.removeprefix(affix)
        shorter = stem[1:] if affix[-1].isalnum() and stem[0] in JOINTS else stem
    else:
        return None
    stem = shorter or stem
    return Named(f"{name.folder}/{stem}".lstrip("/"), name.path)

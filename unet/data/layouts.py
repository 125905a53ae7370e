"""The layouts in which data sets and label tools lay out pictures and masks."""

import re
from collections import defaultdict

from unet.data.foreign import describe_annotations
from unet.data.names import Named, composed, image_base, mask_base, part_of, plain, tell_apart
from unet.data.options import DataOptions
from unet.data.split import list_names
from unet.data.told import NAME_MASKS, NAME_THEM, find_told
from unet.data.tree import Folder, Found
from unet.errors import DataError

DRAWN = re.compile("manual|vessel|expert|observer")  # in names of folders of drawn vessels
NEEDS = "it needs pictures in images/ and masks in masks/, or pairs such as cat.jpg and cat_mask.png"


class Finder:
    """Looks for pictures and masks in a folder that messages call `given`."""

    def __init__(self, given: str, options: DataOptions) -> None:
        self._given, self._options = given, options

    def find(self, folder: Folder) -> list[Found]:
        """What the folder holds: one whole, or parts of a split; empty if nothing in it is a mask."""
        if self._options.images or self._options.masks:
            try:
                return find_told(folder, self._options, self._given)
            except DataError:
                if not self._options.extra:
                    raise
        return (
            self._folder_pairs(folder)
            or self._one_folder(folder)
            or self._split_folders(folder)
            or self._deeper(folder)
            or self._unpaired(folder)
        )

    def nothing(self, folder: Folder) -> DataError:
        """The refusal of a folder without pictures, or with folders of which none is told as one of masks."""
        names = list_names([inner.path.name for inner in folder.folders])
        listed = f"; it has the folders {names}" if names else ""
        if folder.filled:
            return DataError(
                f"the data folder {self._given} has pictures, but no masks that are told by their folder or name: "
                f"{NEEDS}{listed}; {NAME_MASKS}"
            )
        return DataError(f"the data folder {self._given} is empty: {NEEDS}{listed}")

    def _folder_pairs(self, folder: Folder) -> list[Found]:
        """images/ and masks/, X and X_masks, X-Image and X-Mask; several X are parts if their names say so."""
        masks: dict[str, list[Folder]] = defaultdict(list)
        images: dict[str, list[Folder]] = defaultdict(list)
        for inner in folder.folders:
            base = mask_base(inner.path.name)
            if base is not None:
                masks[base].append(inner)
            if base is None or image_base(inner.path.name) == "":
                images[image_base(inner.path.name)].append(inner)
        pairs = [(base, images[base], masks[base]) for base in sorted(masks) if images.get(base)]
        filled = [inner for inner in folder.folders if inner.filled]
        if not pairs and len(filled) == 2 and sum(mask_base(inner.path.name) is not None for inner in filled) == 1:
            filled.sort(key=lambda inner: mask_base(inner.path.name) is not None)  # one of them is of masks by its name
            pairs = [("", filled[:1], filled[1:])]
        named = [pair for pair in pairs if pair[0] == ""] or [pair for pair in pairs if pair[2][0].filled]
        found = [self._pair(folder, *pair) for pair in named]
        if len(found) < 2:
            return self._inner_parts(found[0]) if found else []
        parts = [part_of(base) for base, *_ in named]
        if None in parts or len(set(parts)) < len(parts):
            several = list_names([inner.path.name for _, images_of, _ in named for inner in images_of])
            raise DataError(f"the data folder {self._given} has several folders of pictures: {several}; {NAME_THEM}")
        return [Found(f.layout, f.images, f.masks, part) for f, part in zip(found, parts, strict=True)]

    def _pair(self, folder: Folder, base: str, images: list[Folder], masks: list[Folder]) -> Found:
        image_folder, mask_folder = self._choose(images, "pictures"), self._choose(masks, "masks")
        self._refuse_fields_of_view(folder, mask_folder)
        if image_folder.filled and not mask_folder.filled:
            stems = [name.stem for name in image_folder.named()]
            if annotations := describe_annotations(folder.path, stems):
                raise DataError(f"the data folder {self._given} has {len(stems)} pictures without masks: {annotations}")
        for inner in (image_folder, mask_folder):
            if not inner.filled:
                raise DataError(f"the data folder {self._given} is empty: {inner.path.name}/ has no pictures")
        layout = f"{image_folder.path.name}/ and {mask_folder.path.name}/"
        return Found(layout, image_folder.named(), mask_folder.named())

    def _choose(self, folders: list[Folder], what: str) -> Folder:
        """The only folder; of several, the one with pictures."""
        found = [folder for folder in folders if folder.filled] or folders[:1]
        if len(found) > 1:
            several = list_names([folder.path.name for folder in found])
            raise DataError(f"the data folder {self._given} has several folders of {what}: {several}; {NAME_THEM}")
        return found[0]

    def _refuse_fields_of_view(self, folder: Folder, masks: Folder) -> None:
        """Retina sets have fields of view in mask/ and the drawn vessels beside it."""
        drawn = [f.path.name for f in folder.folders if DRAWN.search(f.path.name.lower()) and f.filled]
        if drawn and plain(masks.path.name) in ("mask", "masks"):
            raise DataError(
                f"the data folder {self._given} has {masks.path.name}/ and {list_names(drawn)}/: in sets such as DRIVE "
                f"and HRF the first holds the camera's field of view, the second the drawn vessels; choose with "
                f"--masks {drawn[0]} or --masks {masks.path.name}"
            )

    def _inner_parts(self, found: Found) -> list[Found]:
        """images/train/ and masks/train/ are parts, if all files lie in such folders."""
        first = {name.key.partition("/")[0] if "/" in name.key else "" for name in (*found.images, *found.masks)}
        parts = {name: part_of(name) for name in sorted(first)}
        if len(first) < 2 or None in parts.values() or "train" not in parts.values():
            return [found]
        kinds = (found.images, found.masks)
        result = []
        for name, part in parts.items():
            images, masks = ([n for n in kind if n.key.startswith(name + "/")] for kind in kinds)
            inner = ([Named(n.key.partition("/")[2], n.path) for n in kind] for kind in (images, masks))
            result.append(Found(f"{found.layout} with {name}/", next(inner), next(inner), part))
        return [part for part in result if part.masks] if all(part.images for part in result) else [found]

    def _one_folder(self, folder: Folder) -> list[Found]:
        """Pictures and masks side by side."""
        images, masks = tell_apart(Folder(folder.path, [], folder.files).named())
        return [Found("pictures and masks side by side", images, masks)] if images and masks else []

    def _split_folders(self, folder: Folder) -> list[Found]:
        """train/, val/ and test/, each with pictures and masks; a part without masks is no part."""
        parts = {inner.path.name: part_of(inner.path.name) for inner in folder.folders if inner.filled}
        inner_parts = [inner for inner in folder.folders if parts.get(inner.path.name)]
        if len(inner_parts) < 2 or "train" not in parts.values():
            return []
        found = []
        for inner in inner_parts:
            for part in self._complete(inner):
                layout = f"{inner.path.name}/: {part.layout}"
                found.append(Found(layout, part.images, part.masks, parts[inner.path.name]))
        return found if len({part.part for part in found}) > 1 else [_whole(f) for f in found]

    def _complete(self, folder: Folder) -> list[Found]:
        """What the folder holds, if it has masks."""
        found = self.find(folder)
        return found if found and all(part.images and part.masks for part in found) else []

    def _deeper(self, folder: Folder) -> list[Found]:
        """The only subfolder with pictures and masks, or all of them as folders of classes."""
        found = [(inner, self._complete(inner)) for inner in folder.folders if inner.filled]
        complete = [(inner, parts) for inner, parts in found if parts]
        if len(complete) == 1:
            inner, parts = complete[0]
            return [Found(f"{inner.path.name}/: {part.layout}", part.images, part.masks, part.part) for part in parts]
        if not complete or any(part.part for _, parts in complete for part in parts):
            return []
        images: list[Named] = []
        masks: list[Named] = []
        for inner, parts in complete:
            name = composed(inner.path.name)
            parts = [_objects(part) for part in parts]
            images += [Named(f"{name}/{named.key}", named.path) for part in parts for named in part.images]
            masks += [Named(f"{name}/{named.key}", named.path) for part in parts for named in part.masks]
        return [Found(f"folders {list_names([inner.path.name for inner, _ in complete])}", images, masks)]

    def _unpaired(self, folder: Folder) -> list[Found]:
        """Pictures without any mask, if nothing else lies there: each is named then."""
        while not folder.files and len(filled := [f for f in folder.folders if f.filled]) == 1:
            folder = filled[0]
        images, masks = tell_apart(Folder(folder.path, [], folder.files).named())
        return [Found("one folder", images, masks)] if folder.files else []


def _objects(found: Found) -> Found:
    """A folder of one picture, whose masks are its objects whatever their names are."""
    if len(found.images) != 1 or len(found.masks) < 2:
        return found
    key = found.images[0].key
    masks = [Named(f"{key}_mask_{number}", mask.path) for number, mask in enumerate(found.masks)]
    return Found(found.layout, found.images, masks, found.part)


def _whole(found: Found) -> Found:
    return Found(found.layout, found.images, found.masks)

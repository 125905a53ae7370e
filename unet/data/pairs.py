"""Pictures with masks: finding the pairs of a folder, and selecting those of a split."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from unet.data.inspect import inspect_folder
from unet.data.options import NO_OPTIONS, DataOptions
from unet.data.pair import Pair, load_resized
from unet.data.split import list_names
from unet.errors import DataError

__all__ = ["Pair", "extra_test_names", "find_pairs", "load_resized", "prefixed_names", "select_pairs"]


def find_pairs(
    folder: str | Path, *, skip_broken: bool = False, decode: bool = False, options: DataOptions = NO_OPTIONS
) -> list[Pair]:
    """The pairs of a folder, sorted by stem: `unet.data.inspect.inspect_folder` says more, with the same arguments."""
    return inspect_folder(folder, options, skip_broken=skip_broken, decode=decode).pairs


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
    by_stem = {pair.stem: pair for pair in pairs}
    inner = {stem.partition("/")[0] for stem in by_stem if "/" in stem}  # folders of classes, not data folders
    # Then all are of this folder.
    wanted = own or [name for name in split[part] if "/" not in name or name.partition("/")[0] in inner]
    missing = [stem for stem in wanted if stem not in by_stem]
    if missing:
        raise DataError(
            f"the data folder {root} lacks {len(missing)} of the {len(wanted)} pictures of the split's {part}: "
            f"{list_names(missing)}; these weights were trained on another folder"
        )
    if not wanted:
        raise DataError(f"the split has no {part} pictures of {root}")
    return [by_stem[stem] for stem in sorted(wanted)]

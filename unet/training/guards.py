"""Guards that are passed before the first step: pictures on two sides of a split, and folders that can't be written."""

import logging
import os
import shutil
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np

from unet.data.duplicates import near_duplicates
from unet.data.pairs import Pair
from unet.data.split import list_names
from unet.errors import DataError, TrainingError

logger = logging.getLogger(__name__)

MOST_COMPARED = 20_000  # pictures of a folder up to which each is compared with every other, which takes seconds then
CHECKPOINT_BYTES = 40  # for each value of the network: itself, its average, the best, AdamW's two, twice in a file
SPARE_BYTES = 20_000_000  # for sheets, curves and card


def refuse_shared_pictures(folders: Sequence[tuple[str, Sequence[Pair], Sequence[Pair]]]) -> None:
    """Refuse pictures that are trained on in one folder and kept out to validate or test in another, by content.

    Args:
        folders: Name, pictures to train on and pictures kept out, of each data folder.

    Raises:
        DataError: There are such pictures; names them in both folders.
    """
    kept_out: dict[int, list[tuple[str, Pair]]] = defaultdict(list)  # by the size of the file
    for name, _, out in folders:
        for pair in out:
            kept_out[pair.image.stat().st_size].append((name, pair))
    digests: dict[Path, bytes] = {}
    shared = []
    for name, trained, _ in folders:
        for pair in trained:
            for other, out_pair in kept_out.get(pair.image.stat().st_size, ()):
                if other != name and _digest(pair.image, digests) == _digest(out_pair.image, digests):
                    shared.append(f"{pair.stem} of {name} = {out_pair.stem} of {other}")
    if shared:
        raise DataError(
            f"{len(shared)} pictures would be trained on in one folder although they are kept out to validate or test "
            f"in another: {list_names(shared)}; remove them from the folder where they are trained on"
        )


def refuse_equal_names(names: Sequence[str]) -> None:
    """Refuse data folders of one name, by which their pictures and scores are told apart.

    Raises:
        DataError: There are such folders.
    """
    alike = Counter(unicodedata.normalize("NFC", name) for name in names)
    if twice := sorted(name for name, count in alike.items() if count > 1):
        raise DataError(
            f"several data folders are called {list_names(twice)}, by which their pictures could not be told apart; "
            "rename one of them"
        )


def warn_of_copies(
    thumbnails: Mapping[str, np.ndarray], name: str, trained: Sequence[Pair], kept_out: Sequence[Pair]
) -> None:
    """Warn of pictures of one folder, if it is not too large, that are trained on and have near-duplicates kept out.

    `thumbnails` are by stem, as `unet.data.duplicates.thumbnail` makes them; the rest is as for
    `refuse_shared_pictures`.
    """
    if len(thumbnails) > MOST_COMPARED:
        return
    sides = [{pair.stem for pair in pairs} for pairs in (trained, kept_out)]
    apart = [group for group in near_duplicates(thumbnails) if all(side & set(group) for side in sides)]
    if apart:
        logger.warning(
            "%s: nearly equal pictures are partly trained on and partly kept out, so scores will be too good (%d "
            "times: %s); a line of groups.txt keeps them together where the split is drawn, in a given split move one",
            name,
            len(apart),
            list_names([" = ".join(group) for group in apart]),
        )


def _digest(path: Path, known: dict[Path, bytes]) -> bytes:
    if path not in known:
        known[path] = sha256(path.read_bytes()).digest()
    return known[path]


def refuse_changed_pictures(before: Mapping[str, Sequence[str]] | None, now: Mapping[str, Sequence[str]]) -> None:
    """Refuse to resume a run whose pictures are not those it began with; `before` is None if it did not note them.

    Raises:
        TrainingError: Pictures were added, removed or play another part; names them.
    """
    if before is None or before == now:
        return
    parts = sorted({*before, *now})
    gone = [name for part in parts for name in _named(part, set(before.get(part, ())) - set(now.get(part, ())))]
    new = [name for part in parts for name in _named(part, set(now.get(part, ())) - set(before.get(part, ())))]
    changes = [f"{what}: {list_names(names)}" for what, names in (("no longer there", gone), ("new", new)) if names]
    raise TrainingError(
        f"not resumed, the pictures are not those that the run began with, and the split with them "
        f"({'; '.join(changes)}); restore the folders, or start anew without --resume"
    )


def _named(part: str, stems: Iterable[str]) -> list[str]:
    return [f"{stem} ({part})" for stem in sorted(stems)]


def try_folder(folder: Path, option: str, needed: int = 0) -> None:
    """Write and remove a file in `folder`, created if need be, and see that `needed` bytes are free.

    Raises:
        TrainingError: It cannot be written, or the disk has not enough room; names `option`.
    """
    trial = folder / f".trial-{os.getpid()}"
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"trial")
        trial.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise TrainingError(f"{option} {folder} cannot be written: {error.strerror or error}") from error
    with suppress(OSError):  # such as a folder that is not empty any more
        for path in made:  # a run that is refused afterwards leaves no empty folders
            path.rmdir()
    if free < needed:
        raise TrainingError(
            f"{option} {folder} lies on a disk with {free / 1e6:.0f} MB left, but the run needs {needed / 1e6:.0f} MB; "
            "make room, or choose a folder on another disk"
        )

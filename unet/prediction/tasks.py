"""What `unet predict` reads and writes: pictures in folders, and a name for each result."""

import glob
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unet.errors import ConfigError, ImageError
from unet.pictures.decode import PICTURE_SUFFIXES

RESULT_SUFFIX = ".png"


@dataclass(frozen=True)
class Task:
    """A picture to segment and the file to write."""

    source: Path
    target: Path


@dataclass
class Found:
    """What lies at the paths that were given."""

    pictures: list[tuple[Path, Path]] = field(default_factory=list)  # each with its folder, as seen from its root
    skipped: list[Path] = field(default_factory=list)  # files in the folders that are no pictures, by their ending
    empty: list[Path] = field(default_factory=list)  # folders without pictures, beside others or pictures


def find_pictures(paths: Iterable[Path], recursive: bool = False, output: Path | None = None) -> Found:
    """List the files in `paths`, and the picture files of the folders in `paths`, sorted by name within each folder.

    Subfolders are searched only if `recursive`, and beside other paths never the folder `output`; hidden files and
    folders are ignored.
    A path that does not exist is taken for a pattern (`*.jpg`), which not every shell expands. If nothing matches it is
    kept: reading it reports the error. A file that is named twice counts once.

    Raises:
        ImageError: A folder cannot be listed, or the only one has no pictures.
    """
    found, seen = Found(), set()
    expanded = list(_expanded(paths))

    def add(picture: Path, below: Path) -> None:
        if (place := os.path.abspath(picture)) not in seen:
            seen.add(place)
            found.pictures.append((picture, below))

    for path in expanded:
        if not os.path.isdir(path):
            add(path, Path())
            continue
        if len(expanded) > 1 and _same(path, output):
            continue
        pictures = 0
        for file in _files(path, recursive, output):
            if file.suffix.lower() in PICTURE_SUFFIXES:
                add(file, file.parent.relative_to(path))
                pictures += 1
            else:
                found.skipped.append(file)
        if not pictures and len(expanded) > 1:
            found.empty.append(path)
        elif not pictures:
            where = "nor have its subfolders" if recursive else "its subfolders are not searched without --recursive"
            raise ImageError(f"the folder {path} has no pictures ({where})")
    if not found.pictures:
        raise ImageError(f"none of the folders {', '.join(map(str, expanded))} has pictures")
    return found


def _expanded(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        literal = os.path.exists(path) or not glob.has_magic(str(path))
        matches = [] if literal else glob.glob(str(path), recursive=True)
        yield from map(Path, sorted(matches)) if matches else [path]


def _files(folder: Path, recursive: bool, output: Path | None) -> Iterator[Path]:
    """The visible files of a folder, then those of its subfolders."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be listed: {error.strerror}") from error
    # Of what may not be looked at, `os.path` says that it is no folder; reading it reports the error.
    yield from (entry for entry in entries if not os.path.isdir(entry))
    if recursive:
        for entry in entries:
            if os.path.isdir(entry) and not entry.is_symlink() and not _same(entry, output):
                yield from _files(entry, recursive, output)


def _same(folder: Path, output: Path | None) -> bool:
    return output is not None and os.path.exists(output) and os.path.samefile(folder, output)


def plan(found: Found, output: Path) -> list[Task]:
    """Plan the file to write for each picture: STEM.png in `output`, in a subfolder like the picture's.

    Where pictures of one folder have the same stem, capitals aside, their endings tell the results apart
    (STEM-heic.png, STEM-jpg.png), or else a number does (STEM-2.png). With a single picture, `output` may be the file
    itself, if it ends in .png.

    Raises:
        ConfigError: `output` ends like another kind of picture, or like a file for several pictures; or a result would
            overwrite one of the pictures.
    """
    suffix = output.suffix.lower()
    if suffix in PICTURE_SUFFIXES and not os.path.isdir(output):
        if suffix != RESULT_SUFFIX:
            raise ConfigError(
                f"results are PNG files, so --output {output} cannot be one; "
                f"name it {output.with_suffix(RESULT_SUFFIX).name}, or name a folder"
            )
        if len(found.pictures) != 1:
            raise ConfigError(f"--output {output} names one file for {len(found.pictures)} pictures; name a folder")
        tasks = [Task(found.pictures[0][0], output)]
    else:
        names = _unique_names(found.pictures)
        pairs = zip(found.pictures, names, strict=True)
        tasks = [Task(picture, output / below / f"{name}{RESULT_SUFFIX}") for (picture, below), name in pairs]
    sources = {picture.resolve() for picture, _ in found.pictures}
    for task in tasks:
        if task.target.resolve() in sources:
            raise ConfigError(f"{task.target} would overwrite a picture that is to be read; choose another --output")
    return tasks


def _unique_names(pictures: list[tuple[Path, Path]]) -> list[str]:
    """A name for each result, different from the others in its folder on every system, in the pictures' order."""
    alike = defaultdict(list)
    for index, (picture, below) in enumerate(pictures):
        alike[below, _folded(picture.stem)].append(index)
    names, taken = [""] * len(pictures), set(alike)
    for (below, _), indices in alike.items():
        several = len({pictures[index][0].suffix.lower() for index in indices}) > 1
        for place, index in enumerate(indices):
            picture = pictures[index][0]
            wanted = f"{picture.stem}-{picture.suffix[1:].lower() or 'file'}" if several else picture.stem
            name, number = wanted, 1
            while (below, _folded(name)) in taken and (several or place or number > 1):
                number += 1
                name = f"{wanted}-{number}"
            taken.add((below, _folded(name)))
            names[index] = name
    return names


def _folded(name: str) -> str:
    """Equal for names that are one file on macOS or Windows."""
    return unicodedata.normalize("NFC", name).casefold()

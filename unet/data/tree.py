"""A folder with all that lies below it, and what of it are pictures and masks."""

from dataclasses import dataclass
from pathlib import Path

from unet.data.names import Named, composed
from unet.pictures.decode import PICTURE_SUFFIXES

MAX_DEPTH = 8  # of nested folders


@dataclass(frozen=True)
class Folder:
    """A folder with all that lies below it, sorted, without hidden entries."""

    path: Path
    folders: "list[Folder]"
    files: list[Path]  # picture files

    @property
    def filled(self) -> bool:
        """Whether there are pictures at any depth."""
        return bool(self.files) or any(folder.filled for folder in self.folders)

    def named(self) -> list[Named]:
        """All picture files below, with their keys."""
        files = [Named(composed(path.stem), path) for path in self.files]
        nested = [(folder, name) for folder in self.folders for name in folder.named()]
        return files + [Named(f"{composed(folder.path.name)}/{name.key}", name.path) for folder, name in nested]

    def below(self) -> "list[Folder]":
        """All folders below."""
        return [inner for folder in self.folders for inner in (folder, *folder.below())]


@dataclass(frozen=True)
class Found:
    """Pictures and masks that lie together, as one part of a split or as a whole."""

    layout: str
    images: list[Named]
    masks: list[Named]
    part: str | None = None


def scan_folder(path: Path, depth: int = 0) -> Folder:
    """Look through a folder; raises OSError if it cannot be listed."""
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith((".", "__MACOSX")))
    folders = [scan_folder(entry, depth + 1) for entry in entries if depth < MAX_DEPTH and entry.is_dir()]
    files = [entry for entry in entries if entry.suffix.lower() in PICTURE_SUFFIXES and not entry.is_dir()]
    return Folder(path, folders, files)

"""The classes that are told of a data folder: by the options, or by its own list."""

from pathlib import Path

from unet.data.class_files import find_class_files, read_class_file
from unet.data.class_reading import colour_of
from unet.data.options import AUTO
from unet.errors import DataError
from unet.pictures.class_colours import Colour
from unet.pictures.classes import ClassTable, SegmentClass, hex_colour


def told_classes(classes: str | ClassTable, root: Path | None) -> tuple[ClassTable | None, str]:
    """The table that is told, or None, and where it comes from in words; `root` is where a list may lie.

    Raises:
        DataError: A list cannot be read, or the folder has several that differ.
    """
    if isinstance(classes, ClassTable):
        return classes, "the classes are given"
    if classes == AUTO:
        found = find_class_files(root) if root else []
        if not found:
            return None, "the classes are those that the masks hold"
        names = [path.relative_to(root).as_posix() for path in found] if root else []
        if len(found) > 1:
            raise DataError(f"{root} has different lists of classes: {', '.join(names)}; choose one: --classes FILE")
        return read_class_file(found[0]), f"the classes are those of {names[0]}"
    path = Path(classes)
    if root is not None and not path.exists() and (root / path).is_file():
        path = root / path
    return read_class_file(path), f"the classes are those of {path.name}"


def class_of_id(id: int, colour: Colour | None) -> SegmentClass:
    """A class of which nothing but its id is known, and maybe the colour of its index in a palette."""
    return SegmentClass(id, f"class {id}", colour)


def class_of_colour(number: int, code: int) -> SegmentClass:
    """A class of which nothing but the code of its colour is known."""
    return SegmentClass(number, hex_colour(colour_of(code)), colour_of(code))

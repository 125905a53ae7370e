"""The classes that are told of a data folder: by the options, or by its own list, which must not contradict them."""

from pathlib import Path

from unet.data.class_files import find_class_files, read_class_file, read_class_rows
from unet.data.class_reading import IDS, ClassReading, colour_of
from unet.data.options import AUTO
from unet.errors import DataError
from unet.pictures.class_colours import BLACK, Colour
from unet.pictures.classes import VOID_NAMES, ClassTable, SegmentClass, hex_colour

SHOWN = 5  # classes in a message


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


def refuse_other_list(reading: ClassReading, root: Path) -> None:
    """Refuse a data folder whose own list gives the ids, or the colours, by which its masks are read to other classes.

    The classes of the reading come from elsewhere: from weights, or from the main folder of a training. Names that were
    made up of ids or colours contradict nothing, and neither does what counts nowhere in the reading.

    Raises:
        DataError: The list contradicts the classes; says where.
    """
    made_up = {class_of_id(c.id, None).name for c in reading.table.classes}
    made_up |= {hex_colour(c.colour) for c in reading.table.classes if c.colour}
    for path in find_class_files(root):
        odd = [
            f"{row.id if reading.rule == IDS else hex_colour(row.colour or BLACK)} {row.name} (not {ours})"
            for row in read_class_rows(path)
            if (ours := reading.name_of(row))
            and (ours not in made_up or row.name.lower() in VOID_NAMES)
            and ours.lower() != row.name.lower()
        ]
        if odd:
            what = "ids" if reading.rule == IDS else "colours"
            raise DataError(
                f"{path} contradicts the classes in use, by whose {what} the masks would be read: "
                f"{', '.join(odd[:SHOWN])}; give the masks the {what} of the classes in use, or correct the list if "
                "only its names are wrong"
            )

"""The classes of a task: their ids in the data, their names and colours, and what counts nowhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from unet.errors import ConfigError
from unet.pictures.class_colours import BLACK, Colour, default_colours

VOID_NAMES = frozenset({"void", "ignore", "ignored", "__ignore__", "unlabelled", "unlabeled"})
BACKGROUND = "background"
MAX_CLASSES = 254  # labels are 8 bits, one of which means unknown
MAX_ID = 65535


@dataclass(frozen=True)
class SegmentClass:
    """A class as the data has it."""

    id: int  # value of its pixels in label maps, 0..65535
    name: str
    colour: Colour | None = None  # red, green, blue, 0..255; None if the data says none

    def as_json(self) -> dict[str, Any]:
        """The class as JSON values; the colour as #rrggbb, if there is one."""
        colour = {} if self.colour is None else {"color": hex_colour(self.colour)}
        return {"id": self.id, "name": self.name, **colour}


@dataclass(frozen=True)
class ClassTable:
    """The classes of a task, in the order of the network's outputs: a label is a place in `classes`.

    Raises:
        ConfigError: There are fewer than two classes or more than 254; an id, a name or a colour stands there twice; a
            name is empty; or an id is outside 0..65535.
    """

    classes: tuple[SegmentClass, ...]
    void: tuple[SegmentClass, ...] = ()  # whose pixels count neither in training nor in scores

    def __post_init__(self) -> None:
        count, every = len(self.classes), (*self.classes, *self.void)
        if not 2 <= count <= MAX_CLASSES:
            counted = ", ".join(c.name for c in self.classes[:2]) or "none"
            raise ConfigError(
                f"a task has 2 to {MAX_CLASSES} classes beside those that count nowhere "
                f"({', '.join(sorted(VOID_NAMES))}), not {count} ({counted})"
            )
        for what, values in (
            ("ids", [str(c.id) for c in every]),
            ("names", [c.name for c in self.classes]),
            ("colours", [hex_colour(c.colour) for c in every if c.colour]),
        ):
            if twice := sorted({value for value in values if values.count(value) > 1}):
                raise ConfigError(f"the {what} {', '.join(twice)} stand for two classes; give each its own")
        if nameless := [c.id for c in every if not c.name.strip()]:
            raise ConfigError(f"the class of id {nameless[0]} has no name; give it one")
        if wrong := [c for c in every if not 0 <= c.id <= MAX_ID]:
            raise ConfigError(f"the id {wrong[0].id} of {wrong[0].name} is outside 0..{MAX_ID}")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> list[str]:
        """Names by label."""
        return [c.name for c in self.classes]

    @property
    def ids(self) -> np.ndarray:
        """(n,) int64: ids by label."""
        return np.array([c.id for c in self.classes])

    @property
    def background(self) -> int | None:
        """The label of the class called background, if there is one."""
        return next((label for label, c in enumerate(self.classes) if c.name.lower() == BACKGROUND), None)

    @cached_property
    def colours(self) -> np.ndarray:
        """(n, 3) uint8: colours by label, those of the data, and default ones where it says none.

        Background is black then, as in PASCAL VOC. No default is a colour of what counts nowhere.
        """
        given: list[Colour | None] = [c.colour for c in self.classes]
        nowhere = [c.colour for c in self.void if c.colour]
        if self.background is not None and given[self.background] is None and BLACK not in (*given, *nowhere):
            given[self.background] = BLACK
        others = iter(default_colours(given.count(None), [*(colour for colour in given if colour), *nowhere]))
        return np.array([colour or next(others) for colour in given], np.uint8)

    def label(self, name: str) -> int:
        """The label of the class of that name, capitals aside.

        Raises:
            ConfigError: There is none; lists the names.
        """
        for alike in (str, str.lower):
            for label, own in enumerate(self.names):
                if alike(own) == alike(name):
                    return label
        raise ConfigError(f"there is no class {name!r}; the classes are {', '.join(self.names)}")

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """`classes`, each with its colour, and `void`, for config.json and checkpoints."""
        colours = self.colours.tolist()
        shown = [SegmentClass(c.id, c.name, (r, g, b)) for c, (r, g, b) in zip(self.classes, colours, strict=True)]
        return {"classes": [c.as_json() for c in shown], "void": [c.as_json() for c in self.void]}

    @classmethod
    def from_json(cls, classes: Any, void: Any) -> "ClassTable":
        """The table of what `as_json` gave.

        Raises:
            ConfigError: It is no such thing; says what is wrong.
        """
        return cls(_from_json(classes, "classes"), _from_json(void, "void"))


def _from_json(rows: Any, field_name: str) -> tuple[SegmentClass, ...]:
    if not isinstance(rows, list):
        raise ConfigError(f"{field_name} should be a list, not {rows!r}")
    found = []
    for row in rows:
        valid = isinstance(row, dict) and {"id", "name"} <= set(row) <= {"id", "name", "color"}
        if not valid or type(row["id"]) is not int or not isinstance(row["name"], str):
            raise ConfigError(f"{field_name} should hold objects of id, name and color, not {row!r}")
        colour = row.get("color")
        if colour is not None and not isinstance(colour, str):
            raise ConfigError(f"the color of {row['name']} should be #rrggbb, not {colour!r}")
        found.append(SegmentClass(row["id"], row["name"], None if colour is None else parse_hex_colour(colour)))
    return tuple(found)


def split_void(rows: Sequence[SegmentClass]) -> ClassTable:
    """The table of `rows`, of which those of a name among `VOID_NAMES` count nowhere.

    Raises:
        ConfigError: As `ClassTable`.
    """
    void = tuple(row for row in rows if row.name.lower() in VOID_NAMES)
    return ClassTable(tuple(row for row in rows if row not in void), void)


def hex_colour(colour: Colour) -> str:
    """#rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def parse_hex_colour(text: str) -> Colour:
    """The colour of #rrggbb.

    Raises:
        ConfigError: The text is none.
    """
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ConfigError(f"{text!r} is no colour such as #ff0000")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


# What a network of one output tells apart.
FOREGROUND_TABLE = ClassTable((SegmentClass(0, BACKGROUND), SegmentClass(1, "foreground")))

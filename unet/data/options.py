"""What a user says about a data folder: where pictures and masks lie, and what the masks' values mean."""

import re
from dataclasses import dataclass
from pathlib import Path

from unet.errors import ConfigError
from unet.pictures.classes import ClassTable

AUTO = "auto"  # classes that the folder itself tells
COLOUR = 1 << 24  # codes from here on are colours, the others grey values


@dataclass(frozen=True)
class DataOptions:
    """The options of a data folder, the same for train.py, `check` and `evaluate`; by default all is found out."""

    images: str | None = None  # folder of the pictures, or prefix or suffix of their names
    masks: str | None = None  # folder of the masks, or prefix or suffix of their names
    split_file: Path | None = None  # a split.json to use instead of a random split
    foreground: tuple[str, ...] = ()  # values or colours of the masks that are foreground; the rest is background
    unknown: tuple[str, ...] = ()  # values or colours that count neither in training nor in scores
    invert_masks: bool = False  # foreground and background change places
    extra: bool = False  # of a folder beside the main one: names and values that it does not have do not hold for it
    upright_masks: bool = False  # masks lie as the pictures are seen, not as the rows of EXIF-turned ones are stored
    classes: str | ClassTable | None = None  # `AUTO`, a file that lists them, or the table; None: fore- and background

    def __post_init__(self) -> None:
        both = set(map(parse_value, self.foreground)) & set(map(parse_value, self.unknown))
        if both:
            raise ConfigError(
                f"{value_name(min(both))} stands under --foreground and --unknown; leave it in one of them"
            )
        if self.classes is not None and (self.foreground or self.invert_masks):
            raise ConfigError(
                "--classes tells more than foreground and background; leave out --foreground and --invert-masks"
            )


def parse_value(text: str) -> int:
    """A value 0..65535, or a colour `R,G,B` or `#rrggbb` as `colour_code` has it.

    Raises:
        ConfigError: The text is neither.
    """
    if re.fullmatch(r"\d{1,5}", text) and int(text) <= 65535:
        return int(text)
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return colour_code(*bytes.fromhex(text[1:]))
    parts = [part.strip() for part in text.strip("() ").split(",")]
    if len(parts) == 3 and all(re.fullmatch(r"\d{1,3}", part) and int(part) <= 255 for part in parts):
        return colour_code(*map(int, parts))
    raise ConfigError(f"{text!r} is neither a value from 0 to 65535 nor a colour such as 255,0,0 or #ff0000")


def colour_code(red: int, green: int, blue: int) -> int:
    """A colour as one number above all grey values; a colour with three equal channels is that grey value."""
    return red if red == green == blue else COLOUR + (red << 16) + (green << 8) + blue


def value_name(code: int) -> str:
    """A value or colour in a message, as --foreground takes it."""
    if code < COLOUR:
        return str(code)
    return f"{code >> 16 & 255}, {code >> 8 & 255}, {code & 255}"


NO_OPTIONS = DataOptions()

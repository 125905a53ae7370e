"""The viewer's event `download`: its settings, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unet.errors import ConfigError
from unet.pictures.classes import MAX_CLASSES
from unet.pictures.draw import DEFAULT_STYLE, KINDS, Style, check_softness, check_threshold
from unet.prediction import LABELS


@dataclass(frozen=True)
class Download:
    """A request for one result."""

    kind: str
    """One of `unet.pictures.draw.KINDS`, or `unet.prediction.LABELS`."""
    threshold: float
    """0..1."""
    style: Style = DEFAULT_STYLE
    """Colours and edges."""
    number: int = 0
    """Set by the viewer to match the answer to the request."""
    classes: tuple[int, ...] | None = None
    """Labels of the classes that an overlay shows, each in its colour; None for foreground, or the class picked."""

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> "Download":
        """Read the data of the viewer's event `download`.

        Raises:
            ConfigError: A setting is missing or has a value that the viewer does not send.
        """
        if not isinstance(data, Mapping):
            raise ConfigError("the settings of a download must be an object")
        kind, color, number = data.get("kind"), data.get("color"), data.get("number")
        kind = "probability" if kind == "prob" else kind
        if kind not in (*KINDS, LABELS):
            raise ConfigError(f"the kind of a download must be one of {', '.join((*KINDS, LABELS))}, not {kind!r}")
        if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise ConfigError("the overlay's colour must be written like #e63946")
        if not isinstance(number, int) or isinstance(number, bool):
            raise ConfigError("the number of a download must be an integer")
        opacity = data.get("opacity")
        if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not 0 <= opacity <= 1:
            raise ConfigError(f"opacity must be a number from 0 to 1, not {opacity!r}")
        red, green, blue = bytes.fromhex(color[1:])
        threshold: Any = data.get("threshold")
        softness: Any = data.get("softness")
        outline, invert = data.get("outline") is True, data.get("invert") is True
        style = Style((red, green, blue), float(opacity), outline, invert, check_softness(softness))
        return cls(kind, check_threshold(threshold), style, number, _read_classes(data.get("classes")))


def _read_classes(labels: Any) -> tuple[int, ...] | None:
    if labels is None:
        return None
    if not isinstance(labels, list) or any(type(label) is not int or not 0 <= label < MAX_CLASSES for label in labels):
        raise ConfigError("the classes of a download must be a list of labels")
    return tuple(labels)

"""How masks of classes are read: their values are ids, or their colours are those of the classes."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from unet.data.contents import MaskContent
from unet.data.mask_files import VOC_VOID, MaskPixels, channels
from unet.data.options import COLOUR, colour_code, value_name
from unet.data.reading import UNKNOWN, Reading
from unet.pictures.classes import ClassTable

NEAR = 3  # levels by which each channel may differ from a class's colour
VOID_ID = 255  # unless the table says otherwise
IDS, COLOURS = "class ids", "class colours"
_MEANS = {
    IDS: "the values are ids of {count} classes",
    COLOURS: f"the colours are those of {{count}} classes, within {NEAR} levels of each channel",
}


@dataclass(frozen=True)
class ClassReading:
    """The meaning of the masks' values in a folder with classes; the counterpart of `unet.data.reading.Reading`."""

    exact: ClassVar[bool] = True

    rule: str  # `IDS` or `COLOURS`
    table: ClassTable
    unknown: tuple[int, ...] = ()  # codes that count nowhere, beside those of the table
    nameless: tuple[int, ...] = ()  # ids in the masks that the table does not have
    why: str = ""

    def __str__(self) -> str:
        text = _MEANS[self.rule].format(count=len(self.table))
        if void := [*(c.name for c in self.table.void), *map(value_name, self.unknown)]:
            named = list(dict.fromkeys(void))
            text += f"; {' and '.join(named)} {'counts' if len(named) == 1 else 'count'} nowhere"
        return text

    def as_json(self) -> dict[str, Any]:
        """The reading as JSON values, for config.json, the card and `check`; the table is not among them."""
        return {
            "rule": self.rule,
            "means": str(self),
            "why": self.why,
            "unknown": [value_name(code) for code in self.unknown],
        }

    def labels(self, pixels: MaskPixels) -> np.ndarray:
        """Labels (H, W) uint8 of a mask: places in the table, and 255 where it is unknown."""
        codes = pixels.codes
        if codes.dtype == np.uint32:
            distinct, place = np.unique(codes, return_inverse=True)
            return np.asarray(self._label(distinct)[place.reshape(codes.shape)])
        every: np.ndarray = np.arange(np.iinfo(codes.dtype).max + 1)
        if pixels.palette is not None and self.rule == COLOURS:
            every = pixels.palette
        return np.asarray(self._label(every)[codes])

    def counts(self, content: MaskContent) -> np.ndarray:
        """(classes + 1,) int64: pixels of each label, and unknown ones, in a mask of this content."""
        labels = self._label(self.seen(content))
        places = np.where(labels == UNKNOWN, len(self.table), labels)
        return np.bincount(places, content.counts, len(self.table) + 1).astype(np.int64)

    def seen(self, content: MaskContent) -> np.ndarray:
        """The codes (n,) of a content that this reading goes by: indices of a palette, or its colours."""
        if content.palette is None or self.rule != COLOURS:
            return content.codes
        return np.asarray(content.palette[content.codes])

    def strange(self, codes: np.ndarray) -> np.ndarray:
        """(n,) bool: which of `codes` are neither of a class nor void."""
        return np.asarray((self._label(codes) == UNKNOWN) & ~self._is_void(codes))

    def _label(self, codes: np.ndarray) -> np.ndarray:
        """Labels (n,) uint8 of `codes` (n,)."""
        labels = np.full(codes.shape, UNKNOWN, np.uint8)
        if self.rule == IDS:
            order = np.argsort(self.table.ids)
            ids = self.table.ids[order]
            place = np.minimum(np.searchsorted(ids, codes), len(ids) - 1)
            known = ids[place] == codes
            labels[known] = order[place[known]]
        else:
            given = [(label, c.colour) for label, c in enumerate(self.table.classes) if c.colour]
            distance = _distances(codes, [colour for _, colour in given])  # (n, given)
            nearest = distance.argmin(axis=1)
            near = distance[np.arange(len(codes)), nearest] <= NEAR
            labels[near] = np.array([label for label, _ in given], np.uint8)[nearest[near]]
        labels[np.isin(codes, self.unknown)] = UNKNOWN
        return labels

    def _is_void(self, codes: np.ndarray) -> np.ndarray:
        void = np.isin(codes, self.unknown)
        if self.rule == IDS:
            return void | np.isin(codes, [VOID_ID, *(c.id for c in self.table.void)])
        colours = [c.colour for c in self.table.void if c.colour]
        near: np.ndarray = void | np.isin(codes, [VOC_VOID])
        return near | (_distances(codes, colours) <= NEAR).any(axis=1) if colours else near


AnyReading = Reading | ClassReading


def _distances(codes: np.ndarray, colours: list[tuple[int, int, int]]) -> np.ndarray:
    """(n, m): the largest difference of a channel between codes (n,) and colours (m,)."""
    distances: np.ndarray = np.abs(channels(codes)[:, None, :] - np.array(colours, np.int16)[None]).max(axis=-1)
    return distances


def by_colour(content: MaskContent) -> MaskContent:
    """The content with the colours of its palette for the indices, if it has one."""
    if content.palette is None:
        return content
    codes, place = np.unique(content.palette[content.codes], return_inverse=True)
    counts, flat = (
        np.bincount(place, values, len(codes)).astype(np.int64) for values in (content.counts, content.flat)
    )
    return replace(content, codes=codes, counts=counts, flat=flat, palette=None)


def colour_codes(table: ClassTable) -> set[int]:
    """The codes of the table's colours, void ones among them."""
    return {colour_code(*c.colour) for c in (*table.classes, *table.void) if c.colour}


def colour_of(code: int) -> tuple[int, int, int]:
    """The colour of a code; a grey value has three equal channels."""
    return (code >> 16 & 255, code >> 8 & 255, code & 255) if code >= COLOUR else (code, code, code)

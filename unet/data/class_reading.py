"""How masks of classes are read: their values are ids, or their colours are those of the classes."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from unet.data.class_palettes import NO_PALETTE
from unet.data.contents import MaskContent
from unet.data.mask_files import VOC_VOID, MaskPixels, channels, distances, have_colour
from unet.data.options import COLOUR, colour_code, value_name
from unet.data.reading import UNKNOWN, Reading
from unet.pictures.classes import ClassTable, SegmentClass

NEAR = 3  # levels by which each channel may differ from a class's colour
VOID_ID = 255  # unless the table says otherwise
IDS, COLOURS = "class ids", "class colours"
_STRANGE = UNKNOWN + 1  # neither of a class nor void
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
    palette: tuple[int, ...] = NO_PALETTE  # by ids: the colours in which all masks agree (`agreed_palette`)
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
            return np.asarray(_as_labels(self._means(distinct, tinted=True))[place.reshape(codes.shape)])
        every: np.ndarray = np.arange(np.iinfo(codes.dtype).max + 1)
        if pixels.palette is not None and self.rule == COLOURS:
            every = pixels.palette
        return np.asarray(_as_labels(self._means(every, tinted=pixels.palette is not None))[codes])

    def counts(self, content: MaskContent) -> np.ndarray:
        """(classes + 1,) int64: pixels of each label, and unknown ones, in a mask of this content."""
        labels = _as_labels(self._content_means(content))
        places = np.where(labels == UNKNOWN, len(self.table), labels)
        return np.bincount(places, content.counts, len(self.table) + 1).astype(np.int64)

    def seen(self, content: MaskContent) -> np.ndarray:
        """The codes (n,) of a content that this reading goes by: indices of a palette, or its colours."""
        if content.palette is None or self.rule != COLOURS:
            return content.codes
        return np.asarray(content.palette[content.codes])

    def strange(self, content: MaskContent) -> np.ndarray:
        """(n,) bool: which codes of a content are neither of a class nor void."""
        return np.asarray(self._content_means(content) == _STRANGE)

    def name_of(self, row: SegmentClass) -> str | None:
        """The name of the class that pixels of `row`, of another list, are read as; None if of none."""
        code = row.id if self.rule == IDS else colour_code(*row.colour) if row.colour else None
        means = UNKNOWN if code is None else int(self._means(np.array([code]), tinted=True)[0])
        return self.table.names[means] if means < UNKNOWN else None

    def _content_means(self, content: MaskContent) -> np.ndarray:
        return self._means(self.seen(content), tinted=content.palette is not None or content.coloured)

    def _means(self, codes: np.ndarray, tinted: bool) -> np.ndarray:
        """(n,) int64: a label, `UNKNOWN` for void, or `_STRANGE`, of codes (n,).

        Greys of files without any colour are no mixtures; they may be ids, and must be exact unless they are `tinted`.
        """
        means = np.full(codes.shape, _STRANGE)
        if self.rule == IDS:
            ids, labels = self._ids
            place = np.minimum(np.searchsorted(ids, codes), len(ids) - 1)
            means = np.where(ids[place] == codes, labels[place], means)
        else:
            colours, labels, reach = self._colours
            coloured = have_colour(codes)
            distance = distances(channels(codes[coloured]), colours)  # (k, m)
            nearest = distance.argmin(axis=1)
            near = distance.min(axis=1) <= (reach[nearest] if tinted else 0)
            means[coloured] = np.where(near, labels[nearest], _STRANGE)
        return np.where(np.isin(codes, self.unknown), UNKNOWN, means)

    @cached_property
    def _ids(self) -> tuple[np.ndarray, np.ndarray]:
        """The ids that mean something, ascending, and their labels or `UNKNOWN`."""
        means = {VOID_ID: UNKNOWN, **{c.id: label for label, c in enumerate(self.table.classes)}}
        means |= {c.id: UNKNOWN for c in self.table.void}
        return np.array(sorted(means)), np.array([means[id] for id in sorted(means)])

    @cached_property
    def _colours(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Colours (m, 3) that mean something, their labels or `UNKNOWN`, and the levels that they reach around them.

        A colour reaches `NEAR` levels and less than half way to the nearest other one, so that no order decides.
        """
        means = {colour_of(VOC_VOID): UNKNOWN}
        means |= {c.colour: label for label, c in enumerate(self.table.classes) if c.colour}
        means |= {c.colour: UNKNOWN for c in self.table.void if c.colour}
        means |= {colour_of(code): UNKNOWN for code in self.unknown if have_colour(code)}
        colours = np.array([*means], np.int16)
        distance = distances(colours, colours)
        np.fill_diagonal(distance, 2 * NEAR + 1)
        return colours, np.array([*means.values()]), np.minimum((distance.min(axis=1) - 1) // 2, NEAR)


AnyReading = Reading | ClassReading


def _as_labels(means: np.ndarray) -> np.ndarray:
    labels: np.ndarray = np.minimum(means, UNKNOWN).astype(np.uint8)
    return labels


def by_colour(content: MaskContent) -> MaskContent:
    """The content with the colours of its palette for the indices, if it has one."""
    if content.palette is None:
        return content
    codes, place = np.unique(content.palette[content.codes], return_inverse=True)
    counts, flat = (
        np.bincount(place, values, len(codes)).astype(np.int64) for values in (content.counts, content.flat)
    )
    return replace(content, codes=codes, counts=counts, flat=flat, palette=None)


def colour_of(code: int) -> tuple[int, int, int]:
    """The colour of a code; a grey value has three equal channels."""
    return (code >> 16 & 255, code >> 8 & 255, code & 255) if code >= COLOUR else (code, code, code)

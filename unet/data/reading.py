"""How the masks of a folder are read: one meaning of their values, decided once and passed along."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from unet.data.contents import WIDE_SCALE, MaskContent
from unet.data.mask_files import MOST_IDS, MaskPixels, channels, distances, have_colour
from unet.data.options import value_name

UNKNOWN = 255  # label of the pixels that loss and metrics ignore
DARK, BRIGHT = 64, 191  # brightness below is background, above foreground, and unknown between

# What each rule means, as it is shown to users.
RULES = {
    "alpha": "the alpha channel is the mask: below 64 background, above 191 foreground, unknown between",
    "alpha value": "the alpha channel is the mask: 0 is background, {foreground} foreground",
    "value": "0 is background, {foreground} foreground",
    "ids": "the values are ids: 0 is background, every other one foreground",
    "ids or brightness": "two conventions, each file by its own: where all values are below 64, 0 is background and "
    "the other ids are foreground; elsewhere 0 is background and 255 foreground",
    "brightness": "by brightness: below 64 background, above 191 foreground, unknown between",
    "colours": "black is background, every other colour foreground",
    "options": "as the options say: {foreground} foreground, the rest background",
}

ALPHA_RULES = ("alpha", "alpha value")


@dataclass(frozen=True)
class Reading:
    """The meaning of the masks' values in one folder."""

    exact: ClassVar[bool] = False  # how files are decoded for it (`unet.data.mask_files.decode_mask`)

    rule: str  # one of `RULES`
    foreground: tuple[int, ...] = ()  # codes, of the rules value, alpha value and options
    unknown: tuple[int, ...] = ()  # codes that are unknown whatever the rule
    scaled: bool = False  # whether the values of files with more than 8 bits are divided by 257
    near: int = 0  # levels by which each channel may differ from the codes, of the rule options
    inverted: bool = False  # whether foreground and background change places
    why: str = ""  # what in the folder decided it

    def __str__(self) -> str:
        text = RULES[self.rule].format(foreground=_names(self.foreground))
        if self.unknown:
            text += f"; {_names(self.unknown)} unknown"
        if self.near:
            text += f"; what is within {self.near} levels of a named value counts as that value"
        return text + "; then inverted" * self.inverted

    def as_json(self) -> dict[str, Any]:
        """The reading as JSON values, for config.json, the card and `check`."""
        return {
            "rule": self.rule,
            "means": str(self),
            "why": self.why,
            "foreground": [value_name(code) for code in self.foreground],
            "unknown": [value_name(code) for code in self.unknown],
            "inverted": self.inverted,
        }

    def labels(self, pixels: MaskPixels) -> np.ndarray:
        """Labels (H, W) uint8 of a mask: 0 background, 1 foreground, 255 unknown."""
        if self.rule in ALPHA_RULES:
            alpha = np.full(pixels.codes.shape, 255) if pixels.alpha is None else pixels.alpha
            return np.asarray(self._label(np.arange(256), False, False)[alpha])
        codes, ids = pixels.codes, bool(pixels.codes.max() < MOST_IDS)
        if codes.dtype == np.uint32 and self.near:
            distinct, place = np.unique(codes, return_inverse=True)
            return np.asarray(self._label(distinct, False, ids)[place.reshape(codes.shape)])
        if codes.dtype == np.uint32:
            return self._label(codes, False, ids)
        return np.asarray(self._label(np.arange(np.iinfo(codes.dtype).max + 1), pixels.wide, ids)[codes])

    def counts(self, content: MaskContent) -> np.ndarray:
        """(3,) int64: pixels of background, of foreground and unknown in a mask of this content."""
        codes, counts, wide = content.codes, content.counts, content.wide
        if self.rule in ALPHA_RULES:
            counts = np.eye(256, dtype=np.int64)[255] * content.pixels if content.alpha is None else content.alpha
            codes, wide = np.arange(256), False
        ids = bool(len(codes)) and bool(codes[-1] < MOST_IDS)
        labels = self._label(codes, wide, ids)
        return np.array([counts[labels == label].sum() for label in (0, 1, UNKNOWN)])

    def _label(self, codes: np.ndarray, wide: bool, ids: bool) -> np.ndarray:
        """Labels of `codes` (any shape) of a file; `ids`: whether all its values are below `MOST_IDS`."""
        codes = self._as_named(codes) if self.near and not wide else codes
        if self.rule in ("alpha", "brightness") or (self.rule == "ids or brightness" and not ids):
            levels = np.rint(codes / WIDE_SCALE) if wide and self.scaled else codes
            labels = np.where(levels > BRIGHT, 1, np.where(levels < DARK, 0, UNKNOWN)).astype(np.uint8)
        elif self.rule in ("value", "alpha value", "options"):
            labels = np.isin(codes, self.foreground).astype(np.uint8)
        else:
            labels = (codes != 0).astype(np.uint8)
        if self.inverted:
            labels = np.where(labels == UNKNOWN, UNKNOWN, 1 - labels).astype(np.uint8)
        if self.unknown and self.rule not in ALPHA_RULES:
            labels[np.isin(codes, self.unknown)] = UNKNOWN
        return labels

    def _as_named(self, codes: np.ndarray) -> np.ndarray:
        """The codes (n,), and for those within `near` levels of named ones the nearest of these."""
        named = np.array([code for code in (*self.unknown, *self.foreground) if have_colour(code)])
        distance = distances(channels(codes), channels(named))  # (n, m)
        near = have_colour(codes) & (distance.min(axis=1) <= self.near)
        return np.where(near, named[distance.argmin(axis=1)], codes)


def _names(codes: tuple[int, ...]) -> str:
    """Values and colours in a sentence."""
    return " and ".join(f"({value_name(code)})" if code > 65535 else value_name(code) for code in codes)

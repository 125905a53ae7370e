"""Whether the colours of masks mix along contours, and how far around a value of the options that reaches."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unet.data.contents import BAND, MaskContent
from unet.data.mask_files import MOST_IDS, channels, distances, have_colour

MAX_FLAT = 0.01  # share of a folder's pixels that may be areas of one grey, or nearly one
MIN_REGIONS = 0.2  # share of pixels of a region that lie within it; of noise, hardly any do
MIN_AREAS = 0.0005  # share of pixels that lie within areas of a value beside those of the options
MAX_AREAS = 0.5  # share of the values that may form areas where colours mix
MAX_REACH = 48  # levels around a value of the options that are meant with it where colours mix, at most
MIXED = "their colours mix along contours (JPEG, or smoothing)"


def totals(contents: Sequence[MaskContent]) -> tuple[np.ndarray, np.ndarray]:
    """All distinct codes of the masks, ascending, and their pixels."""
    codes = np.concatenate([content.codes.astype(np.int64) for content in contents])
    distinct, place = np.unique(codes, return_inverse=True)
    counts = np.bincount(place, np.concatenate([content.counts for content in contents]), len(distinct))
    return distinct, counts.astype(np.int64)


def are_mixed(contents: Sequence[MaskContent]) -> bool:
    """Whether there are many values, and many pixels of such as hardly form areas: mixtures along contours."""
    pixels = sum(content.pixels for content in contents)
    mixed = sum(int(c.counts[c.flat < MIN_REGIONS * c.counts].sum()) for c in contents) / max(pixels, 1)
    return len(totals(contents)[0]) > MOST_IDS and mixed > MAX_FLAT


def reach(contents: Sequence[MaskContent], named: Sequence[int]) -> int:
    """How many levels around `named` codes are meant, too: where colours mix, less than half way to those of areas."""
    contents = [content for content in contents if not content.wide]
    colours = np.array([code for code in named if have_colour(code)], np.int64)
    ids = (colours > 0) & (colours < MOST_IDS)
    if not contents or not len(colours) or ids.any() or not are_mixed(contents):
        return 0
    codes, counts = totals(contents)
    flat = totals([replace(content, counts=content.flat) for content in contents])[1]
    areas = flat >= MIN_REGIONS * counts
    others = channels(codes[(areas & (flat > MIN_AREAS * counts.sum())) | (codes == 0)])
    away = distances(others, channels(colours)).min(axis=1)
    # Many areas are those of ids; nearly the same value, of JPEG's noise.
    return 0 if areas.mean() > MAX_AREAS else min([MAX_REACH, *((away[away > BAND] - 1) // 2).tolist()])

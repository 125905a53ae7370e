"""Upsampling of maps of probabilities to the size of the picture (no torch).

It works in strips, so that memory stays bounded however large the picture is.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

STRIP_PIXELS = 2**16  # pixels of the picture in a strip, which fits into the processor's cache
BAND_PIXELS = 2**21  # pixels whose largest probability is kept at a time


def resize_map(prob: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`prob`, (h, w) float32, resized bilinearly to `size` (H, W) as float32; itself if it has that size."""
    if prob.shape == size:
        return prob
    return np.asarray(Image.fromarray(prob).resize(size[::-1], Image.Resampling.BILINEAR))


def upsample_bilinear(prob: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Upsample `prob`, (h, w) float32 in 0..1, bilinearly to `size` (H, W): `prob8 = round(255 * prob)`, uint8.

    Where the picture is lower than the map, the rows are averaged instead, so that none is left out.
    """
    if prob.shape == size:
        return (prob * 255 + np.float32(0.5)).astype(np.uint8)
    prob8 = np.empty(size, dtype=np.uint8)
    for rows, strip in strips(prob * 255, size):
        strip += 0.5
        prob8[rows] = strip
    return prob8


def upsample_labels(probs: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The place of the largest of `probs`, (C, h, w) float32, upsampled bilinearly to `size` (H, W): uint8.

    Of equal ones it is the first. Memory does not depend on the number of classes.
    """
    height, width = size
    labels = np.zeros(size, dtype=np.uint8)
    count = max(1, BAND_PIXELS // width)
    for top in range(0, height, count):
        band = slice(top, min(top + count, height))
        largest = np.full((band.stop - top, width), -np.inf, dtype=np.float32)
        for label, prob in enumerate(probs):
            for rows, strip in strips(prob, size, band):
                known = largest[rows.start - top : rows.stop - top]
                larger = strip > known
                np.copyto(known, strip, where=larger)
                np.copyto(labels[rows], label, where=larger)
    return labels


def strips(
    values: np.ndarray, size: tuple[int, int], band: slice | None = None, columns: slice | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows `band` of `values`, (h, w) float32, resized to `size` (H, W), strip by strip, with their places.

    With `columns`, the strips have those alone.
    """
    height, width = size
    band, columns = band or slice(0, height), columns or slice(0, width)
    across = columns.stop - columns.start
    lines = min(height, len(values))
    # Pixels are squares: their centres lie at halves, as Pillow has it.
    places = np.clip((np.arange(band.start, band.stop) + 0.5) * lines / height - 0.5, 0, lines - 1)
    above = places.astype(int)
    below = (places - above).astype(np.float32)[:, None]  # share of the next row
    if lines == len(values):  # of these rows alone
        first = int(above[0])
        values, above = values[first : int(above[-1]) + 2], above - first
        lines = len(values)
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    box = (columns.start * image.width / width, 0, columns.stop * image.width / width, image.height)
    wide = np.asarray(image.resize((across, lines), Image.Resampling.BILINEAR, box))  # (lines, across)
    steps = np.diff(wide, axis=0, append=wide[-1:])  # (lines, across), to the next row
    deep = max(1, STRIP_PIXELS // across)
    for top in range(0, len(above), deep):
        part = slice(top, min(top + deep, len(above)))
        strip = steps[above[part]] * below[part]  # (deep, across)
        strip += wide[above[part]]
        yield slice(band.start + part.start, band.start + part.stop), strip

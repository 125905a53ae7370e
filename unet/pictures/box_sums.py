"""Sums over square neighbourhoods, by numpy."""

import numpy as np

Rooms = tuple[np.ndarray, np.ndarray]


def box_sums(values: np.ndarray, radius: int) -> np.ndarray:
    """Sums over the square of 2 `radius` + 1 pixels around each pixel, cut off at the border.

    `values` and the result are maps (c, h, w) float32, and `radius` is at least 1.
    """
    (_, height, width), length = values.shape, 2 * radius + 1
    sums = np.empty_like(values)
    tall = np.zeros((height + 2 * radius, width), values.dtype)
    wide = np.zeros((height, width + 2 * radius), values.dtype)
    tall_rooms = np.empty_like(tall), np.empty_like(tall)
    wide_rooms = np.empty_like(wide).T, np.empty_like(wide).T
    for plane, target in zip(values, sums, strict=True):  # one after the other: each fits into the processor's cache
        tall[radius : radius + height] = plane
        _runs(tall, length, wide[:, radius : radius + width], tall_rooms)
        _runs(wide.T, length, target.T, wide_rooms)
    return sums


def _runs(values: np.ndarray, length: int, total: np.ndarray, rooms: Rooms) -> None:
    """Write the sums of `length` rows one after the other, beginning with each of `values` (n, m), into `total`.

    `length` is odd and at least 3, `total` is (n - `length` + 1, m), and the two `rooms` for what comes between (n, m).
    """
    size = len(total)
    first, run = values[:size], values
    reach, summed = 1, 1  # rows that `run` sums, a power of two, and rows that are in `first`
    while summed < length:
        run = np.add(run[:-reach], run[reach:], out=rooms[0][: len(run) - reach])
        rooms, reach = rooms[::-1], 2 * reach
        if length & reach:
            first = np.add(first, run[summed : summed + size], out=total)
            summed += reach

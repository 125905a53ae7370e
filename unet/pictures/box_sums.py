"""Sums over square neighbourhoods, by numpy."""

import numpy as np


def box_sums(values: np.ndarray, radius: int) -> np.ndarray:
    """Sums over the square of 2 `radius` + 1 pixels around each pixel, cut off at the border.

    `values` and the result are maps (c, h, w) float32, and `radius` is at least 1.
    """
    sums = np.empty_like(values)
    for plane, target in zip(values, sums, strict=True):  # one after the other: each fits into the processor's cache
        rows = _runs(np.pad(plane, ((radius, radius), (0, 0))), 2 * radius + 1)
        target[:] = _runs(np.pad(rows, ((0, 0), (radius, radius))).T, 2 * radius + 1).T
    return sums


def _runs(values: np.ndarray, length: int) -> np.ndarray:
    """Sums of `length` rows one after the other, beginning with each of (n, m): (n - `length` + 1, m)."""
    size = len(values) - length + 1
    run, reach = values, 1  # sums of `reach` rows, a power of two
    total, summed = np.zeros((size, values.shape[1]), values.dtype), 0
    while summed < length:
        if length & reach:
            total, summed = total + run[summed : summed + size], summed + reach
        if summed < length:
            run, reach = run[:-reach] + run[reach:], 2 * reach
    return total

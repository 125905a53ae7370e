"""Samples of more than 8 bits, scaled to 8; where that is more than dividing by 257, a notice says so."""

import numpy as np

FULL = 65535
TWELVE_BITS = 4096  # samples below it, in a file of 16 bits, come from a sensor of 10 or 12 bits
BAND_ROWS = 256  # rows that are scaled at a time, so that a large picture needs little besides itself


def scale(
    values: np.ndarray, counted: np.ndarray | None = None, bits: int = 16, flat: bool = True
) -> tuple[np.ndarray, str | None]:
    """Scale samples to 8 bits.

    Integers in 0..65535 are scaled from that range, floats in 0..1 from theirs. Integers that all lie below 4096 come
    from 10 or 12 bits and are stretched from these; samples of fewer than 16 `bits` from their own. All others are
    stretched from their minimum and maximum.

    Args:
        values: (H, W) or (H, W, C) of any type of number; what is not finite counts as 0.
        counted: (H, W) bool, the pixels that minimum and maximum are taken from; all by default.
        bits: Bits of a sample in the file.
        flat: Whether to notice values that hardly differ.

    Returns:
        uint8 of the same shape, and a notice for the user, or None.
    """
    low, high = _extremes(values, counted)
    span = f"its values run from {low:g} to {high:g}"
    if np.issubdtype(values.dtype, np.floating):
        first, last = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
        notice = None if (first, last) == (0, 1) else f"{span} and were stretched to black and white"
    elif low >= 0 and bits < 16:
        first, last = 0.0, float(2**bits - 1)
        notice = f"its {bits} bits a sample were stretched to black and white"
    elif low < 0 or high > FULL:
        first, last, notice = low, high, f"{span} and were stretched to black and white"
    elif 0 < high < TWELVE_BITS:
        first, last = 0.0, next(float(2**bits - 1) for bits in (8, 10, 12) if high < 2**bits)
        notice = f"{span} of {FULL} and were stretched: {last:g} is white"
    else:
        first, last = 0.0, float(FULL)
        nearly_flat = flat and 0 < high - low < TWELVE_BITS
        notice = f"it is nearly flat: {span} of {FULL}" if nearly_flat else None
    result = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), BAND_ROWS):
        band = values[top : top + BAND_ROWS].astype(np.float64)
        band[~np.isfinite(band)] = 0
        band -= first
        band *= 255 / max(last - first, 1e-12)
        result[top : top + BAND_ROWS] = np.rint(band, out=band).clip(0, 255, out=band)
    return result, notice


def _extremes(values: np.ndarray, counted: np.ndarray | None) -> tuple[float, float]:
    """Minimum and maximum of the finite values that count; what is not finite is 0."""
    lows, highs = [], []
    for top in range(0, len(values), BAND_ROWS):
        band = values[top : top + BAND_ROWS]
        if counted is not None:
            band = band[counted[top : top + BAND_ROWS]]
        if np.issubdtype(band.dtype, np.floating):
            band = np.where(np.isfinite(band), band, 0)
        if band.size:
            lows.append(float(band.min()))
            highs.append(float(band.max()))
    return (min(lows), max(highs)) if lows else (0.0, 0.0)

"""What a mask file holds, in a few numbers: its values, how many pixels have each, and where these lie."""

from dataclasses import dataclass, replace

import numpy as np

from unet.data.mask_files import MaskPixels
from unet.data.options import COLOUR

BAND = 8  # greys of 0..8 count as 0, those of 247..255 as 255
TRIMAP = (126, 129)  # the middle grey of a trimap lies between these
WIDE_IDS = 4096  # 16-bit masks with a smaller maximum hold ids, others brightness
WIDE_SCALE = 257  # 65535 / 255
_KEPT = 4096  # distinct values that are kept of a file
_SIDE = 512  # longer side, in pixels, of the thinned mask in which contours are looked for
_REACH = 12  # pixels of it that a contour's soft edge reaches
_LEVEL = 4  # levels by which the pixels of a plateau differ from their neighbours, at most: those of JPEG's noise
_PLATEAUS = (32, 223)  # greys of plateaus; darker and brighter ones are JPEG's noise along contours, too
_NOISE = 8  # levels by which JPEG changes a trimap's grey


@dataclass(frozen=True)
class MaskContent:
    """The values of a mask file, in ascending order of their codes."""

    name: str
    codes: np.ndarray  # (n,) distinct codes
    counts: np.ndarray  # (n,) pixels of each
    flat: np.ndarray  # (n,) those among them whose four neighbours have the same value
    wide: bool = False  # more than 8 bits a pixel
    away: float = 0.0  # share of pixels of other greys than 0 and 255 that lie away from contours
    plateaus: float = 0.0  # share of pixels in areas of nearly one other grey, JPEG's noise allowed
    alone: int = 0  # pixels of small values above 0 that no neighbour shares
    alpha: np.ndarray | None = None  # (256,) pixels of each alpha
    layer: bool = False  # whether its colours under alpha say nothing: they are constant, or the picture's
    palette: np.ndarray | None = None  # (256,) the codes of a palette whose indices `codes` are
    rgb: bool = False  # whether the file has three channels, even if all of its colours are greys

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return int(self.counts.sum())

    @property
    def coloured(self) -> bool:
        """Whether a value is no grey."""
        return bool(len(self.codes)) and int(self.codes[-1]) >= COLOUR

    @property
    def alpha_varies(self) -> bool:
        """Whether there is an alpha that is not nearly the same everywhere."""
        return self.alpha is not None and int(np.ptp(np.flatnonzero(self.alpha))) > BAND

    def without(self, codes: tuple[int, ...]) -> "MaskContent":
        """The content without the pixels of `codes`."""
        left = ~np.isin(self.codes, codes)
        return replace(self, codes=self.codes[left], counts=self.counts[left], flat=self.flat[left])


def summarise_mask(name: str, pixels: MaskPixels, layer: bool = False) -> MaskContent:
    """The content of a mask; `layer`: see `MaskContent`."""
    flat = _flat(pixels.codes)
    codes, counts = _count(pixels.codes)
    flat_codes, flat_counts = _count(pixels.codes[flat])
    flats = np.zeros(len(codes), np.int64)
    flats[np.searchsorted(codes, flat_codes)] = flat_counts
    away, plateaus = _odd_greys(pixels) if len(codes) > 2 and codes[-1] < COLOUR else (0.0, 0.0)
    alone = _alone(pixels.codes) if ((codes > 0) & (codes <= BAND)).any() else 0
    if len(codes) > _KEPT:
        kept = np.sort(np.argsort(-counts, kind="stable")[:_KEPT])
        codes, counts, flats = codes[kept], counts[kept], flats[kept]
    alpha = None if pixels.alpha is None else np.bincount(pixels.alpha.reshape(-1), minlength=256)
    odd = (away, plateaus, alone)
    return MaskContent(name, codes, counts, flats, pixels.wide, *odd, alpha, layer, pixels.palette, pixels.rgb)


def _count(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values, ascending, and how often each occurs."""
    if values.dtype == np.uint32:
        return np.unique(values, return_counts=True)
    counts = np.bincount(values.reshape(-1))
    codes = np.flatnonzero(counts)
    return codes, counts[codes]


def _flat(codes: np.ndarray, most: int = 0) -> np.ndarray:
    """Pixels (H, W) bool that differ by at most `most` from those above, below, left and right, as far as there are."""
    flat = np.ones(codes.shape, bool)
    for axis in (0, 1):
        # Unsigned differences wrap around, but equal values alone give 0.
        same = np.abs(np.diff(codes.astype(np.int32), axis=axis)) <= most if most else np.diff(codes, axis=axis) == 0
        first, last = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
        flat[first] &= same
        flat[last] &= same
    return flat


def _alone(codes: np.ndarray) -> int:
    """Number of pixels of the small values 1 to 8 none of whose eight neighbours has the same value."""
    height, width = codes.shape
    padded = np.pad(codes.astype(np.int32), 1, constant_values=-1)
    alone = (codes > 0) & (codes <= BAND)
    for dy in range(3):
        for dx in range(3):
            if (dy, dx) != (1, 1):
                alone &= padded[dy : dy + height, dx : dx + width] != codes
    return int(alone.sum())


def _odd_greys(pixels: MaskPixels) -> tuple[float, float]:
    """Shares of the pixels that are neither near 0 nor 255 nor a trimap's grey: away from contours, and on plateaus.

    A contour is where two of these three meet. The pixels of a plateau differ little from those around them.
    """
    step = -(-max(pixels.codes.shape) // _SIDE)
    values = pixels.codes[::step, ::step]
    if pixels.wide and pixels.codes.max() >= WIDE_IDS:
        values = (values + WIDE_SCALE // 2) // WIDE_SCALE
    kinds = [values <= BAND, values >= 255 - BAND, (values >= TRIMAP[0]) & (values <= TRIMAP[1])]
    other = ~(kinds[0] | kinds[1] | kinds[2])
    if not other.any():
        return 0.0, 0.0
    near = sum(_within(kind, _REACH).astype(np.uint8) for kind in kinds)
    level = _flat(values, _LEVEL) & (values >= _PLATEAUS[0]) & (values <= _PLATEAUS[1])
    level &= (values < TRIMAP[0] - _NOISE) | (values > TRIMAP[1] + _NOISE)
    return float((other & (near < 2)).mean()), float(level.mean())


def _within(mask: np.ndarray, reach: int) -> np.ndarray:
    """Pixels (H, W) bool that have one of `mask` (H, W) in the square of `reach` pixels around them."""
    for axis in (0, 1):
        total = np.cumsum(mask, axis=axis, dtype=np.int32)
        total = np.concatenate([np.zeros_like(np.take(total, [0], axis)), total], axis)
        places = np.arange(mask.shape[axis])
        after = np.take(total, np.minimum(places + reach + 1, mask.shape[axis]), axis)
        mask = after > np.take(total, np.maximum(places - reach, 0), axis)
    return mask

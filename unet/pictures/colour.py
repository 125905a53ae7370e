"""From a file's colours to sRGB: embedded ICC profiles, and the numbers by which files name colours without one.

The numbers are those of ITU-T H.273 (PNG's cICP, AVIF's and HEIC's nclx box) and of PNG's gAMA and cHRM. Formulas are
H.273's for primaries and curves, those of SMPTE ST 2084 for PQ, and of BT.2100 for HLG. Light above sRGB's white is
mapped as browsers do it on a canvas: in BT.2020 primaries, the largest of red, green and blue (1 = 203 cd/m2) is halved
up to 1, and bent to 1 at 1000 cd/m2, with the quadratic curve of SMPTE ST 2094-50.
"""

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

Curve = Callable[[np.ndarray], np.ndarray]  # from a code value, 0..1, to light

REFERENCE_WHITE = 203.0  # cd/m2, which becomes 1
PEAK = 1000 / REFERENCE_WHITE
BAND_PIXELS = 2**20  # pixels that are converted at a time
_D65 = (0.3127, 0.3290)
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65)
# x and y of red, green, blue and white, by H.273's number.
_PRIMARIES = {
    1: _SRGB,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
    9: _BT2020,
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_PQ, _HLG = 16, 18
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Space:
    """A colour space without a profile."""

    curve: Curve
    primaries: tuple[float, ...] = _SRGB  # x and y of red, green, blue and white
    hdr: str = ""  # "pq" or "hlg" where light goes beyond sRGB's white


def _srgb_light(code: np.ndarray) -> np.ndarray:
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _srgb_code(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _pq_light(code: np.ndarray) -> np.ndarray:
    power = code ** (32 / 2523)
    light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return light ** (8192 / 1305) * (10_000 / REFERENCE_WHITE)


def _hlg_light(code: np.ndarray) -> np.ndarray:
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)


def _video_light(code: np.ndarray) -> np.ndarray:
    return code**2.4  # BT.1886: what a display makes of the curves of television


def _power(exponent: float) -> Curve:
    return lambda code: code**exponent


_CURVES: dict[int, Curve] = {
    4: _power(2.2),
    5: _power(2.8),
    7: lambda code: np.where(code < 0.0912, code / 4, ((code + 0.1115) / 1.1115) ** (1 / 0.45)),
    8: _power(1.0),
    _PQ: _pq_light,
    17: lambda code: code**2.6 * (52.37 / 48),
    _HLG: _hlg_light,
    **dict.fromkeys((1, 6, 14, 15), _video_light),
    **dict.fromkeys((11, 13), _srgb_light),
}


def from_numbers(primaries: int, transfer: int, video: bool = False) -> Space | None:
    """The space that H.273's numbers name; None for sRGB itself and for numbers that name nothing.

    Browsers take the curves of television (BT.709) for sRGB's in formats of `video`, such as AVIF, but not in a PNG.
    """
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        return None
    hdr = {_PQ: "pq", _HLG: "hlg"}.get(transfer, "")
    curve = _CURVES[transfer]
    space = Space(_srgb_light if video and curve is _video_light else curve, _PRIMARIES[primaries], hdr)
    return None if (space.curve, space.primaries) == (_srgb_light, _SRGB) else space


def from_png(side: Mapping[bytes, bytes], has_profile: bool) -> Space | None:
    """The space that a PNG's chunks name, by their order of precedence; None for sRGB and where a profile holds."""
    if holds_over_profile(side):
        return from_numbers(*side[b"cICP"][:2])
    gamma, corners = side.get(b"gAMA", b""), side.get(b"cHRM", b"")
    if has_profile or b"sRGB" in side or len(gamma) != 4:
        return None
    value = struct.unpack(">I", gamma)[0] / 100_000
    if not 0.05 <= value <= 5:
        return None
    primaries = _SRGB
    if len(corners) == 32:
        white_x, white_y, *rest = (number / 100_000 for number in struct.unpack(">8I", corners))
        given = (*rest, white_x, white_y)
        if min(given[1::2]) > 0 and not np.allclose(given, _SRGB, atol=0.002) and _span_colours(given):
            primaries = given
    if primaries == _SRGB and abs(value * 2.2 - 1) < 0.05:
        return None  # sRGB, in the words of older programs
    return Space(_power(1 / value), primaries)


def _span_colours(primaries: tuple[float, ...]) -> bool:
    """Whether red, green and blue (x, y) are the corners of a triangle, and not nearly on a line."""
    red, green, blue = (np.array(primaries[place : place + 2]) for place in (0, 2, 4))
    (right, up), (across, down) = green - red, blue - red
    return bool(abs(right * down - up * across) > 1e-3)


def holds_over_profile(side: Mapping[bytes, bytes]) -> bool:
    """Whether a PNG's cICP chunk names its colours, which then comes before a profile."""
    cicp = side.get(b"cICP", b"")
    return len(cicp) == 4 and cicp[0] in _PRIMARIES and cicp[1] in _CURVES and cicp[2] == 0


def to_srgb(values: np.ndarray, space: Space) -> np.ndarray:
    """Convert (H, W) or (H, W, 3) uint8 or uint16 from `space` to sRGB, (H, W, 3) uint8."""
    top = np.iinfo(values.dtype).max
    light = space.curve(np.arange(top + 1, dtype=np.float64) / top).astype(np.float32)
    height, width = values.shape[:2]
    result = np.empty((height, width, 3), np.uint8)
    matrix = (np.linalg.inv(_to_xyz(_SRGB)) @ _to_xyz(space.primaries)).astype(np.float32)
    steps = 4096
    codes = np.rint(255 * _srgb_code((np.arange(steps) / (steps - 1)) ** 2)).astype(np.uint8)  # by the light's root
    rows = max(1, BAND_PIXELS // width)
    for start in range(0, height, rows):
        band = light[values[start : start + rows]]
        if band.ndim == 2:
            band = np.repeat(band[..., None], 3, axis=2)
        if space.hdr:
            band = _tone_mapped(band, space)
        elif values.ndim == 3 and space.primaries != _SRGB:
            band = band @ matrix.T
        result[start : start + rows] = codes[np.rint(np.sqrt(band.clip(0, 1)) * (steps - 1)).astype(np.int32)]
    return result


def _tone_mapped(light: np.ndarray, space: Space) -> np.ndarray:
    """Light (h, w, 3) of `space`, 1 = 203 cd/m2, as light of sRGB with all of it within 0..1."""
    wide = _to_xyz(_BT2020)
    light = light @ (np.linalg.inv(wide) @ _to_xyz(space.primaries)).astype(np.float32).T
    if space.hdr == "hlg":
        luminance = light @ wide[1].astype(np.float32)
        light = light * (PEAK * np.maximum(luminance, 1e-9) ** 0.2)[..., None]  # a display of 1000 cd/m2
    largest = np.maximum(light.max(axis=-1), 1e-6)
    # A quadratic Bezier curve from (1, 0.5) over (1.65, 0.825) to (PEAK, 1).
    bend, reach = PEAK - 2.3, 1.3  # x(t) = 1 + reach * t + bend * t^2
    t = (np.sqrt(reach**2 + 4 * bend * (largest.clip(1, PEAK) - 1)) - reach) / (2 * bend)
    mapped = np.where(largest <= 1, largest / 2, 0.5 + 0.65 * t - 0.15 * t**2)
    light = light * (mapped / largest)[..., None]
    result: np.ndarray = light @ (np.linalg.inv(_to_xyz(_SRGB)) @ wide).astype(np.float32).T
    return result


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """The matrix (3, 3) from linear light to XYZ, with white adapted to D65 (Bradford)."""
    points = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]
    corners, white = np.stack(points[:3], axis=1), points[3]
    d65 = np.array([_D65[0] / _D65[1], 1, (1 - sum(_D65)) / _D65[1]])
    matrix = corners * np.linalg.solve(corners, white)
    adapted: np.ndarray = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ d65 / (_BRADFORD @ white)) @ _BRADFORD @ matrix
    return adapted


def apply_profile(image: Image.Image, profile: bytes | None, exact: bool = False) -> Image.Image:
    """Convert colours to sRGB with an ICC profile; a missing, damaged or unsuitable one is ignored.

    Unless `exact`, the curves are approximated, which is fast, and right for 8 bits.
    """
    if not profile or image.mode not in ("RGB", "CMYK", "L", "RGBA", "LA", "I;16"):
        return image
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colours = image.convert(image.mode[:-1]) if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        flags = ImageCms.Flags.NOOPTIMIZE if exact else ImageCms.Flags.NONE
        srgb = ImageCms.createProfile("sRGB")
        result = ImageCms.profileToProfile(colours, source, srgb, outputMode="RGB", flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if result and alpha:
        result.putalpha(alpha)
    return result or image


def grey_by_profile(values: np.ndarray, profile: bytes | None) -> np.ndarray | None:
    """Grey (H, W) uint16 as sRGB, (H, W, 3) uint8, by its ICC profile; None if there is none that fits."""
    ramp = Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    table = apply_profile(ramp, profile, exact=True)
    return None if table is ramp else np.asarray(table).reshape(-1, 3)[values]

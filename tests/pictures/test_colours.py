"""Colours that a file names without a profile, against the formulas of the standards, written out here once more."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from picture_files import GREY, RGB, SMOOTH, encoded, linear_profile, three
from PIL import Image
from raw_writers import chunk, iccp, png

from unet.pictures.decode import read_picture

# Linear light of these primaries to that of sRGB, from the standards' own tables.
P3 = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
BT2020 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
ADOBE = np.array([[1.3984, -0.3984, 0], [0, 1, 0], [0, -0.0429, 1.0429]])
SAME = np.eye(3)
ADOBE_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


def srgb_light(code):
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def video_light(code):
    return code**2.4  # BT.1886


def srgb(light):
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def converted(values, curve, matrix=SAME):
    return srgb(curve(values / np.iinfo(values.dtype).max) @ matrix.T)


def power(exponent):
    return lambda code: code**exponent


def cicp(primaries, transfer):
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def gama(value):
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def padded(profile, length):
    return struct.pack(">I", length) + profile[4:] + bytes(length - len(profile))


WIDE = SMOOTH.astype(np.uint16) * 257
CHRM = chunk(b"cHRM", ADOBE_CHRM)
EQUAL_CHRM = ADOBE_CHRM[:16] + ADOBE_CHRM[8:16] + ADOBE_CHRM[24:]  # green where red is
SRGB = chunk(b"sRGB", b"\0")
FILES = {
    "Display P3": (png(RGB, cicp(12, 13)), converted(RGB, srgb_light, P3)),
    "Display P3, 16 bits": (png(WIDE, cicp(12, 13)), converted(WIDE, srgb_light, P3)),
    "BT.2020 in SDR": (png(RGB, cicp(9, 14)), converted(RGB, video_light, BT2020)),
    "BT.709": (png(RGB, cicp(1, 1)), converted(RGB, video_light)),
    "linear light": (png(WIDE, cicp(1, 8)), converted(WIDE, power(1))),
    "gamma 2.2 of wide primaries": (png(RGB, cicp(9, 4)), converted(RGB, power(2.2), BT2020)),
    "grey in linear light": (png(GREY, cicp(1, 8)), converted(three(GREY), power(1))),
    "sRGB before a profile": (png(RGB, cicp(1, 13) + iccp(linear_profile())), RGB),
    "before a profile": (png(RGB, cicp(12, 13) + iccp(linear_profile())), converted(RGB, srgb_light, P3)),
    "before sRGB": (png(RGB, cicp(12, 13) + SRGB), converted(RGB, srgb_light, P3)),
    "numbers that name nothing": (png(RGB, cicp(2, 2)), RGB),
    "damaged": (png(RGB, chunk(b"cICP", bytes([12, 13, 0, 1]), damaged=True)), RGB),
    "gAMA 1": (png(RGB, gama(1)), converted(RGB, power(1))),
    "gAMA 1, 16 bits": (png(WIDE, gama(1)), converted(WIDE, power(1))),
    "gAMA 1, grey of 16 bits": (png(WIDE[..., 1], gama(1)), converted(three(WIDE[..., 1]), power(1))),
    "gAMA 0.5556": (png(RGB, gama(0.55556)), converted(RGB, power(1.8))),
    "gAMA 0.45455": (png(RGB, gama(0.45455)), RGB),
    "gAMA and cHRM of Adobe RGB": (png(RGB, gama(0.45471) + CHRM), converted(RGB, power(2.1992), ADOBE)),
    "cHRM alone": (png(RGB, CHRM), RGB),
    "sRGB before gAMA": (png(RGB, SRGB + gama(1) + CHRM), RGB),
    "profile before gAMA": (png(RGB, iccp(linear_profile()) + gama(0.3)), converted(RGB, power(1))),
    "a profile of two megabytes": (png(RGB, iccp(padded(linear_profile(), 2 * 2**20))), converted(RGB, power(1))),
    "no profile before gAMA": (png(RGB, iccp(b"no profile") + gama(1)), converted(RGB, power(1))),
    "gAMA 0": (png(RGB, gama(0)), RGB),
    "cHRM of two equal corners": (png(RGB, gama(1) + chunk(b"cHRM", EQUAL_CHRM)), converted(RGB, power(1))),
}


@pytest.mark.parametrize("name", FILES)
def test_colours_are_those_of_the_formulas(name):
    content, truth = FILES[name]
    assert np.abs(read_picture(content).rgb - truth).mean() < 1
    assert np.abs(read_picture(content).rgb - truth).max() <= 3


def test_palettes_and_transparency_have_colours_too():
    image = Image.fromarray(RGB).quantize(8)
    truth = converted(np.asarray(image.convert("RGB")), power(1))
    content = encoded(image, "PNG", transparency=3)
    at = content.index(b"PLTE") - 4
    picture = read_picture(content[:at] + gama(1) + content[at:])
    visible = np.asarray(image) != 3
    assert np.abs(picture.own_colours - truth)[visible].max() <= 2
    assert ((picture.alpha == 255) == visible).all()


def pq(nits):
    """The code, 0..1, of light in cd/m2: SMPTE ST 2084."""
    share = (nits / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * share) / (1 + 18.6875 * share)) ** 78.84375


@pytest.mark.parametrize("depth", [8, 16])
def test_pq_is_halved_up_to_white_and_bent_above(depth):
    nits = np.array([0.5, 5, 50, 100, 203, 400, 700, 1000, 4000])
    top = 2**depth - 1
    grey = np.rint(pq(nits) * top).astype(np.uint8 if depth == 8 else np.uint16)
    shown = read_picture(png(three(grey[None]), cicp(9, 16))).rgb[0]
    assert (shown == shown[:, :1]).all()
    light = srgb_light(shown[:, 0] / 255)
    assert np.abs(light[:5] - nits[:5] / 406).max() < (0.004 if depth == 16 else 0.02)
    assert (np.diff(shown[:, 0].astype(int))[:7] > 0).all()
    assert 0.5 < light[5] < nits[5] / 406 < light[6] * 2 < 2
    assert (shown[7:] == 255).all() if depth == 16 else (shown[7:] >= 253).all()


def test_the_brightest_channel_bends_a_colour_and_keeps_its_hue():
    nits = np.array([[203.0, 162.4, 101.5], [700.0, 560.0, 350.0]])
    codes = np.rint(pq(nits) * 65535).astype(np.uint16)
    shown = read_picture(png(codes[None], cicp(1, 16))).rgb[0]
    light = srgb_light(shown / 255)
    assert light[0] == pytest.approx(light[0, 0] * np.array([1, 0.8, 0.5]), abs=0.01)
    assert light[1] == pytest.approx(light[1, 0] * np.array([1, 0.8, 0.5]), abs=0.01)


def test_hlg_is_dark_to_bright_within_white():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    shown = read_picture(png(three(ramp[None]), cicp(9, 18))).rgb[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all()
    assert (shown[0], shown[-1]) == (0, 255)
    assert 40 < shown[32] < 140


MUTED = 80 + SMOOTH // 4  # within sRGB, where small differences stay small


def heif(primaries, transfer, kind="HEIF", values=SMOOTH):
    buffer = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(Image.fromarray(values)).save(buffer, quality=95, save_nclx_profile=True)
    else:
        Image.fromarray(values).save(buffer, kind, quality=95, subsampling="4:4:4")
    content = buffer.getvalue()
    at = content.index(b"colrnclx") + 8
    return content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :]


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "truth"),
    [
        (12, 13, converted(SMOOTH, srgb_light, P3)),
        (9, 14, converted(SMOOTH, srgb_light, BT2020)),
        (1, 1, SMOOTH.astype(float)),  # browsers take the curve of video for sRGB's here
        (1, 4, converted(SMOOTH, power(2.2))),
        (1, 13, SMOOTH.astype(float)),
        (2, 2, SMOOTH.astype(float)),
    ],
)
def test_numbers_in_the_box_of_a_heic_or_avif(kind, primaries, transfer, truth):
    assert np.abs(read_picture(heif(primaries, transfer, kind)).rgb - truth).mean() < 2.5


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_pq_in_the_box_is_that_of_a_png(kind):
    same = read_picture(png(MUTED, cicp(9, 16))).rgb.astype(int)
    assert np.abs(read_picture(heif(9, 16, kind, MUTED)).rgb - same).mean() < 6
    assert np.abs(MUTED - same).mean() > 20

"""Samples of more than 8 bits: which are stretched, what is said, and how much memory the largest picture takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from picture_files import ALPHA, GREY, RGB, encoded, three
from PIL import Image
from raw_writers import chunk, png, tiff, tiff_page

from unet.pictures.decode import read_picture

ROOT = Path(__file__).parents[2]
RAMP = np.linspace(0, 1, 40 * 56).reshape(40, 56)


def ramp(low, high):
    return np.rint(low + RAMP * (high - low)).astype(np.uint16)


def both(values):
    """The same samples as PNG and as TIFF."""
    return png(values), tiff(tiff_page(values, strips=3))


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (ramp(0, 4095), 4095),
        (ramp(200, 3000), 4095),
        (ramp(0, 1023), 1023),
        (ramp(17, 900), 1023),
        (ramp(0, 255), 255),
        (np.dstack([ramp(0, 4095), ramp(900, 0), ramp(300, 2000)]), 4095),
        (np.dstack([ramp(0, 700), ramp(900, 0), ramp(300, 600)]), 1023),
    ],
)
def test_samples_of_10_or_12_bits_are_stretched_and_said(values, white):
    truth = values / white * 255
    for content in both(values):
        picture = read_picture(content)
        assert np.abs(picture.rgb - (truth if values.ndim == 3 else three(truth))).max() <= 1
        (notice,) = picture.notices
        assert f"its values run from {values.min()} to {values.max()} of 65535 and were stretched" in notice


@pytest.mark.parametrize(
    "values",
    [
        ramp(0, 65535),
        ramp(9000, 52000),
        ramp(0, 9000),
        ramp(0, 0),
        np.dstack([ramp(0, 65535), ramp(0, 300), ramp(0, 0)]),
    ],
)
def test_other_samples_are_shown_as_they_are(values):
    truth = values / 257
    for content in both(values):
        picture = read_picture(content)
        assert np.abs(picture.rgb - (truth if values.ndim == 3 else three(truth))).max() <= 1
        assert picture.notices == ()


@pytest.mark.parametrize("values", [ramp(33069, 36863), ramp(5000, 5100), np.dstack([ramp(40000, 41000)] * 3)])
def test_a_narrow_band_is_shown_as_it_is_and_said(values):
    contents = both(values) if values.ndim == 2 else [tiff(tiff_page(values))]
    for content in contents:
        picture = read_picture(content)
        assert np.abs(picture.rgb - (values / 257 if values.ndim == 3 else three(values / 257))).max() <= 1
        assert picture.notices == (f"it is nearly flat: its values run from {values.min()} to {values.max()} of 65535",)


def test_a_value_that_means_nothing_does_not_hinder_the_stretch():
    values = ramp(0, 4095)
    values[:5] = 65535
    picture = read_picture(png(values, chunk(b"tRNS", b"\xff\xff")))
    assert "stretched" in picture.notices[0]
    assert (picture.alpha[:5] == 0).all()
    assert np.abs(picture.own_colours[5:] - three(values[5:] / 4095 * 255)).max() <= 1


@pytest.mark.parametrize("deep", [np.dstack([RGB, ALPHA]), np.dstack([GREY, ALPHA])])
def test_transparency_of_12_bits(deep):
    picture = read_picture(png(deep.astype(np.uint16) * 16))
    assert "stretched" in picture.notices[0]
    assert np.abs(picture.alpha - ALPHA * (16 * 255 / 4095)).max() <= 1
    colours = RGB if deep.shape[2] == 4 else three(GREY)
    assert np.abs(picture.own_colours - colours * (16 * 255 / 4095))[ALPHA > 0].max() <= 1


def test_signed_and_large_numbers_are_stretched_and_said():
    for values in (ramp(0, 3000).astype(np.int16) - 1000, (RAMP * 4e9).astype(np.uint32), ramp(0, 9).astype(np.int8)):
        picture = read_picture(tiff(tiff_page(values)))
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 65535:
            assert np.abs(picture.rgb - three((values - low) / (high - low) * 255)).max() <= 1
        assert "stretched" in picture.notices[0]


def test_floats_beyond_one_are_stretched_and_said():
    picture = read_picture(tiff(tiff_page((RGB / 50).astype(np.float32))))
    assert "stretched to black and white" in picture.notices[0]
    assert read_picture(tiff(tiff_page((RGB / 255).astype(np.float32)))).notices == ()


PEAK = """
import re, sys
from pathlib import Path
from unet.pictures.decode import read_picture

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
picture = read_picture(sys.argv[1])
print(peak() - before, picture.rgb.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("high", [4095, 60000])
def test_100_megapixels_of_16_bit_grey_stay_within_4_times_their_8_bit_memory(kind, high, tmp_path):
    path = tmp_path / "large"
    values = np.broadcast_to(np.linspace(0, high, 10_000).astype(np.uint16), (10_000, 10_000))
    options = {"compress_level": 1} if kind == "PNG" else {"compression": "tiff_adobe_deflate"}
    path.write_bytes(encoded(Image.fromarray(np.ascontiguousarray(values)), kind, **options))
    done = subprocess.run([sys.executable, "-c", PEAK, path], cwd=ROOT, capture_output=True, text=True, check=True)
    peak, picture = map(int, done.stdout.split())
    assert picture == 300_000_000
    assert peak < 4 * picture

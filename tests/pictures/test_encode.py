"""PNG and JPEG files, read back by Pillow."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from unet.pictures.encode import STRIP_BYTES, encode_jpeg, encode_png, save_png

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))
MODES = {0: "L", 3: "RGB", 4: "RGBA"}


def read(content: bytes) -> tuple[str, np.ndarray]:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.mode, np.asarray(image)


@pytest.mark.parametrize("channels", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (37, 53), (900, 700), (3, STRIP_BYTES + 5)])
def test_a_png_holds_the_pixels(size, channels):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (*size, channels) if channels else size, dtype=np.uint8)
    mode, pixels = read(encode_png(array))
    assert mode == MODES[channels]
    np.testing.assert_array_equal(pixels, array)


def test_views_and_extremes_are_written_as_they_are():
    rng = np.random.default_rng(1)
    large = rng.choice(np.array([0, 1, 254, 255], np.uint8), (64, 80, 3))
    for array in (large[::2, ::3], large.transpose(1, 0, 2), large[..., 0], np.zeros((700, 900), np.uint8)):
        np.testing.assert_array_equal(read(encode_png(array))[1], array)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_photographs_png_is_not_much_larger_than_pillows(path):
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", compress_level=1)
    assert len(encode_png(rgb)) < 1.15 * len(buffer.getvalue())


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="missing"):
        save_png(np.zeros((2, 2), np.uint8), tmp_path / "missing" / "a.png")


def test_a_jpeg_keeps_colours_in_full_resolution():
    """Red and blue in stripes of one pixel, which halved colours would blend."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    content = encode_jpeg(stripes)
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "JPEG"
        assert JpegImagePlugin.get_sampling(image) == 0
    assert np.abs(read(content)[1].astype(int) - stripes).mean() < 8

"""The decoder: every kind of picture against its true pixels, every other file as one sentence."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import RGB, bad_files, encoded, good_files
from PIL import Image
from raw_writers import chunk, png, tiff, tiff_page

from unet.errors import ImageError
from unet.pictures.decode import MAX_BYTES, read_header, read_picture

GOOD, BAD = good_files(), bad_files()


@pytest.mark.parametrize("name", GOOD)
def test_pixels_are_those_of_the_picture(name):
    file = GOOD[name]
    picture = read_picture(file.content, name)
    assert picture.rgb.shape == file.rgb.shape
    assert picture.rgb.dtype == np.uint8
    assert np.abs(picture.rgb - np.rint(file.rgb)).max() <= file.tolerance
    assert (picture.alpha is None) == (file.alpha is None)
    if file.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, file.alpha)
    assert picture.name == name.rsplit(".", 1)[0]
    assert read_header(file.content) == (picture.width, picture.height)


@pytest.mark.parametrize("name", BAD)
def test_refusals_are_one_sentence_with_name_and_reason(name, tmp_path):
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError) as refusal:
        read_picture(tmp_path / name)
    message = str(refusal.value)
    assert message.startswith(name)
    assert words in message
    assert "\n" not in message
    assert str(tmp_path) not in message


def test_wide_grey_is_scaled_not_clipped():
    values = np.array([[-500, 0, 250, 1500]], dtype=np.int32)
    picture = read_picture(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(picture.rgb[0, :, 0], np.rint((values[0] + 500) / 2000 * 255))


def test_floats_that_are_no_numbers_do_not_spoil_the_rest():
    values = np.array([[0.0, 0.5, 1.0, np.nan, np.inf]], dtype=np.float32)
    picture = read_picture(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(picture.rgb[0, :, 0], [0, 128, 255, 0, 0])


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="64 MB"):
            read_picture(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_what_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(ImageError, match="folder"):
        read_picture(tmp_path)
    with pytest.raises(ImageError, match=r"none\.png cannot be opened"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(ImageError, match="not a valid path"):
        read_picture("a\0b.png")


def test_an_open_file_stays_open():
    file = io.BytesIO(GOOD["grey.png"].content)
    read_picture(file)
    assert not file.closed


_SEEDS = [GOOD[name].content for name in GOOD if len(GOOD[name].content) < 20_000]
_DEEP = RGB[::2, ::2].astype(np.uint16) * 257
_SEEDS += [
    tiff(tiff_page(_DEEP, planar=True, strips=2)),
    tiff(tiff_page(_DEEP, compression=5, predictor=2)),
    tiff(tiff_page(_DEEP // 16, bits=12, tile=16)),
    tiff(tiff_page((_DEEP / 65535).astype(np.float32), compression=8, order=">"), order=">"),
    tiff(tiff_page(RGB[::4, ::4], tags={254: 1}), tiff_page(RGB)),
    png(_DEEP, chunk(b"gAMA", b"\0\1\x86\xa0") + chunk(b"tRNS", bytes(6))),
    png(_DEEP[..., :2], chunk(b"cICP", bytes([9, 16, 0, 1]))),
    encoded(Image.fromarray(RGB), "JPEG", progressive=True),
    encoded(Image.fromarray(RGB), "JPEG", restart_marker_blocks=2)[:-2],
]


@st.composite
def mutated(draw):
    """A good file with bytes changed, cut out, doubled or cut off."""
    content = bytearray(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        if not content:
            break
        place = draw(st.integers(0, len(content) - 1))
        kind = draw(st.sampled_from(["change", "header", "delete", "double", "cut"]))
        length = draw(st.integers(1, 64))
        if kind == "change":
            content[place] = draw(st.integers(0, 255))
        elif kind == "header":
            content[place % min(len(content), 64)] = draw(st.integers(0, 255))
        elif kind == "delete":
            del content[place : place + length]
        elif kind == "double":
            content[place:place] = content[place : place + length]
        else:
            del content[place:]
    return bytes(content)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated())
def test_a_mutated_file_is_decoded_or_refused_in_one_sentence(content):
    refusal = ""
    try:
        picture = read_picture(content, "mutated")
    except ImageError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("mutated")
        assert "\n" not in refusal
    else:
        assert picture.rgb.ndim == 3
        assert picture.rgb.shape[2] == 3
        assert picture.alpha is None or picture.alpha.shape == picture.rgb.shape[:2]

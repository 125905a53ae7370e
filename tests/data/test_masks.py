import io
import zlib

import numpy as np
import pytest
from generated import draw_pair
from picture_files import encoded
from PIL import Image
from raw_writers import chunk, tiff, tiff_page

from unet.data.masks import UNKNOWN, read_mask
from unet.errors import DataError

U = UNKNOWN


@pytest.fixture
def saved(tmp_path):
    """Save an array or picture as a mask file, and read it back as labels."""

    def save(picture, name="m.png", **options):
        if isinstance(picture, np.ndarray):
            picture = Image.fromarray(picture)
        picture.save(tmp_path / name, **options)
        return read_mask(tmp_path / name)

    return save


def row(*values, dtype=np.uint8):
    return np.array([values], dtype)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 255), (0, 1)),
        ((0, 1), (0, 1)),
        ((0, 128, 255), (0, U, 1)),
        ((0, 128), (0, 1)),
        ((0, 1, 1, 1, 255), (0, 1, 1, 1, U)),  # ids with a void
        ((0, 1, 255, 255), (0, 1, U, U)),
        ((0, 2, 7), (0, 1, 1)),
    ],
)
def test_grey_of_one_file(saved, values, expected):
    labels = saved(row(*values))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, row(*expected))


def test_one_bit(saved):
    np.testing.assert_array_equal(saved(row(0, 1, 1, dtype=bool)), row(0, 1, 1))


def test_colours_of_0_and_1(saved):
    np.testing.assert_array_equal(saved(np.array([[(0, 0, 0), (1, 1, 1)]], np.uint8)), row(0, 1))


def test_cmyk(saved):
    picture = Image.fromarray(np.array([[(0, 0, 0)] * 32 + [(255, 255, 255)] * 32] * 32, np.uint8))
    labels = saved(picture.convert("CMYK"), "m.jpg", quality=95)
    assert labels[:, :30].max() == 0
    assert labels[:, 34:].min() == labels[:, 34:].max() == 1


@pytest.mark.parametrize("values", [(0, 1), (0, 255)])
def test_sixteen_bit_files_of_eight_bit_values(saved, values):
    np.testing.assert_array_equal(saved(row(*values, dtype=np.uint16)), row(0, 1))


@pytest.mark.parametrize("name", ["m.jpg", "m.webp", "m.bmp"])
def test_other_formats(saved, name):
    values = np.zeros((64, 48), np.uint8)
    values[:, 24:] = 255
    labels = saved(values, name, **({} if name == "m.bmp" else {"quality": 90}))
    assert labels.shape == (64, 48)
    assert labels[:, :16].max() == 0
    assert labels[:, 32:].min() == labels[:, 32:].max() == 1


INSIDE = draw_pair(0)[1] > 0
RED = np.dstack([INSIDE * 65535, INSIDE * 0, INSIDE * 0]).astype(np.uint16)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ((65535 - INSIDE * 65535).astype(np.uint16), {"photometric": 0}),
        ((4095 - INSIDE * 4095).astype(np.uint16), {"photometric": 0, "bits": 12}),
        (255 - INSIDE * np.uint8(255), {"photometric": 0}),
        ((INSIDE * 3).astype(np.uint16), {}),
        ((INSIDE * 7).astype(np.uint32), {"order": ">"}),
        ((INSIDE * 7).astype(np.int32), {"compression": 8}),
        (INSIDE.astype(np.float64), {}),
        (INSIDE.astype(np.float16), {}),
        (RED, {"planar": True}),
        (RED, {"strips": 3}),
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_kinds_of_tiff(tmp_path, values, options, orientation):
    order = options.get("order", "<")
    (tmp_path / "m.tif").write_bytes(tiff(tiff_page(values, **options, tags={274: orientation}), order=order))
    upright = INSIDE if orientation == 1 else np.rot90(INSIDE, -1)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), upright)


def test_a_kind_of_tiff_that_is_not_read_is_named(tmp_path):
    (tmp_path / "m.tif").write_bytes(tiff(tiff_page(np.dstack([RED, RED])[..., :2], photometric=8)))
    with pytest.raises(DataError, match=r"the mask .*m\.tif could not be read: m\.tif is a TIFF of a kind"):
        read_mask(tmp_path / "m.tif")


def test_side_chunks_of_a_png_do_not_matter(tmp_path):
    values = np.zeros((20, 30), np.uint8)
    values[5:, 7:] = 255
    content = encoded(Image.fromarray(values), "PNG")
    texts = chunk(b"zTXt", b"history\0\0" + zlib.compress(bytes(5_000_000)))
    for name, extra in (("text", texts * 3), ("damaged", chunk(b"tEXt", b"a\0b", damaged=True))):
        (tmp_path / f"{name}.png").write_bytes(content[:33] + extra + content[33:])
        np.testing.assert_array_equal(read_mask(tmp_path / f"{name}.png"), values // 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_are_turned_upright(saved, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.zeros((2, 3), np.uint8)
    upright[0, 0] = upright[1, 0] = upright[0, 2] = 255
    back = {  # what turns the upright picture into the stored one
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = Image.fromarray(upright)
    labels = saved(stored if back is None else stored.transpose(back), exif=exif)
    np.testing.assert_array_equal(labels, upright // 255)


def test_values_that_are_not_grey_levels(tmp_path):
    Image.fromarray(np.array([[0, 70000]], np.int32)).save(tmp_path / "m.tif")
    with pytest.raises(DataError, match=r"m\.tif has values from 0 to 70000"):
        read_mask(tmp_path / "m.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_truncated_files_are_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, {"jpg": "jpeg"}.get(suffix, suffix))
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(buffer.getvalue()[: buffer.tell() // 2])
    with pytest.raises(DataError, match=rf"m\.{suffix}"):
        read_mask(path)


def test_no_picture_and_no_file_are_named(tmp_path):
    (tmp_path / "m.png").write_bytes(b"no picture")
    for name in ("m.png", "gone.png"):
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            read_mask(tmp_path / name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", ["avif", "heic", "png", "jpg", "tif"])
def test_a_damaged_mask_gives_labels_or_a_data_error(tmp_path, suffix):
    path = tmp_path / f"m.{suffix}"
    Image.fromarray(draw_pair(0)[1]).save(path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    messages = []
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.2 else content)
        try:
            assert set(np.unique(read_mask(path))) <= {0, 1, U}
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 20
    assert all(path.name in message for message in messages)

"""TIFF files of every kind that scanners, cameras and programs write, against the values that went into them."""

import io
import tracemalloc
import zlib

import numpy as np
import pytest
from picture_files import ALPHA, GREY, RGB, encoded, linear_profile, on_white, three
from PIL import Image
from raw_writers import tiff, tiff_page

from unet.errors import ImageError
from unet.pictures.decode import read_header, read_picture

WIDE = RGB.astype(np.uint16) * 257
SMALL = RGB[::4, ::4]  # (10, 14, 3)
CMYK = np.dstack([255 - RGB, np.zeros_like(GREY)])  # Pillow turns it back into RGB
TWELVE = RGB.astype(np.uint16) * 16


def floats(kind):
    return (RGB / 255).astype(kind)


def as_float_predictor(values):
    """A page of float32 with TIFF's predictor 3: bytes of equal weight together, then differences."""
    height, width, channels = values.shape
    stored = values.astype(">f4").view(np.uint8).reshape(height, width * channels, 4).transpose(0, 2, 1)
    flat = np.ascontiguousarray(stored).reshape(height, -1, channels)
    differences = np.diff(flat, axis=1, prepend=np.zeros((height, 1, channels), np.uint8)).astype(np.uint8)
    tags, _ = tiff_page(values, compression=8)
    return tiff(({**tags, 317: 3}, [zlib.compress(differences.tobytes())]))


GOOD = {
    "planar": (tiff(tiff_page(WIDE, planar=True)), RGB),
    "planar, big-endian": (tiff(tiff_page(WIDE, planar=True, order=">"), order=">"), RGB),
    "planar, several strips": (tiff(tiff_page(WIDE, planar=True, strips=3)), RGB),
    "planar, deflate": (tiff(tiff_page(WIDE, planar=True, compression=8, strips=2)), RGB),
    "planar, LZW and differences": (tiff(tiff_page(WIDE, planar=True, compression=5, predictor=2)), RGB),
    "planar, 8 bits": (tiff(tiff_page(RGB, planar=True)), RGB),
    "chunky": (tiff(tiff_page(WIDE, strips=7)), RGB),
    "chunky, LZW": (tiff(tiff_page(WIDE, compression=5, strips=4)), RGB),
    "chunky, PackBits": (tiff(tiff_page(WIDE, compression=32773)), RGB),
    "differences, big-endian": (tiff(tiff_page(WIDE, compression=8, predictor=2, order=">"), order=">"), RGB),
    "tiles": (tiff(tiff_page(WIDE, tile=16)), RGB),
    "planar tiles": (tiff(tiff_page(WIDE, tile=32, planar=True, compression=8)), RGB),
    "white is zero, 16 bits": (tiff(tiff_page(65535 - WIDE[..., 1], photometric=0)), three(GREY)),
    "white is zero, 16 bits, strips": (tiff(tiff_page(65535 - WIDE[..., 1], photometric=0, strips=9)), three(GREY)),
    "white is zero, 8 bits": (tiff(tiff_page(255 - GREY, photometric=0)), three(GREY)),
    "CMYK": (tiff(tiff_page(CMYK, photometric=5)), RGB),
    "CMYK, 16 bits": (tiff(tiff_page(CMYK.astype(np.uint16) * 257, photometric=5)), RGB),
    "half floats": (tiff(tiff_page(floats(np.float16))), RGB),
    "floats": (tiff(tiff_page(floats(np.float32), compression=8)), RGB),
    "floats, planar": (tiff(tiff_page(floats(np.float32), planar=True)), RGB),
    "double floats": (tiff(tiff_page(floats(np.float64))), RGB),
    "floats with differences": (as_float_predictor(floats(np.float32)), RGB),
    "half float grey": (tiff(tiff_page(floats(np.float16)[..., 1])), three(GREY)),
    "five channels of RGB": (tiff(tiff_page(np.dstack([RGB, GREY, GREY]), photometric=2, extra=(0, 0))), RGB),
    "12 bits a sample": (tiff(tiff_page(TWELVE, bits=12)), RGB * (16 * 255 / 4095)),
    "10 bits a sample": (tiff(tiff_page(RGB.astype(np.uint16) * 4, bits=10, strips=3)), RGB * (4 * 255 / 1023)),
    "14 bits of grey": (
        tiff(tiff_page(GREY.astype(np.uint16) * 64, bits=14)),
        three(GREY * (64 * 255 / 16383)),
    ),
    "12 bits, white is zero": (
        tiff(tiff_page(4095 - TWELVE[..., 0], bits=12, photometric=0)),
        three(RGB[..., 0] * (16 * 255 / 4095)),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_kind_of_tiff_is_decoded(name, capfd):
    content, rgb = GOOD[name]
    picture = read_picture(content, "some.tif")
    assert read_header(content) == (picture.width, picture.height) == rgb.shape[1::-1]
    assert picture.alpha is None
    assert np.abs(picture.rgb - np.asarray(rgb, float)).max() <= 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", [1, 8, 5])
def test_ycbcr_without_jpeg(compression):
    red, green, blue = np.moveaxis(RGB.astype(float), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    stored = np.rint(np.dstack([luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128])).clip(0, 255)
    content = tiff(tiff_page(stored.astype(np.uint8), photometric=6, compression=compression, tags={530: (1, 1)}))
    assert np.abs(read_picture(content).rgb.astype(int) - RGB).max() <= 3


@pytest.mark.parametrize("name", ["12 bits a sample", "10 bits a sample", "14 bits of grey"])
def test_few_bits_a_sample_are_said(name):
    assert "bits a sample were stretched" in read_picture(GOOD[name][0]).notices[0]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (np.dstack([CMYK, ALPHA]), {"photometric": 5, "extra": 2}),
        (np.dstack([CMYK, ALPHA]).astype(np.uint16) * 257, {"photometric": 5, "extra": 2}),
        (np.dstack([WIDE, ALPHA.astype(np.uint16) * 257]), {"extra": 2}),
        (np.dstack([WIDE, ALPHA.astype(np.uint16) * 257]), {"extra": 2, "planar": True}),
        (np.dstack([floats(np.float32), (ALPHA / 255).astype(np.float32)]), {"extra": 2}),
        (np.dstack([RGB, ALPHA]), {"extra": 2}),
        (np.rint(np.dstack([RGB, ALPHA]) * (4095 / 255)).astype(np.uint16), {"extra": 2}),  # 12 bits in 16
        (np.rint(np.dstack([RGB, ALPHA]) * (1023 / 255)).astype(np.uint16), {"extra": 2, "planar": True}),
    ],
)
def test_transparency_of_a_tiff_is_kept_with_the_colours_under_it(values, options):
    picture = read_picture(tiff(tiff_page(values, **options)))
    np.testing.assert_array_equal(picture.alpha, ALPHA)
    assert np.abs(picture.own_colours.astype(int) - RGB)[ALPHA > 0].max() <= 1
    assert np.abs(picture.rgb - on_white(RGB, ALPHA)).max() <= 1.5


def test_colours_that_were_stored_times_their_alpha():
    share = ALPHA[..., None] / 255
    stored = np.rint(WIDE * share).astype(np.uint16)
    picture = read_picture(tiff(tiff_page(np.dstack([stored, ALPHA.astype(np.uint16) * 257]), extra=1)))
    assert np.abs(picture.own_colours.astype(int) - RGB)[ALPHA > 60].max() <= 3


@pytest.mark.parametrize(
    "content",
    [
        tiff(tiff_page(np.dstack([WIDE, WIDE[..., :2]]), photometric=1, extra=(0, 0, 0, 0))),
        tiff(tiff_page(np.dstack([RGB] * 3), photometric=1, extra=(0,) * 8)),
        tiff(tiff_page(WIDE, photometric=8)),
        tiff(tiff_page(RGB, photometric=6)),  # YCbCr with fewer samples of colour
        tiff(tiff_page(floats(np.float32)[..., :1].repeat(4, 2), photometric=5)),
        tiff(tiff_page(WIDE, tags={259: 34925 + 1})),
    ],
)
def test_other_kinds_are_named(content, capfd):
    with pytest.raises(ImageError, match=r"^some\.tif is a TIFF of a kind that is not read \(.*\); save it as PNG"):
        read_picture(content, "some.tif")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("values", [RGB, WIDE])
@pytest.mark.parametrize("compression", ["tiff_adobe_deflate", "tiff_lzw", "packbits", "jpeg"])
def test_damage_is_one_sentence_without_libtiffs_lines(values, compression, capfd):
    if values is RGB:
        content = bytearray(encoded(Image.fromarray(RGB), "TIFF", compression=compression))
    else:
        number = {"tiff_adobe_deflate": 8, "tiff_lzw": 5, "packbits": 32773, "jpeg": 8}[compression]
        content = bytearray(tiff(tiff_page(values, compression=number)))
    with Image.open(io.BytesIO(content)) as image:
        start, length = image.tag_v2[273][0], image.tag_v2[279][0]
    content[start + length // 8 : start + length // 2] = b"\xff" * (length // 2 - length // 8)
    try:
        read_picture(bytes(content), "some.tif")
    except ImageError as error:
        assert str(error) == "some.tif is damaged or cut off: its pixels cannot be decoded"  # noqa: PT017
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "tags",
    [
        {256: 10_000, 257: 10_000, 258: (64,) * 3, 339: (3,) * 3},
        {277: 65_535, 258: (16,) * 65_535, 338: (0,) * 65_532, 256: 5000, 257: 5000},
        {322: 9000, 323: 9000, 324: 8, 325: 8, 258: (32,) * 4, 277: 4, 338: 0},
    ],
)
def test_few_bytes_that_stand_for_gigabytes_are_refused(tags):
    content = tiff(tiff_page(WIDE, tags=tags, compression=8))
    tracemalloc.start()
    with pytest.raises(ImageError, match="unpacked more than 800 MB"):
        read_picture(content)
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_one_strip_of_more_bytes_than_a_picture_may_have_pixels():
    values = np.broadcast_to(np.arange(6000, dtype=np.uint16)[:, None] * 10, (6000, 9000))  # 108 MB
    picture = read_picture(tiff(tiff_page(values, compression=5)))
    assert np.abs(picture.rgb[:, 0, 1] - values[:, 0] / 257).max() <= 1


def test_grey_of_16_bits_by_its_profile():
    grey = np.linspace(0, 65535, 40 * 56).reshape(40, 56).astype(np.uint16)
    profile = grey_profile()
    light = grey / 65535
    truth = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    for content in (
        tiff(tiff_page(grey, tags={34675: profile})),
        tiff(tiff_page(65535 - grey, photometric=0, tags={34675: profile})),
        encoded(Image.fromarray(grey), "PNG", icc_profile=profile),
    ):
        assert np.abs(read_picture(content).rgb - three(truth)).max() <= 1.5


def grey_profile():
    """A profile of grey in linear light, made of the parts of the RGB one."""
    profile = bytearray(linear_profile())
    profile[16:20] = b"GRAY"
    count = int.from_bytes(profile[128:132])
    for index in range(count):
        entry = 132 + 12 * index
        if profile[entry : entry + 4] == b"rTRC":
            profile[entry : entry + 4] = b"kTRC"
    return bytes(profile)


def thumbnail(**tags):
    return tiff_page(SMALL, tags={254: 1} if not tags else {int(name[1:]): value for name, value in tags.items()})


@pytest.mark.parametrize(
    "pages",
    [
        [thumbnail(), tiff_page(RGB)],
        [thumbnail(_255=2), tiff_page(RGB)],  # as old programs say it
        [thumbnail(_254=0), tiff_page(RGB)],  # not said at all, but four times smaller and of the same shape
        [tiff_page(GREY, tags={254: 4}), tiff_page(RGB)],  # a mask
        [thumbnail(), tiff_page(RGB[::2, ::2], tags={254: 1}), tiff_page(WIDE)],
        [tiff_page(RGB), thumbnail()],
        [tiff_page(RGB), tiff_page(RGB[::2, ::2], tags={254: 1}), thumbnail()],
        [tiff_page(RGB), tiff_page(RGB[::-1].repeat(2, 0))],  # of another shape: a picture of its own
        [tiff_page(RGB, tags={271: "NIKON SCANNER"}), thumbnail()],
    ],
)
def test_the_page_that_is_the_picture(pages):
    content = tiff(*pages)
    assert read_header(content) == (56, 40)
    assert np.abs(read_picture(content).rgb.astype(int) - RGB).max() <= 1


def test_a_thumbnail_that_is_all_there_is():
    np.testing.assert_array_equal(read_picture(tiff(thumbnail())).rgb, SMALL)
    with pytest.raises(ImageError, match="a TIFF of a kind that is not read"):
        read_picture(tiff(thumbnail(), below=tiff_page(RGB)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pages_of_16_bits_are_upright(orientation):
    plain = encoded(Image.fromarray(RGB), "TIFF", exif=exif(orientation))
    deep = tiff(tiff_page(WIDE, tags={274: orientation}))
    assert read_header(plain) == read_header(deep)
    np.testing.assert_array_equal(read_picture(plain).rgb, read_picture(deep).rgb)


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def test_an_orientation_in_xmp_alone_does_not_turn():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    assert read_picture(tiff(tiff_page(RGB, tags={700: xmp}))).rgb.shape == RGB.shape

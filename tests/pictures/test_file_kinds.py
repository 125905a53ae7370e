"""Files that are not what their name says, that lack something, or that carry more than a picture."""

import io
import struct
import zlib

import numpy as np
import pytest
from picture_files import ALPHA, GREY, RGB, SMOOTH, encoded, on_white, three
from PIL import Image, ImageFile
from raw_writers import chunk, png, tiff, tiff_page

from unet.errors import ImageError
from unet.pictures.decode import read_header, read_picture
from unet.pictures.draw import render
from unet.pictures.jpeg import MAX_MISSING

TALL = np.asarray(Image.fromarray(RGB).resize((48, 1600), Image.Resampling.BICUBIC))  # a row is 0.06 %
THUMBNAIL = tiff_page(RGB[::4, ::4], tags={254: 1})
SENSOR = tiff_page(GREY, photometric=32803)
WIDE_GREY = GREY.astype(np.uint16) * 16  # a sensor that only its camera's name tells


def by(maker, **more):
    tags, strips = THUMBNAIL
    return {**tags, 271: maker, **{int(name[1:]): value for name, value in more.items()}}, strips


RAW = {
    "DNG": tiff(by("Google", _50706=b"\1\4\0\0"), below=SENSOR),
    "DNG without subdirectories": tiff((tiff_page(RGB)[0] | {50706: b"\1\6\0\0"}, tiff_page(RGB)[1])),
    "NEF": tiff(by("NIKON CORPORATION"), below=SENSOR, order="<"),
    "ARW": tiff(by("SONY"), below=tiff_page(RGB)),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(200),
    "PEF": tiff(by("PENTAX"), below=SENSOR),
    "SRW": tiff(by("SAMSUNG"), below=SENSOR),
    "3FR": tiff(by("Hasselblad"), below=tiff_page(WIDE_GREY)),
    "ERF": tiff(by("SEIKO EPSON CORP."), below=SENSOR),
    "RWL": tiff(by("LEICA CAMERA AG"), below=SENSOR, order="<"),
    "IIQ": tiff(by("Phase One"), below=SENSOR),
    "IIQ by its mark": b"II*\0\x10\0\0\0IIIITwaR" + bytes(200),
    "RAW": tiff(by("An unknown maker"), below=SENSOR),
    "RAW, first page": tiff(SENSOR),
    "ORF": b"IIRO\x08\0\0\0" + bytes(200),
    "ORF, older": b"MMOR\0\0\0\x08" + bytes(200),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(200),
    "RAF": b"FUJIFILMCCD-RAW 0201FF129502X-T1" + bytes(200),
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(200),
    "CRW": b"II\x1a\0\0\0HEAPCCDR" + bytes(200),
    "MRW": b"\0MRM" + bytes(200),
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("read", [read_picture, read_header])
def test_raw_files_of_cameras_are_refused_by_kind(name, read):
    kind = name.split(" ")[0].strip(",")
    with pytest.raises(
        ImageError, match=rf"^IMG\.x is a camera's raw file \({kind}\); develop it, or export it as JPEG"
    ):
        read(RAW[name], "IMG.x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"8BPS\0\1" + bytes(50), "a Photoshop document"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a" + bytes(50), "JPEG XL"),
    ],
)
def test_other_files_are_named_for_what_they_are(content, words):
    with pytest.raises(ImageError, match=words):
        read_picture(content, "x.jpg")


STRAIGHT = {
    "RGBA": encoded(Image.fromarray(np.dstack([RGB, ALPHA])), "PNG"),
    "RGBA of 16 bits": png(np.dstack([RGB, ALPHA]).astype(np.uint16) * 257),
    "WebP": encoded(Image.fromarray(np.dstack([RGB, ALPHA])), "WEBP", lossless=True, exact=True),
    "TIFF": tiff(tiff_page(np.dstack([RGB, ALPHA]), extra=2)),
    "one colour": encoded(Image.fromarray(np.dstack([np.full_like(RGB, (20, 60, 160)), ALPHA])), "PNG"),
    "grey": encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]), "PNG"),
    "grey of 16 bits": png(np.dstack([GREY, ALPHA]).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_cutouts_keep_the_files_colours_and_all_else_sees_them_on_white(name):
    colours = {"one colour": np.full_like(RGB, (20, 60, 160))}.get(name, three(GREY) if "grey" in name else RGB)
    picture = read_picture(STRAIGHT[name])
    np.testing.assert_array_equal(picture.own_colours, colours)
    np.testing.assert_array_equal(picture.alpha, ALPHA)
    assert np.abs(picture.rgb - on_white(colours, ALPHA)).max() <= 1
    for level, threshold in ((255, 0.0), (255, 0.5), (130, 0.5)):
        drawn = render("cutout", picture, np.full(ALPHA.shape, level, np.uint8), threshold)
        seen = (drawn[..., 3] > 0) & (ALPHA < 255)
        assert seen.any()
        assert np.array_equal(drawn[seen][:, :3], colours[seen])


def test_palettes_with_soft_transparency_keep_their_colours():
    image = Image.fromarray(RGB).quantize(8)
    shares = bytes(range(0, 240, 30))
    picture = read_picture(encoded(image, "PNG", transparency=shares))
    np.testing.assert_array_equal(picture.own_colours, np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(picture.alpha, np.frombuffer(shares, np.uint8)[np.asarray(image)])


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("WEBP", {"lossless": True}), ("AVIF", {})])
def test_an_orientation_in_xmp_alone_does_not_turn(kind, options):
    content = encoded(Image.fromarray(SMOOTH), kind, xmp=XMP.encode(), **options)
    assert read_header(content) == (56, 40)
    assert read_picture(content).rgb.shape == SMOOTH.shape


@pytest.mark.parametrize("keyword", [b"XML:com.adobe.xmp", b"Raw profile type exif"])
def test_an_orientation_in_a_pngs_texts_does_not_turn(keyword):
    text = chunk(b"iTXt", keyword + b"\0\0\0\0\0" + XMP.encode())
    assert read_picture(png(RGB, text)).rgb.shape == RGB.shape


def test_exif_comes_before_xmp():
    exif = Image.Exif()
    exif[0x0112] = 8
    content = encoded(Image.fromarray(SMOOTH), "JPEG", xmp=XMP.encode(), exif=exif)
    upright = encoded(Image.fromarray(SMOOTH), "JPEG", exif=exif)
    np.testing.assert_array_equal(read_picture(content).rgb, read_picture(upright).rgb)


TEXT = chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(bytes(5 * 2**20)))
SIDE = {
    "one huge text": (TEXT, b""),
    "many texts": (chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000))) * 80, b""),
    "huge international text": (chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(5 * 2**20))), b""),
    "texts behind the pixels": (b"", TEXT),
    "wrong check sum": (chunk(b"tEXt", b"Comment\0hello", damaged=True), b""),
    "wrong check sum of a profile": (chunk(b"iCCP", b"x\0\0" + zlib.compress(b"x"), damaged=True), b""),
    "no profile": (chunk(b"iCCP", b"profile\0\0no"), b""),
    "damaged time": (b"", chunk(b"tIME", b"\0")),
    "damaged resolution": (chunk(b"pHYs", b"\0"), b""),
    "damaged EXIF": (chunk(b"eXIf", b"no EXIF"), b""),
    "unknown, private": (chunk(b"prVt", bytes(3000)), chunk(b"prVt", bytes(9))),
    "damaged animation": (chunk(b"acTL", b"\0\0"), b""),
    "transparency of the wrong length": (chunk(b"tRNS", b"\0"), b""),
    "a profile that unpacks to 50 MB": (chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(50 * 2**20))), b""),
    "an endless profile": (chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(5000))[:-9]), b""),
    "short transparency of another kind": (chunk(b"cHRM", b"\0") + chunk(b"gAMA", b"\1") + chunk(b"cICP", b""), b""),
}


@pytest.mark.parametrize("name", SIDE)
def test_side_chunks_of_a_png_do_not_matter(name):
    content = png(RGB, *SIDE[name])
    assert read_header(content) == (56, 40)
    np.testing.assert_array_equal(read_picture(content).rgb, RGB)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_cut_pngs_are_refused(share):
    content = encoded(Image.fromarray(TALL), "PNG")
    with pytest.raises(ImageError, match="cut off"):
        read_picture(content[: int(share * len(content))], "x.png")


JPEGS = {
    "baseline": {},
    "without subsampling": {"subsampling": 0},
    "progressive": {"progressive": True},
    "restarts by block": {"restart_marker_blocks": 3},
    "restarts by row": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("grey", [False, True])
def test_a_jpeg_that_lacks_little_is_shown_and_one_that_lacks_more_is_refused(name, grey, monkeypatch):
    image = Image.fromarray(TALL)
    whole = encoded(image.convert("L") if grey else image, "JPEG", quality=90, **JPEGS[name])
    truth = read_picture(whole).rgb.astype(int)
    shown = []
    for lacking in (2, 12, *range(40, len(whole) // 2, max(60, len(whole) // 80))):
        try:
            picture = read_picture(whole[:-lacking])
        except ImageError as error:
            assert "cut off" in str(error)  # noqa: PT017
            continue
        same = int((picture.rgb == truth).all(axis=(1, 2)).argmin()) or len(truth)
        assert len(truth) - same <= MAX_MISSING * len(truth) + 16
        if same < len(truth):
            assert "the file is cut off at its end" in picture.notices[0]
        shown.append(lacking)
    assert shown[:1] == [2]  # the end marker alone
    assert read_picture(whole[:-2]).notices == ()
    assert max(shown) < 0.1 * len(whole)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # how other programs do it
    np.testing.assert_array_equal(read_picture(whole[:-2]).rgb, truth)


@pytest.mark.parametrize(
    ("orientation", "words"),
    [(1, "last 17 of 1600 rows"), (3, "first 17 of 1600 rows"), (6, "first 17 of 1600 columns")],
)
def test_the_missing_end_is_named_as_it_is_seen(orientation, words):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(TALL), "JPEG", quality=90, subsampling=2, exif=exif)
    assert words in read_picture(content[:-40]).notices[0]


def gif(box, transparent=False):
    """A GIF of 60 x 50 whose frame covers `box` = left, top, width, height."""
    left, top, width, height = box
    frame = Image.fromarray(np.arange(width * height, dtype=np.uint8).reshape(height, width) % 7)
    frame.putpalette([value for n in range(256) for value in (n * 36 % 256, 90, 255 - n * 36 % 256)])
    content = bytearray(encoded(frame, "GIF", **({"transparency": 3} if transparent else {})))
    struct.pack_into("<HH", content, 6, 60, 50)
    at = content.index(b"\x2c" + struct.pack("<HHHH", 0, 0, width, height))
    struct.pack_into("<HH", content, at + 1, left, top)
    return bytes(content), np.asarray(frame)


@pytest.mark.parametrize("box", [(5, 7, 30, 20), (0, 0, 59, 50), (30, 30, 30, 20), (0, 10, 60, 40)])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_gif_is_transparent_around_its_first_frame(box, transparent):
    content, indices = gif(box, transparent)
    left, top, width, height = box
    wanted = np.zeros((50, 60), np.uint8)
    wanted[top : top + height, left : left + width] = np.where(transparent & (indices == 3), 0, 255)
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.alpha, wanted)
    assert (picture.rgb[wanted == 0] == 255).all()
    inside = picture.own_colours[top : top + height, left : left + width]
    assert np.array_equal(inside[..., 0], indices.astype(int) * 36 % 256) or transparent


def test_a_gif_whose_frame_covers_it_is_opaque():
    assert read_picture(gif((0, 0, 60, 50))[0]).alpha is None


@pytest.mark.parametrize(
    ("values", "key", "depth"),
    [
        (GREY.astype(np.uint16) * 257, (int(GREY[0, 0]) * 257,), 16),
        (GREY, (int(GREY[3, 3]),), 8),
        (RGB.astype(np.uint16) * 257 + 3, tuple(int(v) * 257 + 3 for v in RGB[2, 2]), 16),
        (RGB, tuple(map(int, RGB[2, 2])), 8),
        (GREY // 16, (int(GREY[0, 0]) // 16,), 4),
        (GREY // 64, (2,), 2),
        (GREY // 128, (1,), 1),
    ],
)
def test_one_colour_of_a_png_is_transparent(values, key, depth):
    content = png(values, chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)), depth=depth)
    hidden = (values.reshape(*values.shape[:2], -1) == key).all(axis=2)
    picture = read_picture(content)
    np.testing.assert_array_equal(picture.alpha, np.where(hidden, 0, 255))
    top = 2**depth - 1
    truth = values / top * 255 if values.ndim == 3 else three(values / top * 255)
    assert np.abs(picture.own_colours - truth)[~hidden].max() <= 1


def test_an_mpo_shows_its_first_picture():
    first, second = (Image.fromarray(array) for array in (SMOOTH, SMOOTH[::-1]))
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second], quality=95)
    assert np.abs(read_picture(buffer.getvalue()).rgb.astype(int) - SMOOTH).max() <= 12


def mpo(*arrays, exif=None):
    """An MPO, the file of two-lens cameras: several JPEGs, one after the other."""
    first, *others = map(Image.fromarray, arrays)
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=others, quality=95, exif=exif or Image.Exif())
    return buffer.getvalue()


@pytest.mark.parametrize("count", [2, 3])
def test_an_mpo_that_was_held_upright_is_turned(count):
    exif = Image.Exif()
    exif[0x0112] = 6  # rows are stored from the right, so the picture is turned by 90 degrees clockwise
    content = mpo(SMOOTH, *[SMOOTH[::-1]] * (count - 1), exif=exif)
    truth = np.rot90(SMOOTH, -1)
    picture = read_picture(content)
    assert picture.rgb.shape == truth.shape
    assert np.abs(picture.rgb.astype(int) - truth).max() <= 12


def test_an_mpo_whose_second_picture_is_cut_off_shows_the_first():
    content = mpo(SMOOTH, SMOOTH[::-1])
    second = content.index(b"\xff\xd8", 2)
    for cut in (second + 10, len(content) - 40):
        assert np.abs(read_picture(content[:cut]).rgb.astype(int) - SMOOTH).max() <= 12

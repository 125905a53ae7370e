"""The command line as a door for every file there is: odd pictures get their mask, the others a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from generated import draw_pair
from PIL import Image

from unet import Predictor
from unet.__main__ import main
from unet.drawing import cutout, mask_from_prob
from unet.images import read_picture

RGB = draw_pair(0, 40, 56)[0]


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    return encoded(Image.fromarray(RGB), "JPEG", exif=exif)


def deep_grey():
    return encoded(Image.fromarray(np.linspace(0, 65535, 40 * 56).reshape(40, 56).astype(np.uint16)), "PNG")


def palette():
    image = Image.fromarray(RGB).quantize(8)
    return encoded(image, "PNG", transparency=0)


def animated():
    frames = [Image.fromarray(draw_pair(seed, 40, 56)[0]) for seed in (0, 1)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def huge_header():
    """A PNG that says it has 400 megapixels, in a hundred bytes."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


JPEG = encoded(Image.fromarray(draw_pair(0, 300, 300)[0]), "JPEG")
PNG = encoded(Image.fromarray(draw_pair(0, 300, 300)[0]), "PNG")

ODD = {
    "rotated.jpg": (rotated, (56, 40)),
    "cmyk.jpg": (lambda: encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG"), (40, 56)),
    "deep.png": (deep_grey, (40, 56)),
    "palette.png": (palette, (40, 56)),
    "animated.gif": (animated, (40, 56)),
    "bits.png": (lambda: encoded(Image.fromarray(RGB).convert("1"), "PNG"), (40, 56)),
    "grey.webp": (lambda: encoded(Image.fromarray(RGB).convert("L"), "WEBP", lossless=True), (40, 56)),
    "pages.tif": (lambda: encoded(Image.fromarray(RGB), "TIFF", save_all=True), (40, 56)),
    "modern.avif": (lambda: encoded(Image.fromarray(RGB), "AVIF"), (40, 56)),
    "dot.bmp": (lambda: encoded(Image.new("RGB", (1, 1)), "BMP"), (1, 1)),
    "line.png": (lambda: encoded(Image.new("LA", (1, 3000), (90, 60)), "PNG"), (3000, 1)),
    "wrong-name.jpg": (lambda: encoded(Image.fromarray(RGB), "PNG"), (40, 56)),
}
BAD = {
    "empty.jpg": b"",
    "text.jpg": b"this is no picture\n" * 20,
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "film.mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100),
    "half.jpg": JPEG[: len(JPEG) // 2],
    "half.png": PNG[: len(PNG) // 2],
    "huge.png": huge_header(),
    "header-only.gif": b"GIF89a",
}


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return Predictor.load(tiny_weights)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_picture_gets_its_mask(name, predictor, tiny_weights, tmp_path):
    make, size = ODD[name]
    source = tmp_path / name
    source.write_bytes(make())
    for kind in ("mask", "cutout"):
        options = ["--output", str(tmp_path / kind), "--weights", str(tiny_weights), "--kind", kind]
        assert main(["predict", str(source), *options]) == 0
    picture = read_picture(source)
    mask = mask_from_prob(predictor.prob8(picture.rgb), 0.5)
    assert mask.shape == size
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "mask" / f"{source.stem}.png")), mask)
    written = np.asarray(Image.open(tmp_path / "cutout" / f"{source.stem}.png"))
    np.testing.assert_array_equal(written, cutout(picture, mask))
    if picture.alpha is not None:
        assert (written[..., 3] <= picture.alpha).all()


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_picture_is_one_sentence(name, tiny_weights, tmp_path, capfd):
    bad, good, output = tmp_path / name, tmp_path / "good.png", tmp_path / "output"
    bad.write_bytes(BAD[name])
    good.write_bytes(encoded(Image.fromarray(RGB), "PNG"))
    assert main(["predict", str(bad), str(good), "--output", str(output), "--weights", str(tiny_weights)]) == 1
    printed = capfd.readouterr()
    assert printed.err.startswith("error: ")
    assert name in printed.err
    assert printed.err.count("\n") == 1
    assert [path.name for path in output.iterdir()] == ["good.png"]


def test_a_file_of_too_many_bytes_is_refused(tiny_weights, tmp_path, capfd):
    source = tmp_path / "large.png"
    with source.open("wb") as file:
        file.write(encoded(Image.fromarray(RGB), "PNG"))
        file.truncate(65 * 2**20)
    assert main(["predict", str(source), "--output", str(tmp_path / "output"), "--weights", str(tiny_weights)]) == 1
    assert "64 MB" in capfd.readouterr().err

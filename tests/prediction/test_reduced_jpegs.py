"""JPEGs that are decoded at a fraction of their size where the network needs no more."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet import Predictor
from unet.pictures.decode import read_picture
from unet.prediction import files
from unet.prediction.files import predict_pictures
from unet.prediction.tasks import Task

ROOT = Path(__file__).parents[2]


def photograph(width: int, height: int, mode: str = "RGB", orientation: int = 1) -> bytes:
    with Image.open(ROOT / "examples" / "astronaut.jpg") as image:
        large = image.convert(mode).resize((width, height), Image.Resampling.BICUBIC)
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    large.save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("enough", "divisor"), [(None, 1), (1300, 1), (900, 1), (600, 2), (301, 2), (300, 4), (150, 8), (10, 8)]
)
def test_the_copy_is_as_small_as_its_sides_allow(enough, divisor):
    picture = read_picture(photograph(1600, 1200), enough=enough)
    assert picture.rgb.shape == (1200 // divisor, 1600 // divisor, 3)
    assert (picture.height, picture.width) == (1200, 1600)


@pytest.mark.parametrize(("mode", "orientation"), [("RGB", 6), ("L", 3), ("CMYK", 8)])
def test_the_copy_is_the_picture_made_smaller(mode, orientation):
    content = photograph(1203, 901, mode, orientation)
    whole, copy = read_picture(content), read_picture(content, enough=200)
    assert (copy.height, copy.width) == (whole.height, whole.width)
    assert copy.rgb.shape[0] < 0.3 * whole.height
    height, width = copy.rgb.shape[:2]
    expected = Image.fromarray(whole.rgb).resize((width, height), Image.Resampling.BOX)
    assert np.abs(copy.rgb.astype(int) - np.asarray(expected)).mean() < 2


def test_other_files_are_decoded_whole():
    with Image.open(io.BytesIO(photograph(800, 600))) as image:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
    assert read_picture(buffer.getvalue(), enough=10).rgb.shape == (600, 800, 3)


@pytest.mark.parametrize("inside", [1.0, 0.4])  # the object's share of the sides: the small one is seen from close by
def test_probabilities_are_those_of_the_whole_picture(inside):
    predictor = Predictor.load(ROOT / "weights", precision="fp32")
    with Image.open(io.BytesIO(photograph(round(2560 * inside), round(2560 * inside)))) as image:
        scene = Image.new("RGB", (2560, 2560), (90, 120, 90))
        scene.paste(image, (300, 500) if inside < 1 else (0, 0))
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=92)
    whole, copy = (read_picture(buffer.getvalue(), enough=enough) for enough in (None, predictor.enough))
    assert copy.rgb.shape == (1280, 1280, 3)
    exact, fast = (predictor.upsample(predictor.prob_small(p.rgb), (2560, 2560)) for p in (whole, copy))
    assert np.abs(exact.astype(int) - fast).mean() <= 1
    assert 0.02 < (exact > 127).mean() < 0.9


def test_only_masks_and_probabilities_are_made_of_copies(tiny_weights, tmp_path, monkeypatch):
    (tmp_path / "large.jpg").write_bytes(photograph(1600, 1200))
    predictor, read, seen = Predictor.load(tiny_weights), files.read_picture, {}
    monkeypatch.setattr("unet.prediction.predictor.LONGEST", 100)

    def watched(source, name, enough):
        picture = read(source, name=name, enough=enough)
        seen[kind] = picture.rgb.shape[:2]
        return picture

    monkeypatch.setattr(files, "read_picture", watched)
    for kind in ("mask", "probability", "cutout", "overlay"):
        task = Task(tmp_path / "large.jpg", tmp_path / f"{kind}.png")
        assert [outcome.error for outcome in predict_pictures(predictor, [task], kind, 0.5)] == [None]
        with Image.open(task.target) as result:
            assert result.size == (1600, 1200)
    assert seen["mask"] == seen["probability"] == (150, 200)
    assert seen["cutout"] == seen["overlay"] == (1200, 1600)

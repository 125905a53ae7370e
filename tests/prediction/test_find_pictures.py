"""The command line as a door for every file there is: odd pictures get their mask, the others a sentence."""

import numpy as np
import pytest
from picture_files import RGB, bad_files, encoded, good_files
from PIL import Image

from unet import Predictor
from unet.__main__ import main
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob, render

GOOD, BAD = good_files(), bad_files()


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return Predictor.load(tiny_weights)


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_picture_gets_its_mask(name, predictor, tiny_weights, tmp_path):
    source = tmp_path / name
    source.write_bytes(GOOD[name].content)
    for kind in ("mask", "cutout"):
        options = ["--output", str(tmp_path / kind), "--weights", str(tiny_weights), "--kind", kind]
        assert main(["predict", str(source), *options]) == 0
    picture = read_picture(source)
    prob8 = predictor.prob8(picture.rgb)
    mask = mask_from_prob(prob8, 0.5)
    assert mask.shape == GOOD[name].rgb.shape[:2]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "mask" / f"{source.stem}.png")), mask)
    written = np.asarray(Image.open(tmp_path / "cutout" / f"{source.stem}.png"))
    np.testing.assert_array_equal(written, render("cutout", picture, prob8, 0.5))
    if picture.alpha is not None:
        assert (written[..., 3] <= picture.alpha).all()


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_picture_is_one_sentence(name, tiny_weights, tmp_path, capfd):
    bad, good, output = tmp_path / name, tmp_path / "good.png", tmp_path / "output"
    bad.write_bytes(BAD[name][0])
    good.write_bytes(encoded(Image.fromarray(RGB), "PNG"))
    assert main(["predict", str(bad), str(good), "--output", str(output), "--weights", str(tiny_weights)]) == 1
    printed = capfd.readouterr()
    assert printed.err.startswith("error: ")
    assert name in printed.err
    assert BAD[name][1] in printed.err
    assert printed.err.count("\n") == 1
    assert [path.name for path in output.iterdir()] == ["good.png"]


def test_a_file_of_too_many_bytes_is_refused(tiny_weights, tmp_path, capfd):
    source = tmp_path / "large.png"
    with source.open("wb") as file:
        file.write(encoded(Image.fromarray(RGB), "PNG"))
        file.truncate(65 * 2**20)
    assert main(["predict", str(source), "--output", str(tmp_path / "output"), "--weights", str(tiny_weights)]) == 1
    assert "64 MB" in capfd.readouterr().err

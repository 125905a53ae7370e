"""The default weights as an ONNX file: docs/onnx.md's examples give the masks of `Predictor`, and in Node Python's."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from installing import NODE, npm_install, pip_install
from PIL import Image

from benchmarks.rivals import U2Net
from unet import Predictor, mask_from_prob, read_picture
from unet.network import ONNX_SIZE
from unet.network.onnx_export import export_onnx

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/onnx.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
REMBG = "rembg[cpu]==2.0.69"
NPM = ("onnxruntime-web@1.30.0", "sharp@0.35.5")
LEAST_IOU = 0.95
# The example, for each picture in turn.
FOR_EACH = """
import shutil, sys
from pathlib import Path
block, result = Path(sys.argv[1]).read_text(), sys.argv[2]
for picture in sys.argv[3:]:
    shutil.copy(picture, "photo.jpg")
    exec(block, {})
    Path(result).rename(Path(picture).with_suffix(".png").name)
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    output = tmp_path_factory.mktemp("onnx") / "unet.onnx"
    export_onnx(ROOT / "weights", output)
    return output


@pytest.fixture
def folder(file, tmp_path):
    shutil.copy(file, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def expected():
    """The threshold, and the mask of each example as `Predictor` sees it at the file's size."""
    predictor = Predictor.load(ROOT / "weights", precision="fp32")
    predictor.config = replace(predictor.config, size=(ONNX_SIZE, ONNX_SIZE))
    threshold = predictor.threshold
    return threshold, [mask_from_prob(predictor.prob8(read_picture(path).rgb), threshold) > 0 for path in EXAMPLES]


def block_of(language, containing):
    (block,) = [b for b in re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.M) if containing in b]
    return block


def assert_alike(masks, expected):
    ious = [(mask & truth).sum() / (mask | truth).sum() for mask, truth in zip(masks, expected, strict=True)]
    assert min(ious) >= LEAST_IOU, dict(zip((path.stem for path in EXAMPLES), ious, strict=True))


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def run_python(python, folder, block, result):
    (folder / "block.py").write_text(block, encoding="utf-8")
    run(folder, python, "-c", FOR_EACH, "block.py", result, *EXAMPLES)
    return [Image.open(folder / f"{path.stem}.png") for path in EXAMPLES]


def test_the_file_is_as_large_as_its_values(file):
    assert 16e6 < file.stat().st_size < 17e6


def test_onnxruntime_in_python(folder, expected, monkeypatch):
    monkeypatch.chdir(folder)
    block, masks = block_of("python", "onnxruntime"), []
    for path in EXAMPLES:
        shutil.copy(path, "photo.jpg")
        exec(block, {})
        masks.append(np.asarray(Image.open("mask.png")))
    assert_alike(masks, expected[1])


def test_prepared_and_read_out_as_rembg_does(file, expected):
    threshold, masks = expected
    assert_alike([U2Net(file)(read_picture(path).rgb) >= 255 * threshold for path in EXAMPLES], masks)


@pytest.mark.slow
def test_rembg(folder, file, expected, tmp_path_factory):
    threshold, masks = expected
    python = pip_install(tmp_path_factory.mktemp("rembg"), REMBG)
    assert f"`{REMBG}`" in TEXT
    cutouts = run_python(python, folder, block_of("python", "rembg"), "cutout.png")
    alphas = [np.asarray(cutout)[..., 3] for cutout in cutouts]
    assert_alike([alpha >= 255 * threshold for alpha in alphas], masks)
    for path, alpha in zip(EXAMPLES, alphas, strict=True):  # the test above stands for rembg
        np.testing.assert_allclose(alpha, U2Net(file)(read_picture(path).rgb).astype(int), atol=3)


@pytest.mark.slow
def test_node(file, folder, expected):
    """Sharp scales a little differently from Pillow; the masks are compared with those of the same file in Python."""
    npm_install(folder, *NPM)
    (folder / "segment.mjs").write_text(block_of("js", "onnxruntime-web"), encoding="utf-8")
    for path in EXAMPLES:
        run(folder, NODE, "segment.mjs", path, f"{path.stem}.png")
    masks = [np.asarray(Image.open(folder / f"{path.stem}.png").convert("L")) for path in EXAMPLES]
    assert {value for mask in masks for value in np.unique(mask)} == {0, 255}
    prob8s = [U2Net(file)(read_picture(path).rgb) for path in EXAMPLES]
    threshold, _ = expected
    assert_alike([mask > 0 for mask in masks], [prob8 >= 255 * threshold for prob8 in prob8s])

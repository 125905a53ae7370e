"""A training that learned one answer for all pixels: its end and its card say so in plain words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet.evaluation.confusion import describe_collapse
from unet.evaluation.evaluate import Evaluated, mask_confusion
from unet.evaluation.metrics import PictureScores

ROOT = Path(__file__).parents[2]
OPTIONS = ["--widths", "4", "8", "--size", "32", "--batch-size", "4", "--warmup-steps", "2", "--main-repeats", "1"]


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Pictures of noise, whose masks are squares somewhere: nothing can be learned from them."""
    folder, rng = tmp_path_factory.mktemp("noise") / "noise", np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(14):
        mask = np.zeros((40, 56), np.uint8)
        top, left = rng.integers(0, 28), rng.integers(0, 44)
        mask[top : top + 12, left : left + 12] = 255
        rgb = rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(folder / f"images/p{index:02}.png")
        Image.fromarray(mask).save(folder / f"masks/p{index:02}.png")
    return folder


@pytest.mark.parametrize(
    ("rate", "answer"), [("1e-6", "foreground"), ("1", "background")], ids=["hardly trained", "rate too high"]
)
def test_a_collapsed_training_says_so_at_its_end_and_on_its_card(noise, tmp_path, rate, answer):
    options = [*OPTIONS, "--epochs", "3", "--lr", rate, "--output", "weights"]
    result = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--data", str(noise), *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    last = result.stdout.splitlines()[-1]
    assert last.startswith(f"The network answers {answer} everywhere: ")
    truth = "6.4%" if answer == "foreground" else "93.6%"
    assert (
        f"of the validation pictures' pixels, where {truth} are in truth. It learned nothing of use. Likely causes: "
        in last
    )
    assert f"**{last}**" in (tmp_path / "weights/README.md").read_text(encoding="utf-8")
    accuracy = json.loads((tmp_path / "weights/config.json").read_text())["scores"]["val"]["pixel_accuracy"]
    assert accuracy == pytest.approx(0.0643 if answer == "foreground" else 1 - 0.0643, abs=0.01)


def evaluated(foreground, answered):
    """A picture with a share of foreground, of which and of the rest shares are answered as foreground."""
    histogram = np.zeros((2, 256), np.int64)
    for label, pixels in ((0, 10_000 - foreground), (1, foreground)):
        histogram[label] = np.bincount([0, 255], [pixels - pixels * answered[label], pixels * answered[label]], 256)
    return Evaluated("a", PictureScores(0, 0, 0, 0, None), histogram)


def collapse(pictures):
    return describe_collapse(mask_confusion(pictures, 0.5), ["background", "foreground"], "unet check DIR")


@pytest.mark.parametrize(
    ("answered", "word"),
    [
        ((0, 0), "background everywhere"),
        ((0.001, 0.001), "background everywhere"),  # a few pixels, such as those along the picture's sides
        ((1, 1), "foreground everywhere"),
        ((0.99, 1), "foreground everywhere"),
        ((0, 1), None),
        ((0, 0.1), None),
        ((0.5, 0.5), None),
    ],
)
def test_a_network_with_one_answer_is_said_in_words(answered, word):
    text = collapse([evaluated(2000, answered), evaluated(0, answered)])
    assert (text is None) if word is None else (word in text and "Likely causes" in text)


def test_pictures_without_any_foreground_are_no_collapse():
    assert collapse([evaluated(0, (0, 0))]) is None

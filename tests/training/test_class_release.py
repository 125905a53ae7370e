"""Figures of weights with classes: the confusion plot, the sheet, and the sentence about a network of one answer."""

import numpy as np
import pytest
from PIL import Image

from unet.errors import TrainingError
from unet.evaluation.confusion import describe_collapse
from unet.pictures.classes import ClassTable, SegmentClass
from unet.training.plots import plot_confusion, plot_curves

NAMES = ["sky", "road", "tree"]
TABLE = ClassTable(tuple(SegmentClass(n, name) for n, name in enumerate(NAMES)))


def test_a_confusion_plot_is_larger_for_more_classes_and_the_same_each_time(tmp_path):
    matrix = np.array([[90, 10, 0], [0, 50, 50], [5, 0, 95]])
    for name in ("a", "b"):
        plot_confusion(matrix, NAMES, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    plot_confusion(np.eye(40), [f"class {n}" for n in range(40)], tmp_path / "many.png")
    assert Image.open(tmp_path / "many.png").width > 2 * Image.open(tmp_path / "a.png").width
    plot_confusion(100 * matrix, NAMES, tmp_path / "more.png")  # shares, not counts
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "more.png").read_bytes()
    plot_confusion(np.eye(254), [f"class {n}" for n in range(254)], tmp_path / "all.png")
    assert Image.open(tmp_path / "all.png").width < 6000
    with pytest.raises(TrainingError, match="no pixels"):
        plot_confusion(np.zeros((3, 3)), NAMES, tmp_path / "x.png")


def test_curves_of_classes(tmp_path):
    row = {"epoch": 1, "loss": 1.0, "val_iou": 0.5, "val_pixel_accuracy": 0.7}
    plot_curves([row, {**row, "epoch": 2}], 1, tmp_path / "curves.png")
    assert Image.open(tmp_path / "curves.png").width > 1000


def test_one_answer_everywhere_is_said():
    collapsed = np.array([[600, 0, 0], [300, 0, 0], [100, 0, 0]])
    said = describe_collapse(collapsed, NAMES, "unet check DIR")
    assert "answers sky everywhere: 100.00% of the validation pictures' pixels, where 60.0% are in truth" in said
    assert describe_collapse(np.diag([600, 300, 100]), NAMES, "") is None
    assert describe_collapse(np.diag([600, 0, 0]), NAMES, "") is None  # the truth has one class as well

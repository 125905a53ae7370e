"""Scores of classes, against torchmetrics, scikit-learn's formulas by hand, and the binary task."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_jaccard_index

from unet.evaluation.confusion import class_scores, confusion
from unet.evaluation.metrics import iou, pixel_accuracy


def random_set(classes, pictures=5, seed=0):
    """Labels and targets of several pictures, with unknown pixels; the last class is never true nor answered."""
    rng = np.random.default_rng(seed)
    targets = [rng.integers(0, classes - 1, (int(rng.integers(5, 30)), 17)).astype(np.uint8) for _ in range(pictures)]
    labels = [np.where(rng.random(t.shape) < 0.6, t, rng.integers(0, classes - 1, t.shape)) for t in targets]
    for target in targets:
        target[rng.random(target.shape) < 0.1] = 255
    return [label.astype(np.uint8) for label in labels], targets


def of_set(labels, targets, classes):
    return sum(confusion(a, b, classes) for a, b in zip(labels, targets, strict=True))


@pytest.mark.parametrize("classes", [3, 12, 254])
def test_scores_are_torchmetrics(classes):
    labels, targets = random_set(classes)
    scores = class_scores(of_set(labels, targets, classes))
    answered, true = (torch.from_numpy(np.concatenate([x.ravel() for x in xs]).astype(int)) for xs in (labels, targets))
    options = {"num_classes": classes, "ignore_index": 255}
    mean = multiclass_jaccard_index(answered, true, average="macro", **options)
    assert scores.mean_iou == pytest.approx(float(mean), abs=1e-6)
    accuracy = multiclass_accuracy(answered, true, average="micro", **options)
    assert scores.pixel_accuracy == pytest.approx(float(accuracy), abs=1e-6)
    each = multiclass_jaccard_index(answered, true, average="none", **options).tolist()
    assert [value or 0 for value in scores.iou] == pytest.approx(each, abs=1e-6)
    assert scores.iou[-1] is None


def test_each_class_against_sets_of_pixels():
    labels, targets = random_set(6, seed=3)
    scores = class_scores(of_set(labels, targets, 6))
    for label in range(5):
        answered, true = set(), set()
        for picture, (a, b) in enumerate(zip(labels, targets, strict=True)):
            answered |= {(picture, *p) for p in np.argwhere((a == label) & (b != 255)).tolist()}
            true |= {(picture, *p) for p in np.argwhere(b == label).tolist()}
        assert scores.iou[label] == pytest.approx(len(answered & true) / len(answered | true))
        assert scores.precision[label] == pytest.approx(len(answered & true) / len(answered))
        assert scores.recall[label] == pytest.approx(len(answered & true) / len(true))


def test_a_class_that_is_answered_but_never_true_counts_and_one_that_is_neither_does_not():
    scores = class_scores(confusion(np.array([[0, 0, 1]], np.uint8), np.array([[0, 0, 0]], np.uint8), 3))
    assert scores.iou == (pytest.approx(2 / 3), 0, None)
    assert scores.mean_iou == pytest.approx(1 / 3)
    assert (scores.recall[1], scores.precision[1]) == (None, 0)


def test_nothing_but_unknown_pixels():
    scores = class_scores(confusion(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8), 3))
    assert (scores.mean_iou, scores.pixel_accuracy, scores.iou) == (None, None, (None, None, None))


def test_two_classes_are_the_binary_task():
    labels, targets = random_set(3, pictures=1, seed=5)
    scores = class_scores(of_set(labels, targets, 2))
    assert scores.iou[1] == iou(labels[0], targets[0])
    assert scores.pixel_accuracy == pixel_accuracy(labels[0], targets[0])


def test_a_row_for_config_json():
    row = class_scores(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])).as_row(["a", "b", "c"], 7)
    assert row["pictures"] == 7
    assert (row["iou/a"], row["recall/a"], row["precision/b"], row["iou/c"]) == (0.75, 0.75, 0.8, None)
    assert row["mean_iou"] == pytest.approx((0.75 + 0.8) / 2)


def test_other_shapes_are_an_error():
    with pytest.raises(ValueError, match="shape"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)

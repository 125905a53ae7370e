import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.segmentation import find_boundaries
from torchmetrics.classification import BinaryAccuracy, BinaryF1Score, BinaryJaccardIndex

from unet.errors import ConfigError
from unet.evaluation import metrics
from unet.evaluation.metrics import (
    BOUNDARY_TOLERANCE,
    PictureScores,
    boundary_f,
    count_empties,
    dice,
    iou,
    mae,
    pixel_accuracy,
    score_picture,
    spread,
    summarise,
)


def blob(rng, shape, smoothness=6.0):
    """A random mask with contours, bool."""
    return ndimage.gaussian_filter(rng.standard_normal(shape), smoothness) > 0


def labels(rng, shape, unknown=0.1):
    target = blob(rng, shape).astype(np.uint8)
    target[rng.random(shape) < unknown] = 255
    return target


def scores_by_loop(prob8, target, threshold):
    """IoU, Dice, MAE and accuracy, pixel by pixel."""
    hits = false_alarms = misses = right = known = 0
    error = 0.0
    for p, t in zip(prob8.ravel().tolist(), target.ravel().tolist(), strict=True):
        if t == 255:
            continue
        inside = p >= 255 * threshold
        known += 1
        right += inside == (t == 1)
        hits += inside and t == 1
        false_alarms += inside and t == 0
        misses += not inside and t == 1
        error += abs(p / 255 - t)
    union = hits + false_alarms + misses
    return hits / union, 2 * hits / (hits + union), error / known, right / known


def boundary_f_by_loop(mask, target):
    """Boundary F with every pair of contour pixels compared."""
    height, width = target.shape
    radius = 0.0075 * math.hypot(height, width)

    def contour(m):
        return [
            (y, x)
            for y in range(height)
            for x in range(width)
            if m[y, x]
            and any(
                0 <= v < height and 0 <= u < width and not m[v, u]
                for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
            )
        ]

    def matched(points, others):
        near = [any((y - v) ** 2 + (x - u) ** 2 <= radius**2 for v, u in others) for y, x in points]
        return sum(near) / len(points)

    predicted, true = contour(mask), contour(target)
    precision, recall = matched(predicted, true), matched(true, predicted)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.73, 1.0])
def test_scores_equal_a_loop_over_pixels(seed, threshold):
    rng = np.random.default_rng(seed)
    prob8 = rng.integers(0, 256, (23, 31), dtype=np.uint8)
    prob8[:3] = 255  # so that a threshold of 1 has a mask
    target = labels(rng, prob8.shape)
    scores = score_picture(prob8, target, threshold)
    expected = scores_by_loop(prob8, target, threshold)
    assert (scores.iou, scores.dice, scores.mae, scores.pixel_accuracy) == pytest.approx(expected, abs=1e-12)
    assert scores.boundary_f is None


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_torchmetrics(seed):
    rng = np.random.default_rng(seed)
    mask, target = blob(rng, (50, 64)), labels(rng, (50, 64))
    prediction, truth = torch.from_numpy(mask.astype(np.uint8)), torch.from_numpy(target.astype(np.int64))
    for ours, theirs in ((iou, BinaryJaccardIndex), (dice, BinaryF1Score), (pixel_accuracy, BinaryAccuracy)):
        assert ours(mask, target) == pytest.approx(float(theirs(ignore_index=255)(prediction, truth)), abs=1e-6)


def test_masks_may_be_bool_or_0_255():
    rng = np.random.default_rng(0)
    mask, target = blob(rng, (40, 30)), blob(rng, (40, 30)).astype(np.uint8)
    for metric in (iou, dice, pixel_accuracy, boundary_f):
        assert metric(mask, target) == metric(mask.astype(np.uint8) * 255, target)


@pytest.mark.parametrize(
    ("mask", "target", "expected"),
    [
        (0, 0, (1.0, 1.0, 1.0)),  # empty on empty is right
        (1, 0, (0.0, 0.0, 0.0)),
        (0, 1, (0.0, 0.0, 0.0)),
        (1, 1, (1.0, 1.0, 1.0)),
        (1, 255, (1.0, 1.0, 1.0)),  # nothing known, nothing wrong
    ],
)
def test_constant_masks(mask, target, expected):
    mask, target = np.full((4, 5), mask, bool), np.full((4, 5), target, np.uint8)
    assert (iou(mask, target), dice(mask, target), pixel_accuracy(mask, target)) == expected


def test_mae_of_known_values():
    prob8 = np.array([[0, 51, 255, 255]], np.uint8)
    assert mae(prob8, np.array([[1, 0, 0, 1]], np.uint8)) == pytest.approx((1 + 0.2 + 1 + 0) / 4)
    assert mae(prob8, np.array([[255, 0, 255, 1]], np.uint8)) == pytest.approx(0.1)
    assert mae(prob8, np.full((1, 4), 255, np.uint8)) == 0.0


def test_the_threshold_belongs_to_the_mask():
    target = np.array([[0, 0, 1, 1]], np.uint8)
    prob8 = np.array([[0, 101, 102, 255]], np.uint8)
    assert score_picture(prob8, target, 0.4).iou == 1.0  # 255 * 0.4 = 102
    assert score_picture(prob8, target, 0.41).iou == 0.5
    assert score_picture(prob8, target, 0.0).iou == 0.5


def test_a_picture_is_counted_once(monkeypatch):
    counted, count = [], metrics._region_scores
    monkeypatch.setattr(metrics, "_region_scores", lambda *arrays: counted.append(1) or count(*arrays))
    prob8, target = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.eye(3, 4, dtype=np.uint8)
    scores, mask = score_picture(prob8, target, 0.5), prob8 >= 127.5
    assert counted == [1]
    expected = (iou(mask, target), dice(mask, target), pixel_accuracy(mask, target))
    assert (scores.iou, scores.dice, scores.pixel_accuracy) == expected


def test_scores_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        score_picture(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 0.5)
    with pytest.raises(ConfigError, match="threshold"):
        score_picture(np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.uint8), 1.5)


@pytest.mark.parametrize("shape", [(60, 90), (150, 110), (7, 400), (300, 1), (260, 260)])
@pytest.mark.parametrize("seed", range(2))
def test_boundary_f_equals_all_pairs_compared(shape, seed):
    rng = np.random.default_rng(seed)
    target = blob(rng, shape)
    mask = np.roll(target, (1, 2), (0, 1)) ^ (ndimage.gaussian_filter(rng.standard_normal(shape), 2) > 0.2)
    expected = boundary_f_by_loop(mask, target)
    assert 0 < expected < 1
    assert boundary_f(mask, target.astype(np.uint8)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(300, 400), (900, 1200)])
def test_boundary_f_equals_distance_transforms(shape):
    rng = np.random.default_rng(1)
    target = blob(rng, shape, 12)
    mask = blob(rng, shape, 12) | np.roll(target, 5, 0)
    radius = BOUNDARY_TOLERANCE * math.hypot(*shape)
    # Edges of the picture are no contour, for scikit-image neither.
    contours = [find_boundaries(m, connectivity=1, mode="inner") & m for m in (mask, target)]
    precision, recall = (
        (ndimage.distance_transform_edt(~other)[contour] <= radius).mean()
        for contour, other in (contours, contours[::-1])
    )
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_f(mask, target.astype(np.uint8)) == pytest.approx(expected, abs=1e-12)


def square(shape, top, left, size):
    target = np.zeros(shape, np.uint8)
    target[top : top + size, left : left + size] = 1
    return target


def test_boundary_f_of_shifted_squares():
    target = square((300, 400), 100, 100, 80)  # the tolerance is 3.75 pixels
    assert boundary_f(target, target) == 1.0
    assert boundary_f(square((300, 400), 103, 100, 80), target) == 1.0
    assert boundary_f(square((300, 400), 102, 102, 80), target) == 1.0
    assert boundary_f(square((300, 400), 104, 104, 80), target) < 0.2
    assert boundary_f(square((300, 400), 150, 300, 60), target) == 0.0
    assert boundary_f(square((300, 400), 104, 104, 80), target, radius=4) > 0.9  # the corners are farther away
    assert boundary_f(square((300, 400), 102, 102, 80), target, radius=1) < 0.2


def test_boundary_f_of_constant_masks():
    target = square((100, 100), 20, 20, 30)
    empty, full = np.zeros((100, 100), np.uint8), np.ones((100, 100), np.uint8)
    assert boundary_f(empty, empty) == boundary_f(full, full) == boundary_f(full, empty) == 1.0
    assert boundary_f(empty, target) == boundary_f(full, target) == boundary_f(target, empty) == 0.0


def test_boundary_f_needs_every_pixel_known():
    target = square((100, 100), 20, 20, 30)
    target[0, 0] = 255
    assert boundary_f(target == 1, target) is None


def test_boundary_f_does_not_mind_flips():
    rng = np.random.default_rng(5)
    mask, target = blob(rng, (200, 260)), blob(rng, (200, 260)).astype(np.uint8)
    assert boundary_f(mask[:, ::-1], target[:, ::-1]) == pytest.approx(boundary_f(mask, target), abs=1e-12)
    assert boundary_f(mask.T, target.T) == pytest.approx(boundary_f(mask, target), abs=1e-12)


def test_summary_of_known_scores():
    scores = [PictureScores(v, v, 1 - v, 1.0, v if v > 0.5 else None) for v in (0.2, 0.6, 1.0)]
    summary = summarise(scores)
    assert list(summary) == ["iou", "dice", "mae", "pixel_accuracy", "boundary_f"]
    assert summary["iou"].mean == pytest.approx(0.6)
    assert summary["iou"].sd == pytest.approx(0.4)
    assert summary["iou"].pictures == 3
    assert summary["mae"].mean == pytest.approx(0.4)
    accuracy = summary["pixel_accuracy"]
    assert (accuracy.mean, accuracy.sd, accuracy.low, accuracy.high) == (1.0, 0.0, 1.0, 1.0)
    assert summary["boundary_f"].mean == pytest.approx(0.8)
    assert summary["boundary_f"].pictures == 2


def test_summary_of_few():
    assert set(summarise([]).values()) == {None}
    single = summarise([PictureScores(0.3, 0.4, 0.5, 0.6, None)])
    assert single["boundary_f"] is None
    assert (single["iou"].mean, single["iou"].sd, single["iou"].low, single["iou"].high) == (0.3, 0.0, 0.3, 0.3)


def test_the_interval_is_seeded_and_as_wide_as_theory_says():
    values = np.random.default_rng(0).uniform(0, 1, 200)
    scores = [PictureScores(v, v, v, v, v) for v in values]
    interval = summarise(scores)["iou"]
    assert interval == summarise(scores, seed=0)["iou"]
    assert interval != summarise(scores, seed=1)["iou"]
    standard_error = values.std(ddof=1) / math.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - 1.96 * standard_error, abs=0.15 * standard_error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * standard_error, abs=0.15 * standard_error)


def test_pictures_without_foreground_are_told_apart():
    empty, full = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    low, high = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    cases = [(low, empty), (low, empty), (high, empty), (high, full), (low, full)]
    found = count_empties([score_picture(prob8, target, 0.5) for prob8, target in cases])
    assert (found.pictures, found.right, found.iou_of_others) == (3, 2, 0.5)
    assert "3 pictures without foreground, 2 of them answered so; IoU of the others 0.5" in str(found)
    assert count_empties([score_picture(high, full, 0.5)]) is None
    assert count_empties([score_picture(high, empty, 0.5)]).iou_of_others is None


def test_the_interval_does_not_depend_on_how_many_scores_are_drawn_at_a_time(monkeypatch):
    values = np.random.default_rng(1).uniform(0, 1, 37).tolist()
    whole = spread(values, seed=3)
    monkeypatch.setattr("unet.evaluation.metrics.DRAWN", 100)
    assert spread(values, seed=3) == whole

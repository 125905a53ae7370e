"""The calibrated threshold, from histograms whose IoU at each threshold is known."""

import numpy as np
import pytest
import torch
from generated import write_folder

from unet import Predictor
from unet.data.pairs import find_pairs
from unet.evaluation.evaluate import (
    Evaluated,
    calibrate_threshold,
    evaluate_pairs,
    iou_at_thresholds,
    side_by_side,
)
from unet.evaluation.metrics import PictureScores

SCORES = PictureScores(0, 0, 0, 0, None)


def picture(background: dict[int, int], foreground: dict[int, int]) -> Evaluated:
    """Pixels by level of prob8."""
    histogram = np.zeros((2, 256), dtype=np.int64)
    for row, levels in zip(histogram, (background, foreground), strict=True):
        for level, count in levels.items():
            row[level] = count
    return Evaluated("p", SCORES, histogram)


def test_iou_at_thresholds_counts_pixels():
    histogram = picture({10: 80, 200: 5}, {100: 5, 250: 10}).histogram
    low, middle, high = iou_at_thresholds(histogram, np.array([0.2, 0.5, 0.9]))
    assert (low, middle, high) == pytest.approx((15 / 20, 10 / 20, 10 / 15))


def test_a_clear_best_threshold_is_found():
    # Background up to level 180 in every picture: only thresholds above 180 / 255 are right.
    evaluated = [picture({180: 50 + n}, {230: 50}) for n in range(8)]
    assert calibrate_threshold([evaluated]) == pytest.approx(0.71)
    assert calibrate_threshold([evaluated[:1]]) == pytest.approx(0.71)


def test_thresholds_that_the_pictures_cannot_tell_apart_give_the_nearest_to_one_half():
    # One picture of ten gains above 0.8, the others do not care: less than one standard error.
    evaluated = [picture({30: 100}, {250: 50}) for _ in range(9)] + [picture({204: 5}, {250: 50})]
    assert calibrate_threshold([evaluated]) == pytest.approx(0.5)


def test_pictures_without_difference_give_one_half():
    assert calibrate_threshold([[picture({0: 10}, {255: 10})] * 5]) == pytest.approx(0.5)


def test_sets_weigh_the_same_however_many_pictures_they_have():
    # Forty pictures of one set are right above 0.3 and lose above 0.6; four of the other only above 0.8.
    many = [picture({76: 40}, {153: 15, 250: 85})] * 40
    few = [picture({204: 300}, {250: 50})] * 4
    assert calibrate_threshold([many]) == pytest.approx(0.5)
    assert calibrate_threshold([many, few]) == pytest.approx(0.81)
    assert calibrate_threshold([many + few]) == pytest.approx(0.5, abs=0.11)


def test_several_threads_keep_the_order_and_use_one_core_each():
    items = list(range(20))
    assert side_by_side(lambda n: n * n, items, 4) == [n * n for n in items]
    assert set(side_by_side(lambda _: torch.get_num_threads(), items, 4)) == {1}


def test_scores_do_not_depend_on_the_threads(tiny_weights, tmp_path):
    pairs = find_pairs(write_folder(tmp_path / "shapes", 5))
    predictor = Predictor.load(tiny_weights, precision="fp32")
    alone, beside = (evaluate_pairs(predictor, pairs, 0.5, threads) for threads in (1, 3))
    for one, other in zip(alone, beside, strict=True):
        assert (one.stem, one.scores) == (other.stem, other.scores)
        np.testing.assert_array_equal(one.histogram, other.histogram)

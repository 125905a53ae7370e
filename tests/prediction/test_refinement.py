"""The guided filter against its definition, and what it does to contours."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from unet.pictures.box_sums import box_sums
from unet.prediction.refinement import EPSILON, LONGEST, RADIUS, SHARE, SURE, refine


def windows(values, row, column, radius):
    """The pixels of the neighbourhood, one after the other."""
    rows = slice(max(0, row - radius), row + radius + 1)
    columns = slice(max(0, column - radius), column + radius + 1)
    part = values[rows, columns]
    return part.reshape(-1, *values.shape[2:])


def shrunk(values, size):
    return np.asarray(Image.fromarray(values).resize(size[::-1], Image.Resampling.BILINEAR))


def guided_filter(prob, picture):
    """The functions by He et al. 2013, equations 14 to 16, pixel by pixel in float64; of them He & Sun 2015."""
    height, width = (min(round(SHARE * side), whole) for side, whole in zip(prob.shape, picture.shape, strict=False))
    prob, rgb = shrunk(prob, (height, width)), shrunk(picture, (height, width)).astype(np.float64)
    functions = np.empty((height, width, 4))
    for row in range(height):
        for column in range(width):
            colours, values = windows(rgb, row, column, RADIUS), windows(prob, row, column, RADIUS)
            away = colours - colours.mean(axis=0)
            covariance = away.T @ away / len(away) + EPSILON * np.eye(3)
            slope = np.linalg.solve(covariance, away.T @ (values - values.mean()) / len(away))
            functions[row, column] = *slope, values.mean() - slope @ colours.mean(axis=0)
    means = np.array([[windows(functions, y, x, RADIUS).mean(axis=0) for x in range(width)] for y in range(height)])
    large = torch.nn.functional.interpolate(
        torch.from_numpy(means.transpose(2, 0, 1)[None]), picture.shape[:2], mode="bilinear", align_corners=False
    )
    slopes, offset = large[0, :3].numpy(), large[0, 3].numpy()
    return np.clip((slopes * picture.transpose(2, 0, 1)).sum(axis=0) + offset, 0, 1)


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def half(height, width, edge):
    """A picture that is black on the left of the column `edge` and white on its right, with a little noise."""
    rgb = np.where(np.arange(width) < edge, 20, 230).astype(np.uint8)
    return np.clip(rgb[None, :, None] + noise((height, width, 3)) // 32, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("radius", [1, 2, 3, 4, 5])
def test_box_sums(radius):
    values = np.random.default_rng(radius).random((2, 9, 14)).astype(np.float32)
    sums = box_sums(values, radius)
    for row in range(9):
        for column in range(14):
            expected = [windows(plane, row, column, radius).sum() for plane in values]
            assert sums[:, row, column] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("size", "picture"),
    [
        ((18, 24), (36, 48)),
        ((24, 24), (40, 90)),  # a square map of a wide picture
        ((24, 24), (61, 33)),
        ((30, 21), (14, 10)),  # a picture smaller than its map
        ((18, 30), (9, 80)),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_it_is_the_guided_filter(size, picture, grey):
    prob = np.random.default_rng(1).uniform(0.1, 0.9, size).astype(np.float32)
    rgb = np.repeat(noise((*picture, 1)), 3, axis=2) if grey else noise((*picture, 3))
    assert np.abs(refine(prob, rgb) - guided_filter(prob, rgb)).max() < (2e-3 if grey else 1e-4)


def test_contours_go_to_the_edge_of_the_picture():
    edge = 131  # of 240; a pixel of the map is five wide, and its contour lies at 120
    ramp = np.clip((np.arange(48) - 23.5) / 8 + 0.5, 0, 1).astype(np.float32)
    prob = np.repeat(ramp[None], 40, axis=0)
    refined = refine(prob, half(200, 240, edge))
    assert refined.shape == (200, 240)
    contour = (refined[50:150] < 0.5).sum(axis=1)
    assert np.abs(contour - edge).max() <= 1
    plain = np.asarray(Image.fromarray(prob).resize((240, 200), Image.Resampling.BILINEAR))
    assert np.abs((plain[50:150] < 0.5).sum(axis=1) - edge).min() >= 10


def test_what_is_sure_stays():
    prob = np.full((48, 48), SURE / 2, np.float32)
    prob[:, 40:] = 1 - SURE / 2
    prob[:, 39] = 0.5
    rgb = noise((48, 48, 3))
    refined = refine(prob, rgb)
    away = 39 - math.ceil((2 * RADIUS + 2) / SHARE)
    assert refined[:, :away] == pytest.approx(SURE / 2, abs=1e-6)
    assert (abs(refined[:, away:39] - SURE / 2) > 1e-3).any()


def test_a_map_without_doubts_is_only_upsampled():
    prob = np.zeros((30, 30), np.float32)
    assert not refine(prob, noise((90, 60, 3))).any()
    prob[:] = 1
    assert (refine(prob, noise((90, 60, 3))) == 1).all()


def test_where_colours_tell_nothing_probabilities_are_smoothed():
    prob = np.random.default_rng(2).uniform(0.3, 0.7, (40, 40)).astype(np.float32)
    refined = refine(prob, np.full((40, 40, 3), 90, np.uint8))
    assert refined.mean() == pytest.approx(prob.mean(), abs=0.01)
    assert refined.std() < prob.std() / 3


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 1), (1, 1)),
        ((2, 700), (2, 700)),
        ((700, 3), (700, 3)),
        ((2 * LONGEST, LONGEST), (LONGEST, LONGEST // 2)),
        ((3, 5000), (3, LONGEST)),
        ((3000, 9000), (round(LONGEST / 3), LONGEST)),
        ((100, 9000), (24, LONGEST)),  # no fewer rows than the map
        ((LONGEST, 77), (LONGEST, 77)),
    ],
)
def test_sizes(size, expected):
    prob = np.random.default_rng(3).random((24, 32)).astype(np.float32)
    refined = refine(prob, noise((*size, 3)))
    assert refined.shape == expected
    assert refined.dtype == np.float32
    assert (refined >= 0).all()
    assert (refined <= 1).all()


def test_large_pictures_are_refined_at_a_smaller_size():
    prob = np.random.default_rng(7).uniform(0.1, 0.9, (24, 36)).astype(np.float32)
    small = np.asarray(
        Image.fromarray(noise((40, 60, 3))).resize((LONGEST, LONGEST * 2 // 3), Image.Resampling.BICUBIC)
    )
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    assert np.abs(refine(prob, large) - refine(prob, small)).max() < 0.02


def test_the_inputs_are_left_alone():
    prob, rgb = np.random.default_rng(4).random((24, 32)).astype(np.float32), noise((80, 90, 3))
    before = prob.copy(), rgb.copy()
    refine(prob, rgb)
    assert np.array_equal(prob, before[0])
    assert np.array_equal(rgb, before[1])


def test_parts_beyond_doubt_change_nothing_elsewhere():
    """Only the surroundings of unsure pixels are filtered: that must equal filtering everything."""
    prob = np.zeros((60, 72), np.float32)
    prob[20:40, 25:50] = np.random.default_rng(5).uniform(0.2, 0.8, (20, 25))
    rgb = noise((60, 72, 3), 6)
    assert np.abs(refine(prob, rgb) - guided_filter(prob, rgb)).max() < 1e-4


@pytest.mark.parametrize("place", [(0.1, 0.3, 0.6, 0.8), (0.7, 1.0, 0.0, 0.4)])
def test_a_larger_picture_is_refined_as_its_smaller_copy(place):
    height, width = 3 * LONGEST // 2, 2 * LONGEST
    rgb = np.asarray(Image.fromarray(noise((30, 40, 3))).resize((width, height), Image.Resampling.BICUBIC))
    copy = np.asarray(Image.fromarray(rgb).resize((LONGEST, 3 * LONGEST // 4), Image.Resampling.BOX))
    top, bottom, left, right = (round(288 * share) for share in place)
    prob = np.zeros((288, 288), np.float32)
    prob[top:bottom, left:right] = 1
    prob = np.asarray(Image.fromarray(prob).resize((48, 48), Image.Resampling.BOX).resize((288, 288)))
    expected = refine(prob, copy)
    np.testing.assert_allclose(refine(prob, rgb), expected, atol=0.03)
    assert np.abs(np.roll(expected, 2, axis=(0, 1)) - expected).max() > 0.1  # were the colours two pixels off

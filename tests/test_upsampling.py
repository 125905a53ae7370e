import numpy as np
import pytest
from PIL import Image

from unet import upsampling
from unet.upsampling import upsample_bilinear, upsample_guided


def test_bilinear_equals_interpolation_by_hand():
    prob = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    height, width = 23, 40
    expected = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            y = np.clip((row + 0.5) * 5 / height - 0.5, 0, 4)
            x = np.clip((column + 0.5) * 7 / width - 0.5, 0, 6)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, 4), min(left + 1, 6)
            fy, fx = y - top, x - left
            upper = prob[top, left] * (1 - fx) + prob[top, right] * fx
            lower = prob[bottom, left] * (1 - fx) + prob[bottom, right] * fx
            expected[row, column] = 255 * (upper * (1 - fy) + lower * fy)
    result = upsample_bilinear(prob, (height, width))
    assert result.dtype == np.uint8
    assert np.abs(result - expected).max() <= 0.501


@pytest.mark.parametrize("method", ["bilinear", "guided"])
def test_strips_are_seamless(monkeypatch, method):
    rng = np.random.default_rng(1)
    prob = rng.random((24, 20)).astype(np.float32)
    rgb = rng.integers(0, 256, (103, 77, 3), dtype=np.uint8)

    def run():
        return upsample_bilinear(prob, rgb.shape[:2]) if method == "bilinear" else upsample_guided(prob, rgb)

    whole = run()
    monkeypatch.setattr(upsampling, "STRIP_PIXELS", 77 * 5)
    assert np.abs(run().astype(int) - whole).max() <= 1


def test_constant_probabilities_stay_constant():
    rgb = np.random.default_rng(2).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    for level in (0.0, 0.25, 1.0):
        prob = np.full((16, 16), level, dtype=np.float32)
        assert (upsample_guided(prob, rgb) == round(255 * level)).all()


def test_guided_moves_a_blurred_edge_to_the_pictures_edge():
    rgb = np.zeros((160, 160, 3), dtype=np.uint8)
    rgb[:, 75:] = 200
    truth = rgb[..., 0] > 0
    blurred = np.asarray(Image.fromarray(truth.astype(np.float32)).resize((20, 20), Image.Resampling.BILINEAR))
    wrong_bilinear = ((upsample_bilinear(blurred, (160, 160)) >= 128) != truth).mean()
    wrong_guided = ((upsample_guided(blurred, rgb) >= 128) != truth).mean()
    assert wrong_guided < wrong_bilinear


def test_box_mean_equals_brute_force():
    values = np.random.default_rng(3).random((9, 6))
    result = upsampling._box_mean(values, 2)
    for row in range(9):
        for column in range(6):
            window = values[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
            assert np.isclose(result[row, column], window.mean())

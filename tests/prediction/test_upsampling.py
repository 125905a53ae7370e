import numpy as np
import pytest

from unet.prediction import upsampling
from unet.prediction.upsampling import upsample_bilinear


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


def test_strips_are_seamless(monkeypatch):
    prob = np.random.default_rng(1).random((24, 20)).astype(np.float32)
    whole = upsample_bilinear(prob, (103, 77))
    monkeypatch.setattr(upsampling, "STRIP_PIXELS", 77 * 5)
    assert np.abs(upsample_bilinear(prob, (103, 77)).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("level", [0.0, 0.25, 1.0])
def test_constant_probabilities_stay_constant(level):
    assert (upsample_bilinear(np.full((16, 16), level, dtype=np.float32), (60, 90)) == round(255 * level)).all()

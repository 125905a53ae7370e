"""What the API's answers must hold."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_helpers import FakePredictor

from unet.pictures import draw
from unet.pictures.decode import read_picture
from unet.pictures.encode import encode_jpeg


def pixels(path: str, mode: str) -> np.ndarray:
    """The pixels of a PNG, which has this mode."""
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", mode)
        return np.asarray(image)


def assert_results(results, path: Path, threshold: float, prob8: np.ndarray) -> None:
    """Every result is, pixel for pixel, what `unet.pictures.draw` makes of the probability map."""
    overlay, mask, cutout, details = results
    picture = read_picture(path)
    expected = draw.mask_from_prob(prob8, threshold)
    assert np.array_equal(pixels(mask, "L"), expected)
    assert Path(overlay).read_bytes() == encode_jpeg(draw.overlay(picture.rgb, expected))
    assert np.array_equal(pixels(cutout, "RGBA"), draw.render("cutout", picture, prob8, threshold))
    assert set(details) == {"width", "height", "threshold", "foreground", "model", "milliseconds"}
    assert (details["width"], details["height"]) == (picture.width, picture.height)
    assert details["threshold"] == threshold
    assert details["foreground"] == pytest.approx(np.mean(expected > 0), abs=1e-6)
    assert details["model"] == FakePredictor().name
    assert details["milliseconds"] >= 0

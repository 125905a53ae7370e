"""Colours along the edge, against composites whose true foreground is known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from unet.pictures.foreground import LONGEST, UNSURE, foreground_colours

EXAMPLES = Path(__file__).parents[2] / "examples"


def photograph(name: str, size: tuple[int, int]) -> np.ndarray:
    with Image.open(EXAMPLES / name) as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def disk(size: tuple[int, int], softness: float) -> np.ndarray:
    """(H, W) uint8: a disk in the middle with a soft edge."""
    width, height = size
    rows, columns = np.ogrid[:height, :width]
    inside = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (min(size) / 3) ** 2
    hard = Image.fromarray(np.where(inside, 255, 0).astype(np.uint8))
    return np.asarray(hard.filter(ImageFilter.GaussianBlur(softness)))


def composite(foreground: np.ndarray, background: np.ndarray, alpha8: np.ndarray) -> np.ndarray:
    alpha = alpha8[..., None] / 255
    return np.rint(alpha * foreground + (1 - alpha) * background).astype(np.uint8)


def visible_error(colours: np.ndarray, foreground: np.ndarray, alpha8: np.ndarray) -> np.ndarray:
    """(H, W): the mean difference of the three colours, weighted by what is seen of the pixel."""
    return np.abs(colours.astype(float) - foreground).mean(axis=2) * alpha8 / 255


def test_flat_colours_come_close():
    alpha8 = disk((240, 180), 4)
    foreground, background = np.full((180, 240, 3), (200, 60, 40)), np.full((180, 240, 3), (30, 90, 220))
    mixed = composite(foreground, background, alpha8)
    before, after = (visible_error(x, foreground, alpha8) for x in (mixed, foreground_colours(mixed, alpha8)))
    assert before.max() > 30
    assert after.max() < 15
    assert after.mean() < 0.4 * before.mean()


@pytest.mark.parametrize(
    ("names", "share"), [(("astronaut.jpg", "coffee.jpg"), 0.75), (("chelsea.jpg", "coffee.jpg"), 0.55)]
)
@pytest.mark.parametrize(("wider", "size"), [(0, (600, 450)), (6, (600, 450)), (20, (LONGEST + 500, LONGEST))])
def test_the_colours_of_a_photograph_come_closer(names, share, wider, size):
    """Also where the probability's edge is wider than the true one, as a network's is, and in large pictures."""
    foreground, background = (photograph(name, size) for name in names)
    alpha8 = disk(size, 3)
    mixed = composite(foreground, background, alpha8)
    prob8 = np.asarray(Image.fromarray(alpha8).filter(ImageFilter.GaussianBlur(wider)))
    found = foreground_colours(mixed, prob8)
    partly = (alpha8 > 20) & (alpha8 < 235)
    before, after = (np.abs(x[partly].astype(int) - foreground[partly]).mean() for x in (mixed, found))
    assert after < share * before


def test_what_the_network_is_sure_of_stays_as_it_is():
    rgb = photograph("astronaut.jpg", (300, 300))
    prob8 = disk((300, 300), 5)
    found = foreground_colours(rgb, prob8)
    sure = (prob8 < UNSURE[0]) | (prob8 > UNSURE[1])
    np.testing.assert_array_equal(found[sure], rgb[sure])
    assert not np.array_equal(found, rgb)
    for level in (0, 255):
        np.testing.assert_array_equal(foreground_colours(rgb, np.full((300, 300), level, np.uint8)), rgb)


def test_tiles_have_no_seams():
    """Along the borders of tiles, neighbours differ no more than elsewhere."""
    size = (4000, 700)
    rgb = np.full((size[1], size[0], 3), (90, 140, 60), np.uint8)
    ramp = np.linspace(0, 255, size[1]).astype(np.uint8)
    prob8 = np.ascontiguousarray(np.broadcast_to(ramp[:, None], (size[1], size[0])))
    rgb[: size[1] // 2] = (200, 40, 90)
    found = foreground_colours(rgb, prob8).astype(int)
    assert np.abs(np.diff(found, axis=1))[:, 50:-50].max() <= 3


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (700, 5), (131, 257), (1, 5000), (3100, 3)])
def test_any_size_works(size):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    prob8 = rng.integers(0, 256, size, dtype=np.uint8)
    before = rgb.copy()
    assert foreground_colours(rgb, prob8).shape == rgb.shape
    assert np.array_equal(rgb, before)


def test_one_unsure_value_everywhere_changes_little():
    """Without sure pixels on either side, both sides have one colour and nothing is unmixed."""
    rgb = np.full((40, 40, 3), (10, 200, 90), np.uint8)
    found = foreground_colours(rgb, np.full((40, 40), 128, np.uint8))
    assert np.abs(found.astype(int) - rgb).max() <= 1


@pytest.mark.parametrize(("front", "back"), [(255, 0), (0, 255), (255, 1)])
def test_the_background_leaves_an_edge_of_the_strongest_contrast(front, back):
    prob8 = np.tile(np.clip(np.arange(60) * 17 - 380, 0, 255).astype(np.uint8), (40, 1))
    rgb = np.repeat(np.where(prob8 > 127, front, back).astype(np.uint8)[..., None], 3, axis=2)
    unsure = (prob8 > 20) & (prob8 < 235)
    assert rgb[unsure].min() != rgb[unsure].max()
    assert np.abs(foreground_colours(rgb, prob8)[unsure].astype(int) - front).max() <= 6

"""Values and results of the viewer, without a browser."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from viewer_helpers import SIZES, picture, prob8

from unet.errors import ConfigError
from unet.pictures import draw
from unet.pictures.clicks import Click
from unet.pictures.decode import Picture
from unet.pictures.draw import SOFTNESS, Style, outline, outline_width, render, soft_alpha
from unet.pictures.foreground import foreground_colours
from unet.web.download import Download
from unet.web.viewer import MODULES_PATH, ROUTES, Viewer, answer
from unet.web.viewer_value import PREVIEW_PIXELS, PREVIEW_SIDE, preview_size, sample, viewer_value

EVENT = {
    "number": 3,
    "kind": "overlay",
    "threshold": 0.25,
    "color": "#10a0ff",
    "opacity": 0.3,
    "outline": True,
    "invert": True,
    "softness": 40,
}


def read(file) -> np.ndarray:
    with Image.open(file.path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


@pytest.mark.parametrize("name", ["one", "glass"])
def test_value_of_a_small_picture_is_the_picture(name):
    shown = picture(name)
    value = viewer_value(shown, prob8(name), 0.3)
    assert np.array_equal(read(value.image), shown.rgb)
    assert np.array_equal(read(value.prob), prob8(name))
    changes, clean = read(value.colours), foreground_colours(shown.rgb, prob8(name))
    if shown.alpha is not None:
        clean = np.where(shown.alpha[..., None] < 255, shown.straight, clean)
    assert np.array_equal(np.where(changes[..., 3:] > 0, changes[..., :3], shown.rgb), clean)
    assert np.array_equal(changes[..., 3] > 0, (clean != shown.rgb).any(axis=2))
    assert (value.alpha is None) == (shown.alpha is None)
    if value.alpha:
        assert np.array_equal(read(value.alpha), shown.alpha)
    assert (value.height, value.width) == SIZES[name]
    assert (value.name, value.threshold, value.takes_clicks, list(value.clicks)) == (name, 0.3, False, [])


def test_preview_of_a_large_picture_is_its_exact_mask_downscaled():
    probs = prob8("big")
    value = viewer_value(picture("big"), probs)
    small = read(value.prob)
    assert small.size <= PREVIEW_PIXELS
    assert read(value.image).shape == (*small.shape, 3)
    for threshold in (0, 0.2, 0.501, 1):
        mask = draw.mask_from_prob(probs, threshold)
        assert np.array_equal(draw.mask_from_prob(small, threshold), sample(mask, *small.shape[::-1]))
        inside = sum(count for level, count in enumerate(value.histogram) if level >= 255 * threshold)
        assert inside / probs.size == draw.foreground_share(mask)  # of the whole picture, not of the preview


def test_sample_takes_the_pixel_below_each_centre():
    array = np.arange(7 * 11).reshape(7, 11)
    expected = [[array[int((r + 0.5) * 7 / 3), int((c + 0.5) * 11 / 4)] for c in range(4)] for r in range(3)]
    assert np.array_equal(sample(array, 4, 3), expected)
    assert np.array_equal(sample(array, 11, 7), array)


@pytest.mark.parametrize("size", [(1, 1), (2000, 1000), (2001, 1000), (12000, 8000), (9000, 1), (1, 10**8)])
def test_preview_size(size):
    width, height = preview_size(*size)
    assert 1 <= width * height <= PREVIEW_PIXELS
    assert width <= size[0]
    assert height <= size[1]
    assert max(width, height) <= PREVIEW_SIDE
    if size[0] * size[1] <= PREVIEW_PIXELS and max(size) <= PREVIEW_SIDE:
        assert (width, height) == size


def test_value_after_clicks_keeps_the_picture_files():
    before = viewer_value(picture("glass"), prob8("glass"), source="up.png")
    clicks = [Click(3, 4, 1)]
    after = viewer_value(picture("glass"), prob8("glass", clicks), clicks=clicks, takes_clicks=True, like=before)
    assert (after.image.path, after.alpha.path, after.source.path) == (before.image.path, before.alpha.path, "up.png")
    assert after.colours.path != before.colours.path
    assert after.prob.path != before.prob.path
    assert [(c.x, c.y, c.label) for c in after.clicks] == [(3, 4, 1)]
    assert Path(before.prob.path).exists()


def test_values_of_two_visitors_lie_apart():
    first, second = viewer_value(picture("one"), prob8("one")), viewer_value(picture("one"), prob8("one"))
    assert Path(first.prob.path).parent != Path(second.prob.path).parent


def test_component_names_its_modules_and_no_path_of_the_server():
    viewer = Viewer()
    assert MODULES_PATH in viewer.js_on_load
    assert str(Path.cwd()) not in json.dumps(viewer.get_config())


def test_route_serves_the_modules_and_nothing_else():
    client = TestClient(Starlette(routes=ROUTES))
    for path in Path("unet/web/static/viewer").glob("*.js"):
        response = client.get(f"{MODULES_PATH}/{path.name}")
        if path.name == "loader.js":
            assert response.status_code == 404
            continue
        assert response.text == path.read_text(encoding="utf-8")
        assert response.headers["content-type"].startswith("text/javascript")
        assert "immutable" in response.headers["cache-control"]
    for name in ("viewer.html", "..%2Fpage.css", "..%2F..%2Fviewer.py", ""):
        assert client.get(f"{MODULES_PATH}/{name}").status_code == 404


def test_settings_are_read():
    assert Download.from_event(EVENT) == Download("overlay", 0.25, Style((16, 160, 255), 0.3, True, True, 40), 3)
    assert Download.from_event({**EVENT, "kind": "prob"}).kind == "probability"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "../../etc/passwd"}, "must be one of"),
        ({"kind": ["mask"]}, "must be one of"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": None}, "threshold"),
        ({"threshold": math.nan}, "threshold"),
        ({"color": "red"}, "colour"),
        ({"color": 7}, "colour"),
        ({"opacity": -0.1}, "opacity"),
        ({"opacity": math.nan}, "opacity"),
        ({"opacity": "1"}, "opacity"),
        ({"softness": 128}, "softness"),
        ({"softness": 2.5}, "softness"),
        ({"softness": True}, "softness"),
        ({"number": "3"}, "number"),
    ],
)
def test_settings_of_another_form_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Download.from_event({**EVENT, **wrong})


@pytest.mark.parametrize("data", [None, [], "mask", {}])
def test_settings_that_are_none_are_refused(data):
    with pytest.raises(ConfigError):
        Download.from_event(data)


def test_answer_names_file_and_question():
    given = answer("/cache/x/cat_mask.png", Download.from_event(EVENT))["answer"]
    assert (given["number"], given["kind"]) == (3, "overlay")
    assert (given["file"]["path"], given["file"]["orig_name"]) == ("/cache/x/cat_mask.png", "cat_mask.png")


def between_extremes(levels):
    """A map whose middle column has `levels`, each with 0 on its left and 255 on its right: the clearest of edges."""
    return np.stack([np.zeros_like(levels), levels, np.full_like(levels, 255)], axis=1)


@pytest.mark.parametrize("softness", [0, 1, 30, 127])
@pytest.mark.parametrize("threshold", [0, 0.004, 0.3, 0.5, 0.99, 1])
def test_soft_alpha(threshold, softness):
    levels = between_extremes(np.arange(256, dtype=np.uint8))
    alpha = soft_alpha(levels, threshold, softness)
    mask = draw.mask_from_prob(levels, threshold)
    assert np.array_equal(alpha >= 128, mask > 0)
    assert (np.diff(alpha[:, 1].astype(int)) >= 0).all()
    assert alpha[255, 1] == 255
    assert alpha[0, 1] == (255 if threshold == 0 else 0)
    if softness == 0:
        assert np.array_equal(alpha, mask)


def test_soft_alpha_is_a_straight_line_along_a_clear_edge():
    alpha = soft_alpha(between_extremes(np.arange(256, dtype=np.uint8)), 0.5, 50)[:, 1].astype(float)
    exact = np.clip((np.arange(256) - 78) / 100, 0, 1) * 255  # from 128 - 50 to 128 + 50
    assert np.abs(alpha - exact).max() <= 0.5


def test_what_is_unsure_over_a_wide_area_is_no_haze():
    rng = np.random.default_rng(0)
    levels = rng.integers(110, 146, (90, 90)).astype(np.uint8)  # a skirt of which the network cannot decide
    levels[:, :20], levels[:, -20:] = 255, 0
    alpha = soft_alpha(levels, 0.5, SOFTNESS)
    far = alpha[:, 20 + draw.CONTRAST_REACH + 1 : -20 - draw.CONTRAST_REACH - 1]
    assert ((far > 0) & (far < 255)).mean() < 0.05  # the one level at the threshold itself
    assert 0.3 < (far == 255).mean() < 0.7
    assert ((alpha[:, 20:-20] > 0) & (alpha[:, 20:-20] < 255)).any()


@pytest.mark.parametrize("shape", [(1, 300), (37, 61), (1111, 23), (5, 1), (9, 1700)])
def test_contrast_against_every_pixel_around(shape):
    rng = np.random.default_rng(shape[0])
    small = Image.fromarray(rng.integers(0, 256, (shape[0] // 9 + 1, shape[1] // 9 + 1), dtype=np.uint8))
    levels = np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC)).astype(int)
    side, reach = -(-max(shape) // 540), draw.CONTRAST_REACH
    found = draw.contrast(levels.astype(np.uint8))
    assert found.shape == tuple(-(-n // side) for n in shape)
    for row, column in np.ndindex(*found.shape):
        top, left = max(row - reach, 0) * side, max(column - reach, 0) * side
        around = levels[top : (row + reach + 1) * side, left : (column + reach + 1) * side]
        assert found[row, column] == around.max() - around.min()


@pytest.mark.parametrize("shape", [(40, 61), (1111, 23)])
def test_soft_alpha_against_its_formula(shape):
    rng = np.random.default_rng(1)
    small = Image.fromarray(rng.integers(0, 256, (shape[0] // 9 + 1, shape[1] // 9 + 1), dtype=np.uint8))
    levels = np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC))
    side, around, alpha = -(-max(shape) // 540), draw.contrast(levels), soft_alpha(levels, 0.4, 90)
    for row, column in np.ndindex(*shape):
        level, contrast = int(levels[row, column]), int(around[row // side, column // side])
        width = 90 * contrast * contrast // (255 * 255)  # 255 * 0.4 is 102, and 90 levels below it are some
        wanted = 255 * (level >= 102) if width == 0 else (255 * (level - 102 + width) + width) // (2 * width)
        assert alpha[row, column] == min(max(wanted, 0), 255)


@pytest.mark.parametrize("reach", [1, 3])
def test_outline_against_every_neighbour(reach):
    mask = np.where(np.random.default_rng(reach).random((23, 31)) < 0.85, np.uint8(255), np.uint8(0))
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask > 0):
        beside = mask[row, max(0, column - reach) : column + reach + 1]
        above = mask[max(0, row - reach) : row + reach + 1, column]
        expected[row, column] = 255 if min(beside.min(), above.min()) == 0 else 0
    assert np.array_equal(outline(mask, reach), expected)
    assert not outline(np.full((5, 5), 255, np.uint8), reach).any()


def test_outline_width_grows_with_the_picture():
    assert [outline_width(*size) for size in ((1, 1), (400, 300), (300, 401), (4000, 10))] == [1, 1, 2, 10]


@pytest.mark.parametrize("invert", [False, True])
def test_downloads_are_what_the_api_gives(invert):
    shown, probs = picture("glass"), prob8("glass")
    mask = draw.mask_from_prob(probs, 0.6)
    mask = 255 - mask if invert else mask
    drawn = {kind: render(kind, shown, probs, 0.6, Style(invert=invert)) for kind in draw.KINDS}
    assert np.array_equal(drawn["mask"], mask)
    assert np.array_equal(drawn["overlay"], draw.overlay(shown.rgb, mask))
    assert np.array_equal(drawn["cutout"][..., 3] >= 128, np.minimum(mask, shown.alpha) >= 128)
    hard = render("cutout", shown, probs, 0.6, Style(invert=invert, softness=0))
    assert np.array_equal(hard, draw.cutout(shown, mask))
    assert np.array_equal(drawn["probability"], probs)
    assert np.array_equal(render("prob", shown, probs, 0.6), probs)
    with pytest.raises(ConfigError, match="must be one of"):
        render("outline", shown, probs, 0.6)


def test_cutouts_are_whole_at_threshold_zero():
    drawn = render("cutout", picture("one"), prob8("one"), 0)
    assert np.array_equal(drawn[..., :3], picture("one").rgb)
    assert (drawn[..., 3] == 255).all()


def test_cutouts_have_the_foregrounds_colours_where_they_are_partly_transparent():
    shown, probs = picture("one"), prob8("one")
    drawn = render("cutout", shown, probs, 0.5)
    alpha, colours = soft_alpha(probs, 0.5, SOFTNESS), foreground_colours(shown.rgb, probs)
    assert np.array_equal(drawn[..., 3], alpha)
    partly = (alpha > 0) & (alpha < 255)
    assert (colours[partly] != shown.rgb[partly]).any()
    assert np.array_equal(drawn[partly][:, :3], colours[partly])
    assert np.array_equal(drawn[alpha == 255][:, :3], shown.rgb[alpha == 255])
    assert not drawn[alpha == 0].any()


@pytest.mark.parametrize("softness", [-1, 128, 2.5, True, "64", math.nan])
def test_softness_is_a_whole_number_of_levels(softness):
    with pytest.raises(ConfigError, match=r"the softness must be a whole number in 0\.\.127, not"):
        draw.check_softness(softness)


def test_soft_cutout_stays_below_the_pictures_own_alpha():
    shown = Picture(picture("glass").rgb, picture("glass").alpha, "glass")
    cutout = render("cutout", shown, prob8("glass"), 0.5, Style(softness=60))
    assert np.array_equal(cutout[..., 3], np.minimum(soft_alpha(prob8("glass"), 0.5, 60), shown.alpha))


def test_outlined_overlay_has_the_plain_colour_on_the_rim():
    drawn = render("overlay", picture("one"), prob8("one"), 0.5, Style((1, 2, 3), 0.2, outline=True))
    mask = draw.mask_from_prob(prob8("one"), 0.5)
    rim = outline(mask, 1) > 0
    assert rim.any()
    assert (drawn[rim] == (1, 2, 3)).all()
    assert np.array_equal(drawn[~rim], draw.overlay(picture("one").rgb, mask, (1, 2, 3), 0.2)[~rim])

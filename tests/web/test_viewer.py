"""The viewer in a real browser: its pixels are exactly those of `unet.pictures.draw`."""

import numpy as np
import pytest
from viewer_helpers import SIZES, drop, hold, mask_of, picture, prob8

from unet.pictures import draw
from unet.pictures.draw import OUTLINE_UNIT, Style, outline, outline_width, render, soft_alpha
from unet.web.viewer_value import preview_size, sample

pytest_plugins = ["viewer_browser"]


def test_empty_viewer_says_what_to_do(shown):
    assert shown.find(".invitation").is_visible()
    assert shown.find(".views input").first.is_disabled()
    assert shown.find("[data-download=cutout]").is_disabled()
    assert not shown.find(".zoom").is_visible()
    assert shown.find(".percent").inner_text() == "–"  # noqa: RUF001


def test_nothing_moves_when_a_result_comes(shown):
    parts = [".stage", ".bar.clicks", ".bar.settings", ".bar.download", ".foot"]
    shown.find(".bar.clicks").wait_for()  # the viewer's script has run
    before = [shown.find(part).bounding_box() for part in parts]
    for name in ("one", "tall", "none"):
        shown.show(name)
        assert [shown.find(part).bounding_box() for part in parts] == before


@pytest.mark.parametrize("threshold", [0, 0.3, 0.57, 1])
def test_overlay_is_exact(shown, threshold):
    shown.show("one")
    shown.threshold(threshold)
    mask = mask_of("one", threshold)
    assert np.array_equal(shown.pixels()[..., :3], draw.overlay(picture("one").rgb, mask))
    assert np.array_equal(shown.pixels("canvas.picture")[..., :3], picture("one").rgb)
    assert float(shown.dataset.threshold) == threshold
    assert float(shown.dataset.foreground) == pytest.approx(draw.foreground_share(mask), abs=1e-6)
    assert shown.find(".percent").inner_text() == f"{100 * draw.foreground_share(mask):.1f}%"


def test_colour_opacity_invert_and_outline_are_exact(shown):
    shown.show("one")
    shown.set_range("opacity", 73)
    shown.find("[data-setting=color]").fill("#1d9bf0")
    shown.find("[data-setting=invert]").check()
    shown.settle()
    color, mask = (0x1D, 0x9B, 0xF0), 255 - mask_of("one", 0.5)
    expected = draw.overlay(picture("one").rgb, mask, color, 0.73)
    assert np.array_equal(shown.pixels()[..., :3], expected)
    assert float(shown.dataset.foreground) == pytest.approx(draw.foreground_share(mask), abs=1e-6)
    shown.find("[data-setting=outline]").check()
    shown.settle()
    expected[outline(mask, outline_width(*mask.shape)) > 0] = color
    assert np.array_equal(shown.pixels()[..., :3], expected)


def test_preview_of_a_large_picture_is_exact(shown):
    shown.show("big")
    shown.find("[data-setting=outline]").check()
    shown.threshold(0.6)
    width, height = preview_size(*SIZES["big"][::-1])
    assert width < SIZES["big"][1]
    mask = sample(mask_of("big", 0.6), width, height)
    rgb = shown.pixels("canvas.picture")[..., :3]
    expected = draw.overlay(rgb, mask)
    assert max(width, height) > 2 * OUTLINE_UNIT
    expected[outline(mask, outline_width(*mask.shape)) > 0] = draw.OVERLAY_COLOR
    assert np.array_equal(shown.pixels()[..., :3], expected)
    share = draw.foreground_share(mask_of("big", 0.6))
    assert float(shown.dataset.foreground) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("invert", [False, True])
def test_mask_view(shown, invert):
    shown.show("tall")
    shown.view("mask")
    shown.find("[data-setting=invert]").set_checked(invert)
    shown.threshold(0.42)
    mask = mask_of("tall", 0.42)
    assert np.array_equal(shown.pixels()[..., 0], 255 - mask if invert else mask)


@pytest.mark.parametrize(("percent", "softness"), [(0, 0), (30, 38), (100, 127)])
def test_cutout_view(shown, percent, softness):
    shown.show("glass")
    shown.view("cutout")
    shown.set_range("softness", percent)
    shown.threshold(0.4)
    pixels = shown.pixels()
    alpha = np.minimum(soft_alpha(prob8("glass"), 0.4, softness), picture("glass").alpha)
    assert np.array_equal(pixels[..., 3], alpha)
    assert np.array_equal(pixels[alpha == 255][:, :3], picture("glass").rgb[alpha == 255])


@pytest.mark.parametrize("name", ["one", "glass"])
@pytest.mark.parametrize("invert", [False, True])
def test_cutout_view_is_the_file(shown, invert, name):
    """Soft by default, with the foreground's own colours; blended, because a canvas keeps no colours of thin alpha."""
    shown.show(name)
    shown.view("cutout")
    shown.find("[data-setting=invert]").set_checked(invert)
    shown.threshold(0.5)
    wanted = render("cutout", picture(name), prob8(name), 0.5, Style(invert=invert))
    own_colours = np.dstack([picture(name).rgb, wanted[..., 3]])
    seen, expected, uncleaned = (x[..., :3] * (x[..., 3:] / 255) for x in (shown.pixels(), wanted, own_colours))
    assert np.array_equal(shown.pixels()[..., 3], wanted[..., 3])
    assert np.abs(seen - expected).max() <= 1
    assert (np.abs(uncleaned - expected).max() > 8) == (name == "glass" or not invert)


def test_cutout_stands_on_a_board_or_on_a_colour(shown):
    shown.show("one")
    shown.view("cutout")

    def style(name: str) -> str:
        return shown.main.evaluate(f"canvas => getComputedStyle(canvas).{name}")

    assert "conic-gradient" in style("backgroundImage")
    shown.find("[data-setting=ground]").fill("#00ff7f")
    assert style("backgroundImage") == "none"
    assert style("backgroundColor") == "rgb(0, 255, 127)"
    shown.find("[data-setting=plain]").uncheck()
    assert "conic-gradient" in style("backgroundImage")


def test_probability_view_has_a_legend(shown):
    shown.show("one")
    shown.view("probability")
    pixels, levels = shown.pixels()[..., :3], prob8("one")
    ramp = shown.pixels(".ramp canvas")[0, :, :3]
    assert np.array_equal(pixels, ramp[levels])
    brightness = ramp @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) > -0.5).all()
    assert brightness[-1] > 6 * brightness[0]
    shown.threshold(0.25)
    tick, scale = shown.find(".tick").bounding_box(), shown.find(".ramp").bounding_box()
    assert tick["x"] + tick["width"] / 2 == pytest.approx(scale["x"] + scale["width"] / 4, abs=1)
    shown.view("side")
    assert not shown.find(".legend").is_visible()


def test_heat_is_viridis(shown):
    from matplotlib import colormaps

    shown.show("one")
    shown.view("probability")
    ramp = shown.pixels(".ramp canvas")[0, :, :3]
    assert np.abs(ramp - 255 * colormaps["viridis"](np.arange(256))[:, :3]).max() <= 4


def test_moving_the_threshold_asks_nothing(shown):
    shown.show("one")
    shown.page.wait_for_load_state("networkidle")
    shown.requests.clear()
    seen = set()
    box = shown.range.bounding_box()
    shown.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.page.mouse.down()
    for step in range(1, 21):
        shown.page.mouse.move(box["x"] + box["width"] * (0.5 + step / 50), box["y"] + box["height"] / 2)
        shown.settle()
        seen.add(shown.dataset.foreground)
    shown.page.mouse.up()
    assert len(seen) > 10
    for key in ("ArrowLeft", "PageDown", "Home"):
        before = shown.dataset.threshold
        shown.range.press(key)
        shown.wait(f"root => root.querySelector('canvas.main').dataset.threshold !== '{before}'")
    shown.threshold(0.37)
    shown.page.locator("#threshold button").last.click()  # back to where it began
    shown.wait("root => root.querySelector('canvas.main').dataset.threshold === '0.5'")
    for view in ("compare", "cutout", "mask", "probability", "side"):
        shown.view(view)
    assert shown.requests == []


def test_threshold_moved_before_the_first_picture_counts(shown):
    shown.page.locator("#threshold input[type=number]").fill("0.8")
    shown.page.wait_for_function("document.getElementById('viewer').received?.threshold === 0.8")
    shown.show("one")
    assert shown.dataset.threshold == "0.8"


def test_screen_readers_hear_the_share_once_it_rests(shown):
    shown.show("one")
    spoken = shown.find(".spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    shown.wait("root => root.querySelector('.spoken').textContent.startsWith('Foreground ')")
    before = spoken.inner_text()
    shown.threshold(0.9)
    assert spoken.inner_text() == before
    shown.wait(f"root => root.querySelector('.spoken').textContent !== '{before}'")
    assert spoken.inner_text() == f"Foreground {shown.find('.percent').inner_text()}"


def test_second_picture_of_another_size_replaces_the_first(shown):
    shown.show("one")
    shown.find("[data-zoom=in]").click()
    shown.show("tall")
    assert shown.find(".zoom .level").inner_text() == "100%"
    expected = draw.overlay(picture("tall").rgb, mask_of("tall", 0.5))
    assert np.array_equal(shown.pixels()[..., :3], expected)
    assert "64 × 160" in shown.find(".size").inner_text()  # noqa: RUF001


def test_clear_empties(shown):
    shown.show("one")
    shown.show("none")
    assert shown.find(".invitation").is_visible()
    assert shown.main.evaluate("canvas => Object.keys(canvas.dataset)") == []
    assert shown.find(".views input").first.is_disabled()
    shown.show("tall")
    assert np.array_equal(shown.pixels("canvas.picture")[..., :3], picture("tall").rgb)


def test_late_files_of_an_earlier_picture_are_dropped(shown):
    held = hold(shown, "**/image.png", lambda: shown.pick("one"))
    assert shown.root.get_attribute("aria-busy") == "true"
    drop(shown, held, "tall")
    assert np.array_equal(shown.pixels("canvas.picture")[..., :3], picture("tall").rgb)
    assert shown.root.get_attribute("aria-busy") is None


def test_damaged_files_are_reported(shown):
    page = shown.page
    page.route("**/prob.png", lambda route: route.fulfill(status=200, content_type="image/png", body=b"no picture"))
    shown.pick("one")
    shown.wait("root => root.querySelector('.message').textContent.includes('could not be shown')")
    assert shown.find(".invitation").is_visible()

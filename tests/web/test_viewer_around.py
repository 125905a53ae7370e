"""The viewer in its surroundings: how it loads, beside another one, for every reader, on a phone."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from viewer_helpers import Shown, mask_of, picture, viewer_page
from web_helpers import free_port

from unet.pictures import draw
from unet.web.viewer import MODULES_PATH

pytest_plugins = ["viewer_browser"]


def test_modules_load_under_a_root_path(browser):
    """The page is reached through a proxy at another port, which removes a prefix from each path."""
    with viewer_page(root_path="/prefix") as address:
        page = browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        inner, outer = address.rstrip("/"), f"http://127.0.0.1:{free_port()}/prefix"
        page.route(f"{outer}/**", lambda route: route.continue_(url=route.request.url.replace(outer, inner)))
        page.goto(f"{outer}/")
        shown = Shown(page)
        shown.show("one")
        assert np.array_equal(shown.pixels("canvas.picture")[..., :3], picture("one").rgb)
        assert [url for url in asked if url.endswith("/main.js")] == [f"{outer}{MODULES_PATH}/main.js"]
        page.close()


def test_modules_that_do_not_load_are_reported(browser, url):
    page = browser.new_page()
    page.route("**/main.js", lambda route: route.abort())
    page.goto(url)
    page.locator("#viewer .message", has_text="could not be loaded").wait_for()
    page.close()


def test_two_viewers_are_independent(open_page):
    page = open_page()
    first, second = Shown(page), Shown(page, "-other")
    first.show("one")
    second.show("tall")
    second.view("mask")
    second.threshold(0.7)
    assert first.dataset.threshold == "0.5"
    assert first.dataset.view == "side"
    assert first.find(".views input[value=side]").is_checked()
    assert np.array_equal(first.pixels()[..., :3], draw.overlay(picture("one").rgb, mask_of("one", 0.5)))
    assert np.array_equal(second.pixels()[..., 0], mask_of("tall", 0.7))
    assert not second.find(".bar.clicks").is_visible()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["none", "one"])
def test_accessibility_checker_finds_nothing(open_page, dark, name):
    shown = Shown(open_page(dark))
    for view in ("side", "compare", "cutout", "mask", "probability") if name != "none" else (None,):
        if view:
            shown.show(name)
            shown.view(view)
            if not shown.marks:
                shown.page.mouse.click(*shown.at(60, 45))
                shown.wait_clicks(1)
        found = Axe().run(shown.page, context="#viewer", options={"resultTypes": ["violations", "passes"]})
        violations = found.response["violations"]
        assert len(found.response["passes"]) > 5
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in violations] == []


@pytest.mark.parametrize("width", [360, 390])
def test_phone(open_page, width):
    shown = Shown(open_page())
    shown.page.set_viewport_size({"width": width, "height": 780})
    shown.show("one")
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    for view in ("side", "compare", "cutout", "mask", "probability"):
        shown.view(view)
        for element in shown.find("button:visible, input:visible, .share").all():
            box = element.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
    shown.view("side")
    upper, lower = (shown.find(f".pane.{which}").bounding_box() for which in ("before", "after"))
    assert upper["x"] == lower["x"]  # one above the other, as the picture is wide
    assert upper["y"] + upper["height"] <= lower["y"]


def test_reduced_motion(open_page):
    shown = Shown(open_page(reduced_motion="reduce"))
    shown.show("one")
    shown.root.evaluate("root => root.classList.add('asking')")
    moving = "stage => getComputedStyle(stage, '::after').transitionDuration"
    assert shown.find(".stage").evaluate(moving) == "0s"

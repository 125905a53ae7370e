"""Zoom, pan and divider of the viewer, by mouse, fingers and keyboard."""

import pytest
from viewer_helpers import Shown

pytest_plugins = ["viewer_browser"]


def assert_together(shown: Shown) -> None:
    before, after = shown.sheets()
    assert after == pytest.approx(before, abs=0.5)


def zoom(shown: Shown) -> float:
    shown.settle()
    return float(shown.find(".zoom .level").inner_text().rstrip("%")) / 100


def middle(shown: Shown) -> tuple[float, float]:
    box = shown.find(".pane.after").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_buttons(shown):
    shown.show("one")
    small = shown.sheets()[0]
    shown.find("[data-zoom=in]").click()
    shown.settle()
    assert zoom(shown) == 1.5
    assert_together(shown)
    assert shown.sheets()[0]["width"] == pytest.approx(1.5 * small["width"], rel=0.01)
    shown.find("[data-zoom=fit]").click()
    shown.settle()
    assert shown.sheets()[0] == pytest.approx(small, abs=0.5)
    assert shown.find("[data-zoom=out]").is_disabled()
    for _ in range(8):
        if shown.find("[data-zoom=in]").is_enabled():
            shown.find("[data-zoom=in]").click()
            shown.settle()
    assert shown.find("[data-zoom=in]").is_disabled()
    assert zoom(shown) >= 8


def test_wheel_zooms_about_the_pointer(shown):
    shown.show("one")
    at = shown.at(60, 30)
    shown.page.mouse.move(*at)
    shown.page.mouse.wheel(0, -300)
    assert zoom(shown) > 1.4
    assert shown.at(60, 30) == pytest.approx(at, abs=1.5)
    assert_together(shown)


def test_wheel_in_the_other_pane_does_the_same(shown):
    shown.show("one")
    at = shown.at(30, 60, "canvas.picture")
    shown.page.mouse.move(*at)
    shown.page.mouse.wheel(0, -300)
    assert zoom(shown) > 1.4
    assert shown.at(30, 60, "canvas.picture") == pytest.approx(at, abs=1.5)
    assert_together(shown)


def test_wheel_scrolls_the_page_where_it_cannot_zoom(shown):
    shown.show("one")
    shown.page.mouse.move(*middle(shown))
    shown.page.evaluate("() => { window.wheels = 0; addEventListener('wheel', () => { wheels += 1; }); }")
    shown.page.mouse.wheel(0, 200)  # all of the picture is there already
    shown.page.wait_for_function("window.scrollY > 0")
    shown.page.mouse.wheel(0, -100)  # still scrolling
    shown.page.wait_for_function("wheels === 2")
    assert zoom(shown) == 1


def test_dragging_pans_and_adds_no_click(shown):
    shown.show("one")
    shown.find("[data-zoom=in]").click()
    shown.find("[data-zoom=in]").click()
    shown.settle()
    x, y = middle(shown)
    before = shown.sheets()[1]
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(x - 40, y - 25, steps=5)
    shown.page.mouse.up()
    shown.settle()
    after = shown.sheets()[1]
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((-40, -25), abs=1)
    assert_together(shown)
    assert shown.marks == []


def test_panning_ends_at_the_border(shown):
    shown.show("one")
    shown.find("[data-zoom=in]").click()
    shown.find("[data-zoom=in]").click()
    x, y = middle(shown)
    shown.page.mouse.move(x - 150, y - 100)
    shown.page.mouse.down()
    shown.page.mouse.move(x + 900, y + 900, steps=3)
    shown.page.mouse.up()
    shown.settle()
    sheet = shown.sheets()[1]
    assert (sheet["x"], sheet["y"]) == pytest.approx((0, 0), abs=0.5)


def test_keyboard(shown):
    shown.show("one")
    stage = shown.find(".stage")
    stage.focus()
    for key in ("+", "+", "+"):
        stage.press(key)
    assert zoom(shown) == pytest.approx(1.25**3, abs=0.01)
    before = shown.sheets()[1]
    stage.press("ArrowRight")
    shown.settle()
    assert shown.sheets()[1]["x"] < before["x"]
    stage.press("-")
    assert zoom(shown) == pytest.approx(1.25**2, abs=0.01)
    stage.press("0")
    assert zoom(shown) == 1


def test_focus_goes_in_reading_order(shown):
    shown.show("one")
    shown.view("compare")
    shown.find(".views input:checked").focus()
    order = []
    for _ in range(13):
        shown.page.keyboard.press("Tab")
        order.append(
            shown.page.evaluate(
                """() => { const { dataset, classList, type } = document.activeElement;
                  return dataset.zoom ?? dataset.setting ?? dataset.download ?? classList[0] ?? type; }"""
            )
        )
    settings = ["color", "opacity", "outline", "invert"]
    downloads = ["cutout", "mask", "overlay", "probability", "copy"]
    assert order == ["stage", "divider", "in", "radio", *settings, *downloads]


def test_pinch(open_page):
    shown = Shown(open_page(has_touch=True))
    shown.show("one")
    x, y = middle(shown)
    fingers = shown.page.context.new_cdp_session(shown.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", (x - 30, y))
    touch("touchStart", (x - 30, y), (x + 30, y))
    for step in range(1, 7):
        touch("touchMove", (x - 30 - 10 * step, y), (x + 30 + 10 * step, y))
    touch("touchEnd")
    assert zoom(shown) == pytest.approx(3, rel=0.05)
    assert_together(shown)
    sheet, pane = shown.sheets()[1], shown.find(".pane.after").bounding_box()
    assert sheet["x"] + sheet["width"] / 2 == pytest.approx(pane["width"] / 2, abs=3)
    assert shown.marks == []


def edge(shown: Shown) -> float:
    """Share of the picture, 0..1, that lies before the divider, as the canvas is clipped."""
    shown.settle()
    clip = shown.main.evaluate("canvas => getComputedStyle(canvas).clipPath")
    left = 0 if clip == "inset(0px)" else float(clip.rstrip("px)").rsplit(" ", 1)[1])
    return left / shown.main.bounding_box()["width"]


def test_divider_by_mouse(shown):
    shown.show("one")
    assert not shown.find(".divider").is_visible()
    shown.view("compare")
    assert edge(shown) == pytest.approx(0.5, abs=0.01)
    knob = shown.find(".knob").bounding_box()
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    picture = shown.main.bounding_box()
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(picture["x"] + 0.2 * picture["width"], y, steps=4)
    assert edge(shown) == pytest.approx(0.2, abs=0.01)
    shown.page.mouse.move(picture["x"] - 300, y, steps=4)
    shown.page.mouse.up()
    assert edge(shown) == 0
    assert shown.marks == []
    shown.view("side")
    assert shown.main.evaluate("canvas => getComputedStyle(canvas).clipPath") == "none"


def test_divider_by_keyboard(shown):
    shown.show("one")
    shown.view("compare")
    divider = shown.find(".divider")
    assert divider.get_attribute("role") == "slider"
    for key, now in (("ArrowRight", 52), ("ArrowLeft", 50), ("PageUp", 60), ("Home", 0), ("End", 100)):
        divider.press(key)
        assert edge(shown) == pytest.approx(now / 100, abs=0.01)
        assert divider.get_attribute("aria-valuenow") == str(now)


def test_divider_stays_within_what_is_seen(shown):
    shown.show("one")
    shown.view("compare")
    for _ in range(3):
        shown.find("[data-zoom=in]").click()
    shown.settle()
    stage = shown.find(".stage").bounding_box()
    for key in ("Home", "End"):
        shown.find(".divider").press(key)
        shown.settle()
        line = shown.find(".divider").bounding_box()
        assert stage["x"] - 1 <= line["x"] + line["width"] / 2 <= stage["x"] + stage["width"] + 1

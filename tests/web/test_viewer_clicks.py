"""Clicks and downloads of the viewer in a real browser."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Route
from viewer_helpers import Shown, click, drop, hold, picture, prob8, saved

from unet.pictures import draw
from unet.pictures.clicks import Click

pytest_plugins = ["viewer_browser"]


def assert_shows(shown: Shown, name: str, clicks: list[Click]) -> None:
    """The canvas is what these clicks make of the picture."""
    mask = draw.mask_from_prob(prob8(name, clicks), 0.5)
    assert np.array_equal(shown.pixels()[..., :3], draw.overlay(picture(name).rgb, mask))
    assert float(shown.dataset.foreground) == pytest.approx(draw.foreground_share(mask), abs=1e-6)


def click_and_hold_answer(shown: Shown, x: int, y: int) -> Route:
    """Click the picture's pixel (x, y); the server's answer to it, on its way until it is continued."""
    return hold(shown, "**/prob.png", lambda: shown.page.mouse.click(*shown.at(x, y)))


def test_click_adds_and_right_click_excludes(shown):
    shown.show("one")
    click(shown, 12, 20, 1)
    assert_shows(shown, "one", [Click(12, 20, 1)])
    click(shown, 60, 44, 2, button="right")
    assert shown.marks == ["+", "−"]  # noqa: RUF001
    assert_shows(shown, "one", [Click(12, 20, 1), Click(60, 44, 0)])


@pytest.mark.parametrize("key", ["Alt", "Control"])
def test_a_modifier_excludes(shown, key):
    shown.show("one")
    shown.page.keyboard.down(key)
    click(shown, 60, 44, 1)
    shown.page.keyboard.up(key)
    assert_shows(shown, "one", [Click(60, 44, 0)])


def test_the_mode_swaps_the_buttons(shown):
    shown.show("one")
    shown.find(".signs input[value='0']").check(force=True)
    click(shown, 60, 44, 1)
    click(shown, 5, 5, 2, button="right")
    assert_shows(shown, "one", [Click(60, 44, 0), Click(5, 5, 1)])


def test_clicks_in_the_other_pane_and_under_zoom_meet_the_same_pixel(shown):
    shown.show("one")
    shown.page.mouse.click(*shown.at(12, 20, "canvas.picture"))
    shown.wait_clicks(1)
    shown.find("[data-zoom=in]").click()
    shown.settle()
    click(shown, 44, 40, 2)
    assert_shows(shown, "one", [Click(12, 20, 1), Click(44, 40, 1)])


def test_clicks_in_a_large_picture_are_in_its_own_pixels(shown):
    shown.show("big")
    sent = []
    shown.page.on("request", lambda r: sent.append(r.post_data_json) if "/queue/join" in r.url else None)
    click(shown, 1000, 500, 1)
    (at,) = sent[0]["event_data"]["clicks"]
    preview = shown.pixels().shape
    assert at["x"] == pytest.approx((1000 + 0.5) * 2000 / preview[1], abs=4)  # a screen pixel is several of them
    assert at["y"] == pytest.approx((500 + 0.5) * 1400 / preview[0], abs=4)


def test_undo_redo_clear(shown):
    shown.show("one")
    first, second = Click(12, 20, 1), Click(100, 80, 1)
    click(shown, 12, 20, 1)
    click(shown, 100, 80, 2)
    undo, redo, clear = (shown.find(f"[data-click={name}]") for name in ("undo", "redo", "clear"))
    assert redo.is_disabled()
    shown.page.keyboard.press("Control+z")
    shown.wait_clicks(1)
    assert_shows(shown, "one", [first])
    shown.page.keyboard.press("Control+Shift+Z")
    shown.wait_clicks(2)
    assert_shows(shown, "one", [first, second])
    clear.click()
    shown.wait_clicks(0)
    assert_shows(shown, "one", [])
    assert clear.is_disabled()
    undo.click()
    shown.wait_clicks(2)
    undo.click()
    shown.wait_clicks(1)
    redo.click()
    shown.wait_clicks(2)
    undo.click()
    click(shown, 30, 70, 2)
    assert redo.is_disabled()  # the new click replaced what was undone
    assert_shows(shown, "one", [first, Click(30, 70, 1)])


def test_marks_are_dragged_and_clicked_away(shown):
    shown.show("one")
    click(shown, 12, 20, 1)
    shown.page.mouse.move(*shown.at(12, 20))
    shown.page.mouse.down()
    shown.page.mouse.move(*shown.at(90, 75), steps=6)
    shown.page.mouse.up()
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(90, 75, 1)])
    shown.page.mouse.click(*shown.at(90, 75))
    shown.wait_clicks(0)
    assert_shows(shown, "one", [])
    shown.page.keyboard.press("Control+z")
    shown.wait_clicks(1)
    shown.page.keyboard.press("Control+z")
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(12, 20, 1)])


def test_a_drag_outlasts_an_answer(shown):
    shown.show("one")
    answer = click_and_hold_answer(shown, 12, 20)
    shown.page.mouse.move(*shown.at(12, 20))
    shown.page.mouse.down()
    shown.page.mouse.move(*shown.at(60, 50), steps=4)
    answer.continue_()
    shown.wait_clicks(1)  # the answer has come, and the mark is still held
    shown.page.mouse.move(*shown.at(90, 75), steps=4)
    shown.page.mouse.up()
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(90, 75, 1)])


def test_a_drag_does_not_outlast_its_picture(shown):
    shown.show("one")
    click(shown, 12, 20, 1)
    shown.page.mouse.move(*shown.at(12, 20))
    shown.page.mouse.down()
    shown.page.mouse.move(*shown.at(60, 50), steps=4)
    shown.page.evaluate("document.querySelector('#pick input[value=tall]').click()")
    shown.wait("root => root.querySelector('canvas.main').height === 160")
    shown.page.mouse.up()
    shown.settle()
    assert shown.marks == []
    click(shown, 30, 40, 1)
    assert_shows(shown, "tall", [Click(30, 40, 1)])


def test_keyboard_alone(shown):
    shown.show("one")
    shown.find(".stage").focus()
    shown.page.keyboard.press("Enter")
    shown.wait_clicks(1)
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp"):
        shown.page.keyboard.press(key)
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(58, 44, 1)])
    shown.page.keyboard.press("Control+z")  # the steps together
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(60, 45, 1)])
    shown.page.keyboard.press("Delete")
    shown.wait_clicks(0)
    assert shown.page.evaluate("document.activeElement.className").startswith("stage")


def test_keys_are_heard_after_a_button_that_has_no_more_to_do(shown):
    shown.show("one")
    click(shown, 12, 20, 1)
    shown.find("[data-click=clear]").click()
    shown.wait_clicks(0)
    shown.page.keyboard.press("Control+z")
    shown.wait_clicks(1)
    shown.find("[data-click=undo]").click()
    shown.wait_clicks(0)
    shown.page.keyboard.press("Control+Shift+Z")
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(12, 20, 1)])


def test_quick_clicks_send_one_request_at_a_time(shown):
    shown.show("one")
    joined = []
    shown.page.on("request", lambda r: joined.append(r.url) if "/queue/join" in r.url else None)
    clicks = [shown.at(x, 20) for x in (10, 40, 70, 100)]
    hold(shown, "**/prob.png", lambda: [shown.page.mouse.click(*at) for at in clicks]).continue_()
    shown.wait_clicks(4)
    assert_shows(shown, "one", [Click(x, 20, 1) for x in (10, 40, 70, 100)])
    assert len(joined) == 2  # the first click, then all of them


def test_refused_clicks_are_undone(shown):
    shown.show("one")
    for count, x in enumerate((10, 40, 70, 100), start=1):
        click(shown, x, 20, count)
    shown.page.mouse.click(*shown.at(60, 80))
    shown.page.get_by_text("Too many clicks").wait_for()
    shown.wait_clicks(4)
    assert_shows(shown, "one", [Click(x, 20, 1) for x in (10, 40, 70, 100)])
    shown.find("[data-click=clear]").click()
    shown.wait_clicks(0)


def test_an_answer_that_cannot_be_loaded_leaves_what_is_shown(shown, tmp_path):
    shown.show("one")
    click(shown, 12, 20, 1)
    click_and_hold_answer(shown, 60, 44).fulfill(content_type="image/png", body="no picture")
    shown.wait("root => root.querySelector('.message').textContent.startsWith('The result could not be shown')")
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(12, 20, 1)])
    with Image.open(saved(shown, "mask", tmp_path)) as image:
        assert np.array_equal(np.asarray(image), draw.mask_from_prob(prob8("one", [Click(12, 20, 1)]), 0.5))
    assert shown.find(".message").inner_text()  # the result that is restored does not hide what happened
    click(shown, 100, 80, 2)
    assert_shows(shown, "one", [Click(12, 20, 1), Click(100, 80, 1)])
    assert shown.find(".message").inner_text() == ""


def test_only_the_probabilities_are_loaded_again(shown):
    shown.show("one")
    shown.find("[data-zoom=in]").click()
    shown.requests.clear()
    click(shown, 50, 40, 1)
    assert not [url for url in shown.requests if url.endswith("image.png")]
    assert shown.find(".zoom .level").inner_text() == "150%"


def test_another_picture_begins_without_clicks(shown):
    shown.show("one")
    click(shown, 12, 20, 1)
    shown.show("tall")
    assert shown.marks == []
    assert shown.find("[data-click=undo]").is_disabled()
    assert_shows(shown, "tall", [])


def test_answer_about_a_picture_that_is_gone_is_dropped(shown):
    shown.show("one")
    answer = click_and_hold_answer(shown, 12, 20)
    drop(shown, answer, "tall")
    assert_shows(shown, "tall", [])
    assert shown.marks == []


def test_no_click_or_download_while_another_picture_loads(shown):
    shown.show("one")
    held, joined = hold(shown, "**/image.png", lambda: shown.pick("tall")), []
    shown.page.on("request", lambda r: joined.append(r.url) if "/queue/join" in r.url else None)
    shown.page.mouse.click(*shown.at(12, 20))
    shown.find("[data-download=mask]").click()
    shown.wait("root => root.querySelector('.message').textContent.includes('still loading')")
    held.continue_()
    shown.wait("root => root.querySelector('canvas.main').height === 160")
    shown.settle()
    assert joined == []
    assert shown.marks == []
    assert_shows(shown, "tall", [])


def test_viewer_without_clicks_takes_none(open_page):
    shown = Shown(open_page(), "-other")
    shown.show("one")
    shown.requests.clear()
    shown.page.mouse.click(*shown.at(12, 20))
    shown.settle()
    assert shown.marks == []
    assert shown.requests == []


def test_taps(open_page):
    shown = Shown(open_page(has_touch=True))
    shown.show("one")
    shown.page.touchscreen.tap(*shown.at(12, 20))
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(12, 20, 1)])


def test_long_press_excludes(open_page):
    shown = Shown(open_page(has_touch=True))
    shown.show("one")
    x, y = shown.at(60, 44)
    finger = shown.page.context.new_cdp_session(shown.page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    shown.wait_clicks(1)  # while the finger is still down
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    shown.settle()
    shown.wait_clicks(1)
    assert_shows(shown, "one", [Click(60, 44, 0)])

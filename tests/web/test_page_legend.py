"""The legend of as many classes as there may be, in a real browser: by keyboard, by sight, and what it asks for."""

import re

import numpy as np
import pytest
from class_page import pick, radio, truth, wait_for_one
from playwright.sync_api import expect
from web_helpers import SMALL, FakeClassPredictor, live_page

from unet.pictures.classes import MAX_CLASSES, ClassTable, SegmentClass
from unet.pictures.label_maps import tint_classes

pytest_plugins = ["class_page"]

PRESENT = (7, 100, 253)  # labels of the classes that pictures have
BACKGROUND = 100


class ManyPredictor(FakeClassPredictor):
    """Knows as many classes as there may be, three of which occur."""

    table = ClassTable(
        tuple(SegmentClass(n, "background" if n == BACKGROUND else f"class {n}") for n in range(MAX_CLASSES))
    )

    def prob_small(self, rgb, clicks=()):
        prob = np.zeros((MAX_CLASSES, *SMALL), np.float32)
        prob[list(PRESENT)] = super().prob_small(rgb)[:3]
        return prob


@pytest.fixture(scope="module")
def server():
    with live_page(ManyPredictor()) as served:
        yield served


def listed() -> list[int]:
    """Labels in the order of the legend: those of the picture first."""
    return [*PRESENT, *(label for label in range(MAX_CLASSES) if label not in PRESENT)]


def focused(shown) -> str:
    """What has the focus: in the legend its accessible name, else the part of the viewer that it is in."""
    return shown.page.evaluate(
        """() => {
          const it = document.activeElement;
          if (!it.closest(".classes")) return it.closest("fieldset, .stage").className;
          return it.getAttribute("aria-label") ?? it.closest("label").textContent;
        }"""
    )


def test_the_keyboard_passes_the_legend_in_three_steps(shown):
    radio(shown, "All classes").focus()
    press = shown.page.keyboard.press
    seen = []
    for key in ("Tab", "Tab", "ArrowDown", "ArrowRight", "ArrowDown", "End", "ArrowDown", "ArrowUp", "Home", "ArrowUp"):
        press(key)
        seen.append(focused(shown))
    names = [ManyPredictor.table.names[label] for label in listed()]
    rows = [f"Show {names[at]} among all classes" for at in (0, 1, 2, 3, -1, -1, -2, 0, 0)]
    assert seen == ["Show all / none of the classes, background aside", *rows]
    press("Tab")
    assert focused(shown) == "bar settings"
    press("Shift+Tab")
    assert focused(shown) == rows[-1]
    press("Shift+Tab")
    press("Shift+Tab")
    assert focused(shown) == "All classes"


def test_one_switch_for_all_and_none(shown, path):
    rgb, labels = truth(ManyPredictor(), path)
    every = shown.find(".classes").get_by_label("Show all / none")
    assert every.is_checked()
    boxes = shown.find(".classes li").get_by_role("checkbox")
    assert [box.is_checked() for box in boxes.all()[:4]] == [True, False, True, True]
    boxes.nth(0).uncheck()
    assert every.evaluate("box => box.indeterminate && !box.checked")
    every.check()
    assert boxes.nth(0).is_checked()
    assert not boxes.nth(1).is_checked()  # background
    every.uncheck()
    assert every.evaluate("box => !box.indeterminate")
    shown.settle()
    assert np.array_equal(shown.pixels()[..., :3], rgb)
    boxes.nth(2).check()
    shown.settle()
    assert np.array_equal(shown.pixels()[..., :3], tint_classes(rgb, labels, ManyPredictor.table, shown=[253]))


def test_classes_that_do_not_occur_stand_last(shown):
    rows = shown.find(".classes li label").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == [ManyPredictor.table.names[label] for label in listed()]
    assert [row.endswith("\n0.0%") for row in rows] == [False] * 3 + [True] * (MAX_CLASSES - 3)


def test_a_key_that_is_held_asks_once(shown, server, monkeypatch):
    check, asked = server.service.check_label, []
    monkeypatch.setattr(server.service, "check_label", lambda label: asked.append(label) or check(label))
    radio(shown, "All classes").focus()
    for _ in range(40):
        shown.page.keyboard.down("ArrowDown")
    shown.page.keyboard.up("ArrowDown")
    wait_for_one(shown)
    assert asked == [listed()[39]]


def test_names_come_once_into_sight_and_go_with_the_focus(shown, path):
    _, labels = truth(ManyPredictor(), path)
    here = shown.find("p.here")
    shown.root.evaluate(
        """root => { root.writes = 0; root.querySelector(".classes ul").scrollTop = 1e6;
          new MutationObserver(all => { root.writes += all.length; }).observe(
            root.querySelector("p.here"), { childList: true, characterData: true, subtree: true }); }"""
    )
    rows, columns = np.nonzero(labels == PRESENT[0])
    top, scrolled = rows.min(), shown.page.evaluate("scrollY")
    for x in columns[rows == top]:
        shown.page.mouse.move(*shown.at(int(x), int(top)))
    expect(here).to_have_text(f"class {PRESENT[0]}")
    assert shown.root.evaluate("root => root.writes") == 1
    expect(shown.find("li.here")).to_be_in_viewport()
    assert shown.page.evaluate("scrollY") == scrolled
    shown.page.mouse.move(0, 0)
    shown.find(".stage").focus()
    shown.page.keyboard.press("+")
    expect(here).to_have_text(ManyPredictor.table.names[labels[45, 60]])
    assert shown.find(".aim").is_visible()
    assert "the class in the middle is named" in shown.find(".stage").get_attribute("aria-label")
    shown.page.keyboard.press("Tab")  # to a zoom button, inside the stage
    expect(here).to_have_text("")
    assert shown.find("li.here").count() == 0


def test_what_has_no_effect_is_disabled(shown):
    switches, slider = shown.find(".classes input[type=checkbox]"), shown.page.locator("#threshold")
    assert slider.get_attribute("inert") is not None
    assert switches.evaluate_all("all => all.some(box => box.disabled)") is False
    pick(shown, f"class {PRESENT[2]}")
    assert slider.get_attribute("inert") is None
    assert switches.evaluate_all("all => all.every(box => box.disabled)")


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    shares = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    return float(
        np.dot([s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares], (0.2126, 0.7152, 0.0722))
    )


def test_swatches_stand_out_from_the_ground(shown):
    for dark in (False, True):
        shown.page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
        border = shown.find(".classes .colour").first.evaluate("e => getComputedStyle(e).borderTopColor")
        ground = shown.root.evaluate("e => getComputedStyle(e).backgroundColor")
        low, high = sorted((luminance(border), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 3, (dark, border, ground)

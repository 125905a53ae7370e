"""The page of weights with classes in a real browser: legend, all classes in their colours, and one of them."""

import threading

import gradio as gr
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from class_page import pick, radio, truth, wait_for_one
from page_visit import Visit
from PIL import Image
from playwright.sync_api import expect
from viewer_helpers import hold, saved
from web_helpers import FakeClassPredictor, FakePredictor, class_prob8, draw_picture, live_page

from unet.errors import ConfigError
from unet.pictures import draw
from unet.pictures.decode import read_picture
from unet.pictures.label_maps import tint_classes
from unet.web import tab_single
from unet.web.download import Download
from unet.web.service import Service
from unet.web.viewer import STATIC, STYLE_SHEETS, Viewer

pytest_plugins = ["class_page"]

TABLE = FakeClassPredictor.table
NAMES = TABLE.names


@pytest.fixture(scope="module")
def server():
    with live_page(FakeClassPredictor()) as served:
        yield served


def test_all_classes_in_their_colours(shown, path):
    rgb, labels = truth(FakeClassPredictor(), path)
    assert np.array_equal(shown.pixels()[..., :3], tint_classes(rgb, labels, TABLE))
    rows = shown.find(".classes li label").all_inner_texts()
    shares = [f"{100 * np.mean(labels == label):.1f}%" for label in range(4)]
    assert [row.split("\n") for row in rows] == [list(row) for row in zip(NAMES, shares, strict=True)]
    colours = shown.find(".classes .colour").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
    assert colours == [f"rgb({r}, {g}, {b})" for r, g, b in TABLE.colours.tolist()]
    assert float(shown.dataset.foreground) == pytest.approx(np.mean(labels > 0), abs=1e-6)
    shown.set_range("opacity", 80)
    assert np.array_equal(shown.pixels()[..., :3], tint_classes(rgb, labels, TABLE, 0.8))


def test_switches_ask_nothing(shown, path):
    rgb, labels = truth(FakeClassPredictor(), path)
    shown.page.wait_for_timeout(500)
    shown.requests.clear()
    boxes = shown.find(".classes li").get_by_role("checkbox")
    assert [box.is_checked() for box in boxes.all()] == [False, True, True, True]
    boxes.nth(0).focus()
    shown.page.keyboard.press("Space")
    boxes.nth(1).uncheck()
    shown.settle()
    assert np.array_equal(shown.pixels()[..., :3], tint_classes(rgb, labels, TABLE, shown=[0, 2, 3]))
    share = np.mean(labels == 0) + np.mean(labels == 2)
    assert float(shown.dataset.foreground) == pytest.approx(share, abs=1e-6)
    assert shown.requests == []


@pytest.mark.parametrize("name", ["Road sign", "sky", "<b>sea</b>"])
def test_one_class_is_drawn_as_foreground(shown, path, name):
    pick(shown, name)
    rgb, prob8 = read_picture(path).rgb, class_prob8(read_picture(path).rgb, name)
    shown.page.wait_for_timeout(500)
    shown.requests.clear()
    colour = tuple(TABLE.colours[NAMES.index(name)].tolist())
    for threshold in (0.3, 0.45):
        shown.threshold(threshold)
        shown.settle()
        mask = draw.mask_from_prob(prob8, threshold)
        assert np.array_equal(shown.pixels()[..., :3], draw.overlay(rgb, mask, colour))
        assert float(shown.dataset.foreground) == pytest.approx(draw.foreground_share(mask), abs=1e-6)
        expect(shown.find(".share")).to_have_text(f"{100 * draw.foreground_share(mask):.1f}% {name}")
        shown.view("mask")
        assert np.array_equal(shown.pixels()[..., 0], mask)
        shown.view("cutout")
        alpha = draw.soft_alpha(prob8, threshold, draw.SOFTNESS)
        assert np.array_equal(shown.pixels()[..., 3], alpha)
        shown.view("probability")
        assert np.array_equal(shown.pixels()[..., :3], shown.pixels(".ramp canvas")[0, :, :3][prob8])
        shown.view("side")
    assert shown.requests == []
    radio(shown, "All classes").check()
    shown.settle()
    assert np.array_equal(shown.pixels()[..., :3], tint_classes(*truth(FakeClassPredictor(), path), TABLE))
    assert shown.requests == []


def test_views_of_one_class_need_one(shown):
    assert [view.is_disabled() for view in shown.find(".views input").all()] == [False, False, True, True, True]
    assert not shown.find("[data-download=cutout]").is_visible()
    pick(shown, "sky")
    shown.view("mask")
    assert shown.find("[data-download=cutout]").is_visible()
    radio(shown, "All classes").check()
    shown.settle()
    assert shown.dataset.view == "side"


def test_the_class_under_the_pointer_and_in_the_middle_has_a_name(shown, path):
    _, labels = truth(FakeClassPredictor(), path)
    here = shown.find("p.here")
    for x, y in ((10, 10), (100, 70), (60, 20)):
        shown.page.mouse.move(*shown.at(x, y))
        expect(here).to_have_text(NAMES[labels[y, x]])
        assert shown.find("li.here .colour").count() == 1
    shown.page.mouse.move(0, 0)
    expect(here).to_have_text("")
    shown.find(".stage").focus()
    shown.page.keyboard.press("+")
    expect(here).to_have_text(NAMES[labels[45, 60]])


def test_the_last_of_several_quick_choices_is_shown(shown, path):
    for name in ("Road sign", "background", "<b>sea</b>"):
        radio(shown, name).check()
    wait_for_one(shown)
    shown.view("mask")
    shown.threshold(0.01)
    prob8 = class_prob8(read_picture(path).rgb, "<b>sea</b>")
    assert np.array_equal(shown.pixels()[..., 0], draw.mask_from_prob(prob8, 0.01))


def test_a_choice_that_fails_leaves_what_is_shown(shown, server, monkeypatch):
    def refuse(label):
        raise ConfigError("no more")

    monkeypatch.setattr(server.service, "check_label", refuse)
    radio(shown, "Road sign").click()
    expect(shown.page.get_by_text("no more").first).to_be_visible()
    expect(radio(shown, "All classes")).to_be_checked()
    shown.wait("root => root.dataset.classes === 'all' && !root.classList.contains('asking')")
    monkeypatch.undo()
    pick(shown, "Road sign")


def test_a_choice_that_cannot_be_loaded_leaves_what_is_shown(shown):
    hold(shown, "**/prob.png", radio(shown, "Road sign").click).fulfill(content_type="image/png", body="no picture")
    expect(shown.find(".message")).to_contain_text("The result could not be shown")
    expect(radio(shown, "All classes")).to_be_checked()
    shown.wait("root => root.dataset.classes === 'all' && !root.classList.contains('asking')")
    pick(shown, "Road sign")


def test_each_answer_shows_its_own_class(shown, server, path, monkeypatch):
    """That of a choice which another has followed, too; and it stays when the other fails."""
    pick(shown, "Road sign")
    check, asked, gates = server.service.check_label, [], {"background": threading.Event(), "sky": threading.Event()}

    def hold(label):
        asked.append(NAMES[label])
        gates[NAMES[label]].wait(60)
        if NAMES[label] == "sky":
            raise ConfigError("no more")
        return check(label)

    monkeypatch.setattr(server.service, "check_label", hold)
    for name in gates:
        radio(shown, name).check()
    gates["background"].set()
    expect(shown.find(".share")).to_contain_text("background")
    shown.settle()
    rgb = read_picture(path).rgb
    drawn = draw.overlay(rgb, draw.mask_from_prob(class_prob8(rgb, "background"), 0.5), (0, 0, 0))
    assert np.array_equal(shown.pixels()[..., :3], drawn)
    expect(radio(shown, "sky")).to_be_checked()
    gates["sky"].set()
    expect(radio(shown, "background")).to_be_checked()
    shown.page.wait_for_timeout(500)
    assert asked == ["background", "sky"]


def test_downloads(shown, path, tmp_path):
    rgb, labels = truth(FakeClassPredictor(), path)
    label_map = Image.open(saved(shown, "labels", tmp_path))
    assert np.array_equal(np.asarray(label_map), TABLE.ids[labels])
    shown.find(".classes li").get_by_role("checkbox").nth(2).uncheck()
    drawn = np.asarray(Image.open(saved(shown, "overlay", tmp_path)))
    assert np.array_equal(drawn, tint_classes(rgb, labels, TABLE, shown=[1, 3]))
    pick(shown, "Road sign")
    shown.threshold(0.35)
    prob8 = class_prob8(rgb, "Road sign")
    mask = np.asarray(Image.open(saved(shown, "mask", tmp_path)))
    assert np.array_equal(mask, draw.mask_from_prob(prob8, 0.35))
    drawn = np.asarray(Image.open(saved(shown, "overlay", tmp_path)))
    assert np.array_equal(drawn, draw.overlay(rgb, mask, (220, 220, 0)))


def test_a_new_picture_starts_with_all_classes(shown, tmp_path):
    pick(shown, "sky")
    other = draw_picture(tmp_path / "other.png", seed=3, size=(70, 100))
    shown.page.get_by_label("Remove Image").or_(shown.page.get_by_label("Clear")).first.click()
    shown.wait("root => root.dataset.state === 'empty'")
    shown.page.set_input_files("#image input[type=file]", other)
    shown.wait("root => root.dataset.state === 'ready'")
    shown.settle()
    assert radio(shown, "All classes").is_checked()
    assert np.array_equal(shown.pixels()[..., :3], tint_classes(*truth(FakeClassPredictor(), other), TABLE))


def test_no_file_is_of_a_class_that_is_not_shown_yet(shown, tmp_path):
    pick(shown, "Road sign")
    held = hold(shown, "**/gradio_api/file=**", lambda: radio(shown, "sky").check())
    shown.find("[data-download=mask]").click()
    expect(shown.find(".message")).to_have_text("The next class is still loading. Please try again.")
    expect(shown.find(".share")).to_contain_text("Road sign")
    held.continue_()
    expect(shown.find(".share")).to_contain_text("sky")
    saved(shown, "mask", tmp_path)


@pytest.mark.parametrize("name", [None, "sky"])
def test_accessibility_checker_finds_nothing(shown, name):
    if name:
        pick(shown, name)
    found = Axe().run(shown.page, context="#viewer", options={"resultTypes": ["violations", "passes"]})
    violations = found.response["violations"]
    assert len(found.response["passes"]) > 5
    assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in violations] == []


def test_a_phone_shows_the_legend(shown):
    shown.page.set_viewport_size({"width": 360, "height": 780})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 360


def event(**data):
    return gr.EventData(None, data)


@pytest.fixture
def visited(path, tmp_path):
    """A visit without a browser, its viewer's value and what it has seen."""
    tab = tab_single.Visit(Service(FakeClassPredictor(), tmp_path / "cache"))
    return tab, *tab.show(str(path))


def test_a_choice_keeps_the_picture_and_runs_nothing(visited):
    tab, value, seen = visited
    picked, _ = tab.pick(seen, value, event(label=3))
    assert picked.picked == 3
    assert [picked.image, picked.labels, picked.shares] == [value.image, value.labels, value.shares]
    assert picked.prob != value.prob
    assert tab.service.predictor.runs == 1
    tab.pick(None, value, event(label=3))  # the state has expired
    assert tab.service.predictor.runs == 2


@pytest.mark.parametrize("label", [4, -1, 1.0, "sky", None, True])
def test_classes_that_there_are_not(visited, label):
    tab, value, seen = visited
    with pytest.raises(ConfigError, match="there is no class of the label"):
        tab.pick(seen, value, event(label=label))


@pytest.mark.parametrize("classes", ["1", [1.0], [-1], [254], {"a": 1}])
def test_downloads_of_classes_that_there_are_not(classes):
    asked = {"kind": "overlay", "threshold": 0.5, "softness": 0, "opacity": 0.5, "color": "#ffffff", "number": 1}
    assert Download.from_event({**asked, "classes": [3, 0]}).classes == (3, 0)
    assert Download.from_event({**asked, "kind": "labels"}).classes is None
    with pytest.raises(ConfigError, match="the classes of a download must be a list of labels"):
        Download.from_event({**asked, "classes": classes})


def test_the_page_of_other_weights_is_the_same_as_before(browser):
    with live_page(FakePredictor()) as served:
        visit = Visit(browser, served)
        assert visit.page.locator("#viewer .classes").count() == 0
        assert visit.page.title() == "U-Net background remover"
        visit.context.close()
    plain = Viewer()
    assert plain.html_template == (STATIC / "viewer.html").read_text(encoding="utf-8")
    assert plain.css_template == "\n".join((STATIC / name).read_text(encoding="utf-8") for name in STYLE_SHEETS)
    assert '"classes"' not in plain.js_on_load.splitlines()[0]

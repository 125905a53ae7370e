"""How the page looks in a real browser: on wide and narrow screens, light and dark, to every reader."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_visit import CANVAS, NOTICE
from playwright.sync_api import expect
from web_helpers import FakePredictor, draw_picture, live_page


@pytest.fixture(scope="module")
def server():
    with live_page(FakePredictor(takes_clicks=True), notices=[NOTICE]) as served:
        yield served


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible_and_fits_the_screen(visit, tmp_path, scheme, width):
    """An accessibility checker finds nothing serious, and nothing is wider than the screen."""
    visitor = visit(color_scheme=scheme, viewport={"width": width, "height": 844})
    page = visitor.page
    axe = Axe()

    def check(state: str) -> None:
        page.wait_for_function(  # colours fade in
            "document.getAnimations().every(a => a.playState !== 'running' ||"
            " a.effect.getComputedTiming().endTime === Infinity)"
        )
        overhang = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overhang <= 0, f"{state}: {overhang} pixels too wide"
        found = axe.run(page).response["violations"]
        serious = [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in {"serious", "critical"}]
        assert serious == [], state

    check("start")
    page.get_by_text("Model and privacy").click()
    visitor.upload(draw_picture(tmp_path / "p.png"))
    for view in ("side", "compare", "cutout", "mask", "probability"):
        page.locator(f"#viewer .views input[value={view}]").check(force=True)
        check(view)
    page.get_by_role("tab", name="Many pictures").click()
    page.set_input_files("#batch-files input[type=file]", [draw_picture(tmp_path / "a.png"), tmp_path / "p.png"])
    page.click("#batch-start")
    expect(page.locator("#batch-status")).to_contain_text("Done: 2 of 2")
    check("batch")


def test_on_a_phone_the_result_comes_into_view(visit, tmp_path):
    visitor = visit(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    canvas = visitor.page.locator(CANVAS)
    expect(canvas).not_to_be_in_viewport()
    visitor.upload(draw_picture(tmp_path / "p.png"))
    expect(canvas).to_be_in_viewport()
    expect(visitor.page.locator("#threshold input[type=range]")).to_be_in_viewport()


def test_dark_is_dark(visit):
    page = visit(color_scheme="dark").page
    colours = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(colours[:3]) < 60


def test_the_result_moves_nothing(visit, tmp_path):
    visitor = visit(viewport={"width": 1280, "height": 1400})
    places = (
        "[...document.querySelectorAll('#image, #examples, #threshold, #viewer')].map(e => e.getBoundingClientRect().y)"
    )
    before = visitor.page.evaluate(places)
    visitor.upload(draw_picture(tmp_path / "p.png", size=(400, 300)))
    assert visitor.page.evaluate(places) == pytest.approx(before, abs=1)

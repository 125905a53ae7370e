"""The page in a real browser, as visitors use it."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from page_visit import CANVAS, NOTICE, click_on_picture, downloaded, share
from PIL import Image
from playwright.sync_api import expect
from web_helpers import FakePredictor, draw_picture, live_page

from unet.errors import ImageError
from unet.pictures import draw
from unet.pictures.clicks import Click
from unet.pictures.decode import read_picture
from unet.pictures.encode import encode_jpeg
from unet.web.examples import EXAMPLES


@pytest.fixture(scope="module")
def server():
    with live_page(FakePredictor(takes_clicks=True), notices=[NOTICE]) as served:
        yield served


def test_a_visitor_learns_what_this_is(visit):
    page = visit().page
    assert page.title() == "U-Net background remover"
    expect(page.get_by_role("heading", level=1)).to_have_text("Cut out what matters")
    expect(page.get_by_text("Drop a photograph here")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Cat")).to_be_in_viewport()
    expect(page.get_by_label("number input for Threshold")).to_be_in_viewport()
    expect(page.get_by_text("Your result appears here")).to_be_in_viewport()
    page.get_by_text("Model and privacy").click()
    facts = page.locator(".facts")
    for text in (FakePredictor().name, "Invented Pictures", "0.812", "21", "deleted after an hour"):
        expect(facts).to_contain_text(text)
    expect(page.get_by_text(NOTICE)).to_be_visible()


def test_an_upload_is_segmented_at_once(visit, tmp_path):
    path = draw_picture(tmp_path / "p.png")
    visitor = visit()
    visitor.upload(path)
    threshold, foreground = visitor.shown
    assert threshold == FakePredictor().threshold
    assert foreground == pytest.approx(share(path, threshold), abs=1e-4)


def test_the_slider_asks_the_server_nothing(visit, tmp_path):
    path = draw_picture(tmp_path / "p.png")
    visitor = visit()
    visitor.upload(path)
    page = visitor.page
    visitor.wait_until_quiet()
    before = len(visitor.requests)
    slider, box = page.locator("#threshold input[type=range]"), page.locator("#threshold input[type=number]")

    def expect_threshold(value: float) -> None:
        expect(page.locator(CANVAS)).to_have_attribute("data-threshold", re.compile(rf"^{value:g}0?$"))
        assert visitor.shown[1] == pytest.approx(share(path, value), abs=1e-4)

    place = slider.bounding_box()
    page.mouse.move(place["x"] + place["width"] * 0.4, place["y"] + place["height"] / 2)
    page.mouse.down()
    for step in range(10):
        page.mouse.move(place["x"] + place["width"] * (0.4 + 0.05 * step), place["y"] + place["height"] / 2)
    page.mouse.up()
    dragged = float(slider.input_value())
    assert dragged > 0.7
    expect_threshold(dragged)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect_threshold(round(dragged - 0.01, 2))
    box.fill("0.25")
    box.press("Enter")
    expect_threshold(0.25)
    page.click("#threshold button.reset-button")
    expect_threshold(FakePredictor().threshold)
    assert visitor.requests[before:] == []


def test_a_second_picture_replaces_the_first_and_clear_empties(visit, tmp_path):
    first = draw_picture(tmp_path / "first.png")
    second = draw_picture(tmp_path / "second.png", seed=2, size=(150, 70))
    visitor = visit()
    visitor.upload(first)
    page = visitor.page
    page.locator("#threshold input[type=number]").fill("0.6")
    page.locator("#threshold input[type=number]").press("Enter")
    page.click("#image button[aria-label='Clear'], #image button[aria-label='Remove Image']")
    expect(page.locator("#viewer .viewer")).to_have_attribute("data-state", "empty")
    visitor.upload(second)
    assert visitor.shown == (0.6, pytest.approx(share(second, 0.6), abs=1e-4))


def test_examples_answer_without_the_network(visit, server):
    for example in EXAMPLES:
        server.service.prepare_example(example.path)
    runs = server.service.predictor.runs
    visitor = visit()
    for example in EXAMPLES:
        visitor.page.get_by_role("button", name=example.label).click()
        with Image.open(example.path) as image:
            visitor.wait_for_result(*image.size)
        assert visitor.shown[1] == pytest.approx(share(example.path, FakePredictor().threshold), abs=1e-4)
    assert server.service.predictor.runs == runs


def test_downloads_equal_the_api(visit, server, tmp_path):
    path = draw_picture(tmp_path / "my picture.png", size=(200, 260), alpha=True)
    visitor = visit(accept_downloads=True)
    visitor.upload(path)
    box = visitor.page.locator("#threshold input[type=number]")
    box.fill("0.37")
    box.press("Enter")
    client = Client(server.url, verbose=False, download_files=tmp_path)
    overlay, mask, cutout, _ = client.predict(handle_file(path), 0.37, api_name="/segment")
    probability = client.predict(handle_file(path), api_name="/probability")
    for kind, expected in (("overlay", overlay), ("mask", mask), ("cutout", cutout), ("probability", probability)):
        download = visitor.download(kind)
        assert download.suggested_filename == f"my_picture_{kind}.png"
        pixels = downloaded(download, tmp_path)
        if kind == "overlay":  # the API's is a JPEG
            assert encode_jpeg(pixels) == Path(expected).read_bytes()
        else:
            assert np.array_equal(pixels, np.asarray(Image.open(expected)))


def test_an_expired_session_is_computed_again(visit, server, tmp_path):
    path = draw_picture(tmp_path / "p.png")
    visitor = visit(accept_downloads=True)
    visitor.upload(path)
    for session in server.page.state_holder.session_data.values():
        session.state_data.clear()
    expected = draw.mask_from_prob(FakePredictor().prob8(read_picture(path).rgb), FakePredictor().threshold)
    assert np.array_equal(downloaded(visitor.download("mask"), tmp_path), expected)


def test_pointing_undoing_and_exporting(visit, server, tmp_path):
    path = draw_picture(tmp_path / "p.png")
    visitor = visit(accept_downloads=True)
    visitor.upload(path)
    automatic = visitor.shown[1]
    click_on_picture(visitor, 30, 20)
    visitor.page.wait_for_function(f"document.querySelector('{CANVAS}').dataset.foreground != {automatic!r}")
    clicks = server.page.state_holder.session_data
    placed = [s for session in clicks.values() for s in session.state_data.values() if s is not None and s.clicks]
    assert len(placed) == 1
    (click,) = placed[0].clicks
    assert (click.x, click.y) == (pytest.approx(30, abs=2), pytest.approx(20, abs=2))
    expected = share(path, FakePredictor().threshold, [Click(click.x, click.y, 1)])
    assert visitor.shown[1] == pytest.approx(expected, abs=1e-4)
    prob8 = FakePredictor().prob8(read_picture(path).rgb, placed[0].clicks)
    assert np.array_equal(downloaded(visitor.download("probability"), tmp_path), prob8)
    visitor.page.click("#viewer [data-click=undo]")
    visitor.page.wait_for_function(f"document.querySelector('{CANVAS}').dataset.foreground == {automatic!r}")


def test_clicks_and_downloads_before_the_next_result_belong_to_the_shown_picture(visit, server, tmp_path, monkeypatch):
    arrived, released = threading.Event(), threading.Event()
    answer = server.service.cached_prob

    def wait(*arguments):
        arrived.set()
        assert released.wait(60)
        return answer(*arguments)

    path = draw_picture(tmp_path / "first.png")
    visitor = visit(accept_downloads=True)
    visitor.upload(path)
    automatic = visitor.shown[1]
    monkeypatch.setattr(server.service, "cached_prob", wait)
    visitor.page.get_by_role("button", name=EXAMPLES[0].label).click()
    assert arrived.wait(60)
    click_on_picture(visitor, 30, 20)
    visitor.page.wait_for_function(f"document.querySelector('{CANVAS}').dataset.foreground != {automatic!r}")
    download = visitor.download("mask")
    assert download.suggested_filename == "first_mask.png"
    assert downloaded(download, tmp_path).mean() / 255 == pytest.approx(visitor.shown[1], abs=1e-4)
    released.set()
    with Image.open(EXAMPLES[0].path) as image:
        visitor.wait_for_result(*image.size)
    assert visitor.shown[1] == pytest.approx(share(EXAMPLES[0].path, FakePredictor().threshold), abs=1e-4)


def test_two_visitors_see_their_own(visit, tmp_path):
    paths = [draw_picture(tmp_path / f"{n}.png", seed=n, size=(100 + n, 120)) for n in (1, 2)]
    visitors = [visit(accept_downloads=True), visit(accept_downloads=True)]
    for visitor, path in zip(visitors, paths, strict=True):
        visitor.upload(path)
    automatic = visitors[0].shown[1]
    click_on_picture(visitors[0], 60, 50)
    visitors[0].page.wait_for_function(f"document.querySelector('{CANVAS}').dataset.foreground != {automatic!r}")
    for visitor, path in reversed(list(zip(visitors, paths, strict=True))):
        assert visitor.shown[1] == pytest.approx(share(path, FakePredictor().threshold), abs=0.2)
    mask = downloaded(visitors[1].download("mask"), tmp_path)
    prob8 = FakePredictor().prob8(read_picture(paths[1]).rgb)
    assert np.array_equal(mask, draw.mask_from_prob(prob8, FakePredictor().threshold))


def test_a_file_that_is_no_picture_is_named(visit, tmp_path):
    path = tmp_path / "note.png"
    path.write_bytes(b"hello")
    visitor = visit()
    visitor.page.set_input_files("#image input[type=file]", path)
    expect(visitor.page.get_by_text("note.png is not a picture")).to_be_visible()
    visitor.errors.clear()  # the browser itself cannot show the file either


def test_a_failure_leaves_no_other_pictures_result(visit, server, tmp_path, monkeypatch):
    visitor = visit()
    visitor.upload(draw_picture(tmp_path / "p.png"))

    def fail(*_):
        raise ImageError("the picture is too fine")

    monkeypatch.setattr(server.service, "cached_prob", fail)
    visitor.page.get_by_role("button", name="Cat").click()
    expect(visitor.page.get_by_text("the picture is too fine")).to_be_visible()
    expect(visitor.page.locator("#viewer .viewer")).to_have_attribute("data-state", "empty")


def test_the_picture_after_one_that_fails_is_shown(visit, server, monkeypatch):
    """It was given before the other had failed, and is segmented once."""
    arrived, released = threading.Event(), threading.Event()
    answer, predictor = server.service.cached_prob, server.service.predictor

    def fail_first(*arguments):
        if not arrived.is_set():
            arrived.set()
            assert released.wait(60)
            raise ImageError("the picture is too fine")
        return answer(*arguments)

    monkeypatch.setattr(server.service, "_example_probs", {})
    monkeypatch.setattr(server.service, "cached_prob", fail_first)
    cat = next(example for example in EXAMPLES if example.label == "Cat")
    failing, before = next(example for example in EXAMPLES if example != cat), predictor.runs
    visitor = visit()
    visitor.page.get_by_role("button", name=failing.label).click()
    assert arrived.wait(60)
    visitor.page.get_by_role("button", name=cat.label).click()
    expect(visitor.page.locator("#image img")).to_have_attribute("src", re.compile(cat.path.name))
    released.set()
    expect(visitor.page.locator(".toast-body.error")).to_contain_text("the picture is too fine")
    with Image.open(cat.path) as image:
        visitor.wait_for_result(*image.size)
    assert visitor.shown[1] == pytest.approx(share(cat.path, FakePredictor().threshold), abs=1e-4)
    visitor.wait_until_quiet()
    assert predictor.runs == before + 1


def test_a_file_that_cannot_be_made_does_not_stop_another(visit, server, tmp_path, monkeypatch):
    makes, gates = server.service.download, {"mask": threading.Event(), "cutout": threading.Event()}

    def make(picture, prob8, download):
        assert gates[download.kind].wait(60)
        if download.kind == "mask":
            raise ImageError("the picture is too fine")
        return makes(picture, prob8, download)

    monkeypatch.setattr(server.service, "download", make)
    visitor = visit(accept_downloads=True)
    visitor.upload(draw_picture(tmp_path / "p.png"))
    page = visitor.page
    page.click("#viewer [data-download=mask]")
    page.click("#viewer [data-download=cutout]")
    gates["mask"].set()
    expect(page.locator("#viewer .message")).to_have_text(
        "The server could not create the file: the picture is too fine"
    )
    expect(page.locator("#viewer [data-download=cutout]")).to_have_attribute("aria-busy", "true")
    with page.expect_download() as download:
        gates["cutout"].set()
    assert download.value.suggested_filename == "p_cutout.png"

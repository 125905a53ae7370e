"""Many pictures at once, in a real browser."""

import threading
import zipfile

import httpx
from playwright.sync_api import expect
from web_helpers import draw_picture

STATUS = "#batch-status"


def begin(visitor, paths):
    """Choose the pictures and press the button."""
    page = visitor.page
    page.get_by_role("tab", name="Many pictures").click()
    page.set_input_files("#batch-files input[type=file]", paths)
    expect(page.locator("#batch-files")).to_contain_text(paths[-1].stem)
    page.click("#batch-start")
    return page.locator(STATUS)


def test_many_pictures_with_one_broken(visit, tmp_path):
    paths = [draw_picture(tmp_path / f"p{n}.png", seed=n) for n in range(3)]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"hello")
    visitor = visit(accept_downloads=True)
    page, status = visitor.page, begin(visitor, [*paths[:2], broken, paths[2]])
    expect(status).to_contain_text("Done: 4 of 4, 3 segmented, 1 failed.")
    expect(status).to_contain_text("broken.jpg is not a picture")
    expect(page.locator("#batch-gallery img")).to_have_count(3)
    link = page.locator("#batch-zip a[href*='segmentation.zip']").first.get_attribute("href")
    (tmp_path / "all.zip").write_bytes(httpx.get(link).content)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert len(archive.namelist()) == 6
        assert archive.testzip() is None


def test_a_batch_without_pictures_is_refused(visit):
    visitor = visit()
    visitor.page.get_by_role("tab", name="Many pictures").click()
    visitor.page.click("#batch-start")
    expect(visitor.page.get_by_text("no pictures were given")).to_be_visible()
    expect(visitor.page.locator(STATUS)).to_contain_text("Choose photographs")


def test_a_visitor_whose_turn_has_not_come_is_told(visit, server, picture, monkeypatch):
    released, answer = threading.Event(), server.service.prob_small
    monkeypatch.setattr(server.service, "prob_small", lambda picture: released.wait(60) and answer(picture))
    first, second = visit(), visit()
    working = begin(first, [picture])
    expect(working).to_contain_text("Working: 0 of 1")
    waiting = begin(second, [picture])
    expect(waiting).to_contain_text("Waiting: one batch is segmented at a time.")
    first.page.click("#batch-start")
    expect(working).to_contain_text("Working: 0 of 1")
    released.set()
    for status in (working, waiting):
        expect(status).to_contain_text("Done: 1 of 1")


def test_a_batch_that_stops_says_so(visit, server, tmp_path, monkeypatch):
    answer, runs = server.service.prob_small, iter(range(9))

    def break_down(picture):
        if next(runs) == 1:
            raise RuntimeError("a defect")
        return answer(picture)

    monkeypatch.setattr(server.service, "prob_small", break_down)
    paths = [draw_picture(tmp_path / f"p{n}.png", seed=n) for n in range(3)]
    visitor = visit()
    status = begin(visitor, paths)
    expect(status).to_have_text("Stopped by an error. Please try again.")
    visitor.page.click("#batch-start")
    expect(status).to_contain_text("Done: 3 of 3, 3 segmented.")

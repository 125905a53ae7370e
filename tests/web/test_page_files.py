"""Files at the page's doors that browsers, proxies and cameras treat in ways of their own, in a real browser."""

import base64
import re

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from page_visit import Visit
from picture_files import RGB, SMOOTH, encoded, heic
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from raw_writers import tiff, tiff_page
from web_helpers import ask, draw_picture

from unet.pictures.decode import PICTURE_SUFFIXES

INPUT = "#image input[type=file]"
DARK = tiff(tiff_page(RGB.astype(np.uint16) * 16))
CUT = encoded(Image.fromarray(np.tile(RGB, (40, 1, 1))), "JPEG")[:-12]
UNKNOWN = {  # of none of these has Chromium on Linux a type
    "phone.heic": heic().content,
    "scan.tif": encoded(Image.fromarray(RGB), "TIFF"),
    "picture.hif": heic().content,
    "noending": encoded(Image.fromarray(RGB), "PNG"),
}
DROP = """
([zone, name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "" }));
  const target = document.querySelector(zone).querySelector("button, [role=button]") ?? document.querySelector(zone);
  target.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
}
"""


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    """A browser with a camera that films a scene, dark on its left and bright on its right."""
    film = tmp_path_factory.mktemp("camera") / "film.y4m"
    luma = np.broadcast_to(np.where(np.arange(320) < 160, 40, 200), (240, 320)).astype(np.uint8).tobytes()
    frame = b"FRAME\n" + luma + bytes([128]) * (160 * 120 * 2)
    film.write_bytes(b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420\n" + frame * 10)
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    options.append(f"--use-file-for-fake-video-capture={film}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser, server):
    visitor = Visit(browser, server, permissions=["camera"])
    yield visitor
    visitor.context.close()


def drop(visitor, name, content):
    visitor.page.evaluate(DROP, ["#image", name, base64.b64encode(content).decode()])


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_file_of_no_known_type_is_dropped(visitor, name):
    drop(visitor, name, UNKNOWN[name])
    visitor.wait_for_result(56, 40)


def test_a_file_of_no_known_type_is_chosen(visitor):
    visitor.page.set_input_files(INPUT, {"name": "phone.heic", "mimeType": "", "buffer": UNKNOWN["phone.heic"]})
    visitor.wait_for_result(56, 40)


def test_the_file_dialog_offers_every_ending(visitor):
    with visitor.page.expect_file_chooser():
        visitor.page.locator("#image button").filter(has_text="Drop a photograph").click()
    accepted = visitor.page.locator(INPUT).get_attribute("accept").split(",")
    assert set(accepted) == {"image/*", *PICTURE_SUFFIXES}


def test_the_server_judges_what_is_no_picture(visitor):
    drop(visitor, "paper.pdf", b"%PDF-1.7\n" + bytes(50))
    expect(visitor.page.get_by_text("paper.pdf is a PDF document")).to_be_visible()


def test_notices_stand_below_the_picture_they_are_about(visitor, tmp_path):
    notices = visitor.page.locator("#viewer .notices")
    drop(visitor, "dark.tif", DARK)
    visitor.wait_for_result(56, 40)
    expect(notices).to_have_text(re.compile(r"^Its values run from \d+ to \d+ of 65535 and were stretched"))
    visitor.page.click("#image button[aria-label='Clear'], #image button[aria-label='Remove Image']")
    expect(notices).to_be_hidden()
    drop(visitor, "cut.jpg", CUT)
    visitor.wait_for_result(56, 1600)
    expect(notices).to_have_text(
        re.compile(r"^The file is cut off at its end: the last \d+ of 1600 rows are missing\.$")
    )
    visitor.page.click("#image button[aria-label='Clear'], #image button[aria-label='Remove Image']")
    visitor.upload(draw_picture(tmp_path / "p.png"))
    expect(notices).to_be_hidden()


def test_a_proxys_limit_is_a_sentence(visitor, tmp_path):
    page = "<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>"
    visitor.page.route("**/upload*", lambda route: route.fulfill(status=413, content_type="text/html", body=page))
    visitor.page.set_input_files(INPUT, draw_picture(tmp_path / "p.png"))
    expect(visitor.page.get_by_text("too large for the server, or for a proxy in front of it").first).to_be_visible()


def test_the_webcams_picture_is_not_mirrored(visitor, server, monkeypatch):
    """The fake camera is dark on its left: what is segmented must be dark on its left, too."""
    seen = []
    keep = server.service.prob_small
    monkeypatch.setattr(server.service, "prob_small", lambda picture, clicks=(): seen.append(picture) or keep(picture))
    page = visitor.page
    page.locator("#image button[aria-label='Capture from camera']").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#image video')?.currentTime > 0.3")
    page.locator("#image button[aria-label='capture photo'], #image button[title='Capture photo']").first.click()
    page.wait_for_function("document.querySelector('#viewer canvas.main').dataset.foreground !== undefined")
    rgb = seen[0].rgb
    assert rgb[:, : rgb.shape[1] // 3].mean() < 80 < 160 < rgb[:, -(rgb.shape[1] // 3) :].mean()


def test_notices_in_the_details_of_the_api(server, tmp_path):
    (tmp_path / "dark.tif").write_bytes(DARK)
    client = Client(server.url, verbose=False, download_files=False)
    *_, details = client.predict(handle_file(tmp_path / "dark.tif"), 0.5, api_name="/segment")
    (notice,) = details["notices"]
    assert "stretched" in notice
    files = [handle_file(tmp_path / "dark.tif"), handle_file(draw_picture(tmp_path / "p.png"))]
    _, (dark, plain) = client.predict(files, 0.5, api_name="/segment_batch")
    assert dark["notices"] == [notice]
    assert set(plain) == {"name", "foreground"}


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_every_ending_passes_the_api(suffix, server):
    """The upload route knows no endings: a file's content decides."""
    path = httpx.post(
        f"{server.url}/gradio_api/upload", files={"files": (f"x{suffix}", encoded(Image.fromarray(SMOOTH), "PNG"))}
    )
    answer = ask(server, {"path": path.json()[0], "meta": {"_type": "gradio.FileData"}}, 0.5)
    assert answer["data"][3]["width"] == 56

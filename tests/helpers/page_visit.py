"""A visitor of the page in a browser."""

from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Download, Page
from web_helpers import FakePredictor

from unet.pictures import draw
from unet.pictures.decode import read_picture

NOTICE = "The weights <user/name> could not be loaded."  # that a page shows from its start
CANVAS = "#viewer canvas.main"


class Visit:
    """One visitor: a page, the requests it made and what its console said."""

    def __init__(self, browser, server, **context):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.server = server
        self.page.goto(server.url)
        self.page.wait_for_selector("#image input[type=file]", state="attached")
        self.page.wait_for_selector(CANVAS, state="attached")

    def upload(self, path: Path) -> None:
        self.page.set_input_files("#image input[type=file]", path)
        with Image.open(path) as image:
            self.wait_for_result(*image.size)

    def wait_for_result(self, width: int, height: int) -> None:
        self.page.wait_for_function(
            "([selector, width, height]) => { const c = document.querySelector(selector);"
            " return c.dataset.foreground !== undefined && c.width === width && c.height === height; }",
            arg=[CANVAS, width, height],
        )

    def wait_until_quiet(self, milliseconds: int = 500) -> None:
        """Wait until the page makes no further request; Gradio's heartbeat keeps one open, so it is never idle."""
        before = -1
        while len(self.requests) > before:
            before = len(self.requests)
            self.page.wait_for_timeout(milliseconds)

    @property
    def shown(self) -> tuple[float, float]:
        """Threshold and share of foreground that the canvas shows."""
        data = self.page.eval_on_selector(CANVAS, "c => ({...c.dataset})")
        return float(data["threshold"]), float(data["foreground"])

    def download(self, kind: str) -> Download:
        with self.page.expect_download() as download:
            self.page.click(f"#viewer [data-download={kind}]")
        return download.value

    def external(self) -> list[str]:
        return [url for url in self.requests if not url.startswith((self.server.url, "data:", "blob:"))]


def share(path: Path, threshold: float, clicks=()) -> float:
    prob8 = FakePredictor().prob8(read_picture(path).rgb, clicks)
    return draw.foreground_share(draw.mask_from_prob(prob8, threshold))


def downloaded(download, tmp_path: Path) -> np.ndarray:
    path = tmp_path / download.suggested_filename
    download.save_as(path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def click_on_picture(visitor: Visit, x: float, y: float, button: str = "left") -> None:
    """Click on a pixel of the picture, wherever the viewer shows it."""
    box = visitor.page.locator(CANVAS).bounding_box()
    width, height = visitor.page.eval_on_selector(CANVAS, "c => [c.width, c.height]")
    place = (box["x"] + (x + 0.5) / width * box["width"], box["y"] + (y + 0.5) / height * box["height"])
    visitor.page.mouse.click(*place, button=button)

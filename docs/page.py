"""Make docs/page.png, a screenshot of the page after three clicks: `python docs/page.py`; needs Chromium."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from unet import Predictor
from unet.web import server
from unet.web.options import Options
from unet.web.page import build
from unet.web.service import Service

ROOT = Path(__file__).resolve().parent.parent
CANVAS = "#viewer canvas.main"
READY = "#viewer [data-state=ready]:not([aria-busy])"
CLICKS: tuple[tuple[float, float, Literal["left", "right"]], ...] = (
    (0.3, 0.65, "left"),
    (0.8, 0.83, "right"),
    (0.77, 0.35, "right"),
)  # shares of the picture's width and height


def main() -> None:
    """Start the page, upload, click, and save the screenshot."""
    options = Options(None, "127.0.0.1", 7872)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = build(Service(Predictor.load(ROOT / "weights"), Path(folder) / "cache"))
        server.launch(page, options)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        visit = browser.new_page(viewport={"width": 1280, "height": 960})
        visit.goto(f"http://{options.host}:{options.port}?__theme=light")
        visit.wait_for_selector(CANVAS, state="attached")
        visit.set_input_files("#image input[type=file]", ROOT / "examples" / "astronaut.jpg")
        visit.wait_for_selector(READY)
        for x, y, button in CLICKS:
            box = visit.locator(CANVAS).bounding_box()
            assert box is not None
            before = visit.get_attribute(CANVAS, "data-foreground")
            visit.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"], button=button)
            visit.wait_for_selector(f'{CANVAS}[data-foreground]:not([data-foreground="{before}"])')
            visit.wait_for_selector(READY)
        visit.mouse.move(0, 0)
        visit.screenshot(path=Path(__file__).parent / "page.png")
        browser.close()
        server.close(page)


if __name__ == "__main__":
    main()

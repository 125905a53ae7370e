"""Time the viewer's redraws in Chromium, and count the requests during a drag of the threshold slider.

    python benchmarks/viewer.py

The page is the one that app.py serves. The picture is the astronaut (NASA, public domain), enlarged to 2 and to 12
megapixels; the viewer shows a smaller preview of large pictures. Writes benchmarks/viewer.md.
"""

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import common
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from unet import Predictor
from unet.web import server
from unet.web.gradio_compat import close
from unet.web.options import Options
from unet.web.page import build
from unet.web.service import Service

CANVAS = "#viewer canvas.main"
VIEWS = {"side": "side by side", "compare": "before/after", "mask": "mask", "cutout": "cut-out"}
MEGAPIXELS = (2, 12)
MOVES = 100


def urls_of(page: Page) -> list[str]:
    """Collect the URLs of the page's requests in a list that grows with them."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    return urls


def picture(folder: Path, megapixels: int) -> Path:
    """Write the astronaut, enlarged to a square of `megapixels`."""
    side = round((megapixels * 1e6) ** 0.5)
    path = folder / f"astronaut-{megapixels}.jpg"
    with Image.open(common.ROOT / "examples" / "astronaut.jpg") as image:
        image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def drag(page: Page, requests: list[str]) -> tuple[list[float], int]:
    """Drag the slider's handle; returns the milliseconds of each redraw and the number of requests."""
    place = page.locator("#threshold input[type=range]").bounding_box()
    assert place is not None
    page.evaluate(
        "selector => { window.redraws = []; window.watch?.disconnect();"
        " window.watch = new MutationObserver(() => window.redraws.push(Number("
        "document.querySelector(selector).dataset.ms))); window.watch.observe(document.querySelector(selector),"
        " {attributes: true, attributeFilter: ['data-ms']}); }",
        CANVAS,
    )
    before = len(requests)
    y = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + place["width"] * 0.1, y)
    page.mouse.down()
    for move in range(MOVES):
        page.mouse.move(place["x"] + place["width"] * (0.1 + 0.8 * move / MOVES), y)
        page.wait_for_timeout(30)
    page.mouse.up()
    return page.evaluate("window.redraws"), len(requests) - before


def measure(page: Page, path: Path, requests: list[str]) -> list[list[str]]:
    """Rows of the table for one picture."""
    page.set_input_files("#image input[type=file]", path)
    page.wait_for_function(f"document.querySelector('{CANVAS}').dataset.foreground !== undefined", timeout=120_000)
    page.wait_for_timeout(2000)  # for requests that the upload is still making; the heartbeat keeps one open
    width, height = page.eval_on_selector(CANVAS, "c => [c.width, c.height]")
    with Image.open(path) as image:
        pixels = image.width * image.height / 1e6
    rows = []
    for value, name in VIEWS.items():
        page.locator(f"#viewer input[type=radio][value={value}]").check(force=True)
        times, count = drag(page, requests)
        shown = f"{pixels:.1f} megapixels, shown at {width} x {height}"
        times.sort()
        worst = times[int(0.95 * len(times))]
        rows.append([shown, name, str(len(times)), f"{statistics.median(times):.1f}", f"{worst:.1f}", str(count)])
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7871)
    options = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        page = build(Service(Predictor.load(common.ROOT / "weights"), folder / "cache"))
        server.launch(page, Options(None, "127.0.0.1", options.port))
        stack.callback(close, page)
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        for megapixels in MEGAPIXELS:
            visit = browser.new_page(viewport={"width": 1280, "height": 900})
            requests = urls_of(visit)
            visit.goto(f"http://127.0.0.1:{options.port}")
            visit.wait_for_selector("#image input[type=file]", state="attached")
            rows += measure(visit, picture(folder, megapixels), requests)
            visit.close()
        version = browser.version
    header = ["picture", "view", "redraws", "median, ms", "95th percentile, ms", "requests during the drag"]
    report = (
        f"A drag of the threshold slider over 80 % of its length, in Chromium {version} without a graphics card; "
        f"{common.machine()}.\n\n{common.markdown_table(header, rows)}\n\n`{common.command_line()}`"
    )
    (common.ROOT / "benchmarks" / "viewer.md").write_text(f"# The viewer\n\n{report}\n", encoding="utf-8")
    print(report)


if __name__ == "__main__":
    main()

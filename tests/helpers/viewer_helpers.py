"""A small page with viewers, and how a test uses it in a browser."""

import base64
import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
from playwright.sync_api import Locator, Page, Route
from web_helpers import CACHE, free_port

from unet.pictures.clicks import Click, honour_clicks
from unet.pictures.decode import Picture
from unet.pictures.draw import mask_from_prob, render
from unet.pictures.encode import save_png
from unet.web.download import Download
from unet.web.theme import STYLE_SHEETS, theme
from unet.web.viewer import ROUTES, Viewer, answer
from unet.web.viewer_value import ViewerValue, preview_size, viewer_value

# Height and width; "big" is larger than what a viewer is sent.
SIZES = {"one": (90, 120), "tall": (160, 64), "glass": (80, 80), "big": (1400, 2000)}
DISK = 9  # radius of what the fake network finds around a click


@cache
def picture(name: str) -> Picture:
    height, width = SIZES[name]
    rng = np.random.default_rng(sorted(SIZES).index(name))
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / rng.uniform(3, 19) + columns / rng.uniform(3, 19)) for _ in range(4)]
    layers = [(127.5 + 127.4 * wave).astype(np.uint8) for wave in waves]
    straight = np.dstack(layers[:3])
    if name != "glass":
        return Picture(straight, None, name)
    share = layers[3][..., None] / 255
    on_white = np.rint(straight * share + 255 * (1 - share)).astype(np.uint8)
    return Picture(on_white, layers[3], name, straight)


def prob8(name: str, clicks: Sequence[Click] = ()) -> np.ndarray:
    """Every level from 0 to 255, highest in the middle, and disks around the clicks."""
    height, width = SIZES[name]
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot((rows + 0.5) / height - 0.5, (columns + 0.5) / width - 0.5)
    result = np.rint(255 * (1 - distance / distance.max())).astype(np.uint8)
    for click in clicks:
        near = np.hypot(rows - click.y, columns - click.x) <= DISK
        result[near] = 255 if click.label else 0
    honour_clicks(result, clicks)
    return result


def _viewer(suffix: str, takes_clicks: bool) -> None:
    pick = gr.Radio([*SIZES, "none"], label="Picture", elem_id=f"pick{suffix}")
    slider = gr.Slider(0, 1, 0.5, step=0.01, label="Threshold", elem_id=f"threshold{suffix}")
    viewer = Viewer(elem_id=f"viewer{suffix}", takes_clicks=takes_clicks)

    def show(name: str) -> ViewerValue | None:
        return None if name == "none" else viewer_value(picture(name), prob8(name), takes_clicks=takes_clicks)

    def point(before: ViewerValue, event: gr.EventData) -> ViewerValue:
        name = before.name
        clicks = [Click(**click) for click in event._data["clicks"]]
        if len(clicks) > 4:
            raise gr.Error("Too many clicks", print_exception=False)
        return viewer_value(picture(name), prob8(name, clicks), None, takes_clicks, clicks, before)

    def download(shown: ViewerValue, event: gr.EventData) -> dict:
        name = shown.name
        asked = Download.from_event(event._data)
        if asked.threshold == 1:
            raise gr.Error("Refused", print_exception=False)
        clicks = [Click(click.x, click.y, click.label) for click in shown.clicks]
        folder = CACHE / secrets.token_hex(8)
        folder.mkdir()
        path = folder / f"{name}_{asked.kind}.png"
        save_png(render(asked.kind, picture(name), prob8(name, clicks), asked.threshold, asked.style), path)
        return answer(path, asked)

    pick.change(show, pick, viewer, show_progress="hidden")
    slider.change(None, slider, None, js=viewer.threshold_js())
    viewer.on_point(point, viewer)
    viewer.on_download(download, viewer)


@contextlib.contextmanager
def viewer_page(root_path: str | None = None) -> Iterator[str]:
    """Address of a page with two viewers; only the first takes clicks."""
    with gr.Blocks(title="Viewers", fill_width=True) as page:
        gr.HTML("<h1>Viewers</h1>")
        _viewer("", takes_clicks=True)
        _viewer("-other", takes_clicks=False)
    try:
        page.launch(
            server_port=free_port(),
            prevent_thread_lock=True,
            quiet=True,
            theme=theme(),
            css_paths=STYLE_SHEETS,
            root_path=root_path,
            app_kwargs={"routes": ROUTES},
        )
        yield page.local_url
    finally:
        page.close(verbose=False)


class Shown:
    """A viewer in a browser."""

    def __init__(self, page: Page, suffix: str = "") -> None:
        self.page, self.suffix = page, suffix
        self.root = page.locator(f"#viewer{suffix} .viewer")
        self.main = self.root.locator("canvas.main")
        self.range = page.locator(f"#threshold{suffix} input[type=range]")
        self.requests: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))

    def find(self, selector: str) -> Locator:
        return self.root.locator(selector)

    def pick(self, name: str) -> None:
        """Choose a picture."""
        self.page.locator(f"#pick{self.suffix}").get_by_label(name, exact=True).check()

    def show(self, name: str) -> None:
        """Choose a picture and wait until it is shown."""
        self.pick(name)
        if name == "none":
            self.wait("root => root.dataset.state === 'empty'")
            return
        width, height = preview_of(name)
        size = f"canvas => canvas.width === {width} && canvas.height === {height} && 'foreground' in canvas.dataset"
        self.wait(f"root => ({size})(root.querySelector('canvas.main'))")

    def wait(self, condition: str) -> None:
        """Until a JavaScript function of the viewer's root is true."""
        self.page.wait_for_function(
            f"([selector]) => ({condition})(document.querySelector(selector))", arg=[f"#viewer{self.suffix} .viewer"]
        )

    def view(self, name: str) -> None:
        self.find(f".views input[value={name}]").check(force=True)
        self.settle()

    def settle(self) -> None:
        """Let the frame pass that shows what was asked for."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def threshold(self, value: float) -> None:
        self.page.locator(f"#threshold{self.suffix} input[type=number]").fill(str(value))
        self.wait(f"root => root.querySelector('canvas.main').dataset.threshold === '{value:g}'")

    def set_range(self, setting: str, value: int) -> None:
        self.find(f"[data-setting={setting}]").fill(str(value))
        self.settle()

    @property
    def dataset(self) -> SimpleNamespace:
        return SimpleNamespace(**self.main.evaluate("canvas => ({...canvas.dataset})"))

    def pixels(self, canvas: str = "canvas.main") -> np.ndarray:
        """(H, W, 4) uint8 as they are on the canvas."""
        script = """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let text = "";
          for (let i = 0; i < data.length; i += 4096) text += String.fromCharCode(...data.subarray(i, i + 4096));
          return [canvas.height, canvas.width, btoa(text)];
        }"""
        height, width, text = self.find(canvas).evaluate(script)
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)

    def sheets(self) -> list[dict]:
        """Where the picture lies in each pane."""
        return self.root.evaluate(
            """root => [...root.querySelectorAll(".pane")].map(pane => {
              const [a, b] = [pane, pane.querySelector(".sheet")].map(e => e.getBoundingClientRect());
              return { x: b.x - a.x, y: b.y - a.y, width: b.width, height: b.height };
            })"""
        )

    def at(self, x: float, y: float, canvas: str = "canvas.main") -> tuple[float, float]:
        """The point of the window where the middle of the picture's pixel (x, y) is."""
        box = self.find(canvas).bounding_box()
        height, width = self.main.evaluate("canvas => [canvas.height, canvas.width]")
        return box["x"] + (x + 0.5) * box["width"] / width, box["y"] + (y + 0.5) * box["height"] / height

    @property
    def marks(self) -> list[str]:
        return self.find(".after .mark").all_inner_texts()

    def wait_clicks(self, count: int) -> None:
        """Until so many marks are shown and the server has answered."""
        self.wait(
            f"root => root.querySelectorAll('.after .mark').length === {count} && !root.classList.contains('asking')"
        )


def hold(shown: Shown, pattern: str, action: Callable[[], Any]) -> Route:
    """Run `action` and wait for a request that matches `pattern`; the request is held until it is continued."""
    held: list[Route] = []
    shown.page.route(pattern, lambda route: route.continue_() if held else held.append(route))
    action()
    while not held:
        shown.page.wait_for_timeout(20)
    return held[0]


def drop(shown: Shown, held: Route, name: str) -> None:
    """Show another picture, which aborts a held request, and let the frame pass that would show its answer."""
    with shown.page.expect_event("requestfailed", lambda request: request == held.request):
        shown.show(name)
    held.continue_()
    shown.settle()


def preview_of(name: str) -> tuple[int, int]:
    """Width and height of the preview."""
    return preview_size(SIZES[name][1], SIZES[name][0])


def saved(shown: Shown, kind: str, folder: Path) -> Path:
    """Press a download button and return the file that the browser saves."""
    with shown.page.expect_download() as download:
        shown.find(f"[data-download={kind}]").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def mask_of(name: str, threshold: float) -> np.ndarray:
    """The mask of a picture without clicks."""
    return mask_from_prob(prob8(name), threshold)


def click(shown: Shown, x: int, y: int, count: int, **options) -> None:
    """Click the picture's pixel (x, y); then there are `count` marks."""
    shown.page.mouse.click(*shown.at(x, y), **options)
    shown.wait_clicks(count)

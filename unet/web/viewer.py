"""The viewer: a component that draws a picture and its probability map in the browser.

The component is plain HTML with JavaScript modules (static/viewer/), which `ROUTES` serve. Its value names PNG files;
threshold, views, zoom and colours need no request to the server. Two events do:

* `download`: The visitor wants a result as a file. The event's data are the settings that
  `unet.web.download.Download.from_event` reads; the handler returns `answer(path, download)`. See
  `Viewer.on_download`.
* `point`: The visitor changed the clicks. The event's data are `{"clicks": [{"x", "y", "label"}, ...]}`, in pixels of
  the upright picture; the handler returns a value for the same picture. See `Viewer.on_point`.
"""

import hashlib
import json
import math
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, GradioModel
from gradio.events import Dependency
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from unet.pictures.clicks import Click
from unet.pictures.decode import Picture
from unet.pictures.draw import (
    MAX_SOFTNESS,
    OUTLINE_UNIT,
    OVERLAY_COLOR,
    OVERLAY_OPACITY,
    SOFTNESS,
    cutout_colours,
)
from unet.pictures.encode import save_png
from unet.web.download import Download
from unet.web.gradio_compat import API_PREFIX, get_upload_folder

STATIC = Path(__file__).parent / "static" / "viewer"
STYLE_SHEETS = ("frame.css", "stage.css", "empty.css", "clicks.css", "controls.css", "adapt.css")
PREVIEW_PIXELS = 2_000_000
PREVIEW_SIDE = 8192  # browsers limit the side of a canvas
MIN_HEIGHT = 480  # pixels reserved before the page's script has run


class ClickValue(GradioModel):
    """A click in pixels of the upright picture; label 1 = foreground, 0 = background."""

    x: float
    y: float
    label: int


class ViewerValue(GradioModel):
    """The data of one picture."""

    image: FileData
    """PNG of the picture, RGB, at most PREVIEW_PIXELS."""
    prob: FileData
    """Grey PNG of the probability map at the same size."""
    colours: FileData
    """RGBA PNG of the foreground's own colours at the same size, transparent where they are the picture's."""
    alpha: FileData | None = None
    """Grey PNG of the picture's own transparency, if it has any."""
    histogram: list[int]
    """Number of pixels of the full-size map at each of the 256 levels."""
    width: int
    """Width of the picture itself."""
    height: int
    """Height of the picture itself."""
    name: str
    """The picture's file stem."""
    threshold: float | None = None
    """Initial threshold; None keeps the viewer's. A slider that was moved has priority."""
    takes_clicks: bool = False
    """Whether the visitor can add clicks."""
    clicks: Sequence[ClickValue] = ()
    """The clicks that `prob` was computed with."""
    notices: Sequence[str] = ()
    """What the visitor should know about the picture, a sentence each."""
    source: FileData | None = None
    """The uploaded file, for handlers that need the picture that the viewer shows."""


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the preview: at most the picture's own, PREVIEW_PIXELS and PREVIEW_SIDE."""
    scale = min(math.sqrt(PREVIEW_PIXELS / (width * height)), PREVIEW_SIDE / max(width, height))
    if scale >= 1:
        return width, height
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def sample(array: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W) by nearest sampling at pixel centres; the sample's mask is then the mask's sample."""
    rows = (2 * np.arange(height) + 1) * array.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * array.shape[1] // (2 * width)
    return array.take(rows, axis=0).take(columns, axis=1)


def viewer_value(
    picture: Picture,
    prob8: np.ndarray,
    threshold: float | None = None,
    takes_clicks: bool = False,
    clicks: Sequence[Click] = (),
    like: ViewerValue | None = None,
    source: str | Path | None = None,
) -> ViewerValue:
    """Write the preview's files and return the viewer's value.

    Args:
        picture: The upright picture, (H, W).
        prob8: (H, W) uint8.
        threshold: Initial threshold, 0..1; None keeps the viewer's.
        takes_clicks: Whether the visitor can add clicks.
        clicks: The clicks that `prob8` was computed with.
        like: An earlier value of the same picture, whose picture files are reused.
        source: The uploaded file, in the upload cache; that of `like` by default.
    """
    width, height = preview_size(picture.width, picture.height)
    folder = Path(get_upload_folder()).resolve() / secrets.token_hex(32)
    folder.mkdir(parents=True)

    def file(name: str, array: np.ndarray) -> FileData:
        path = folder / f"{name}.png"
        save_png(array, path)
        return FileData(path=str(path))

    shown, prob = _shrink(picture.rgb, width, height), sample(prob8, width, height)
    if like is None:
        image = file("image", shown)
        alpha = None if picture.alpha is None else file("alpha", sample(picture.alpha, width, height))
    else:
        image, alpha, source = like.image, like.alpha, like.source.path if like.source else None
    return ViewerValue(
        image=image,
        prob=file("prob", prob),
        colours=file("colours", _changes(shown, cutout_colours(_sampled(picture, shown), prob))),
        alpha=alpha,
        histogram=Image.fromarray(prob8).histogram(),
        width=picture.width,
        height=picture.height,
        name=picture.name,
        threshold=threshold,
        takes_clicks=takes_clicks,
        notices=[f"{notice[:1].upper()}{notice[1:]}." for notice in picture.notices],
        clicks=[ClickValue(x=click.x, y=click.y, label=click.label) for click in clicks],
        source=FileData(path=str(source)) if source else None,
    )


def _shrink(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    if (height, width) == rgb.shape[:2]:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BOX))


def _sampled(picture: Picture, shown: np.ndarray) -> Picture:
    """The preview `shown` (h, w, 3) of a picture, with the picture's transparency and the colours under it."""
    if picture.alpha is None or picture.straight is None:
        return Picture(shown, None, picture.name)
    alpha, straight = (sample(array, shown.shape[1], shown.shape[0]) for array in (picture.alpha, picture.straight))
    return Picture(shown, alpha, picture.name, straight)


def _changes(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The pixels of `after` (H, W, 3) that are not those of `before`: (H, W, 4), elsewhere transparent black."""
    changed = (before != after).any(axis=2)
    return np.dstack([after, np.where(changed, np.uint8(255), np.uint8(0))]) * changed[..., None]


def answer(path: str | Path, download: Download) -> dict[str, Any]:
    """Return value for a handler of `download`; the file must be in the upload cache."""
    file = FileData(path=str(path), orig_name=Path(path).name)
    return gr.update(answer={"number": download.number, "kind": download.kind, "file": file.model_dump()})


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


# js_on_load is the body of a function, not a module; it imports the modules from their route.
LOADER = "loader.js"
MODULES = {path.name: _read(path.name) for path in sorted(STATIC.glob("*.js")) if path.name != LOADER}
VERSION = hashlib.sha256("".join(MODULES.values()).encode()).hexdigest()[:16]
MODULES_PATH = f"{API_PREFIX}/viewer/{VERSION}"  # with server-side rendering, Node forwards this prefix to Python


def _serve_module(request: Request) -> Response:
    text = MODULES.get(request.path_params["name"])
    if text is None:
        return Response(status_code=404)
    # The path changes with the content, so browsers may keep a module forever.
    return Response(
        text, media_type="text/javascript", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


ROUTES = [Route(f"{MODULES_PATH}/{{name}}", _serve_module)]
"""For `launch(app_kwargs={"routes": ROUTES})`, which every page with a viewer needs."""


def _template(text: str) -> str:
    """Escape `text` for a template of gr.HTML, which is a JavaScript template literal."""
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")


class Viewer(gr.HTML):
    """Shows a picture with the network's result.

    Args:
        value: A `ViewerValue`, or None for an empty viewer.
        threshold: Threshold until a value or the slider sets another, 0..1.
        takes_clicks: Whether the empty viewer shows the controls for clicks.
        elem_id: ID of the component's element, unique within the page.
        kwargs: Further arguments of gr.HTML.
    """

    data_model = ViewerValue
    is_template = True

    def __init__(
        self,
        value: ViewerValue | None = None,
        threshold: float = 0.5,
        takes_clicks: bool = False,
        elem_id: str = "viewer",
        **kwargs: Any,
    ) -> None:
        self.threshold, self.takes_clicks = threshold, takes_clicks
        options = {
            "host": elem_id,
            "threshold": threshold,
            "takesClicks": takes_clicks,
            "color": "#" + bytes(OVERLAY_COLOR).hex(),
            "opacity": OVERLAY_OPACITY,
            "outlineUnit": OUTLINE_UNIT,
            "softness": SOFTNESS,
            "maxSoftness": MAX_SOFTNESS,
            "modules": MODULES_PATH,
        }
        super().__init__(
            value,
            html_template=_template(_read("viewer.html")),
            css_template=_template("\n".join(map(_read, STYLE_SHEETS))),
            js_on_load=f"const options = {json.dumps(options)};\n{_read(LOADER)}",
            apply_default_css=False,
            min_height=MIN_HEIGHT,
            elem_id=elem_id,
            **kwargs,
        )

    def threshold_js(self) -> str:
        """For `slider.change(None, slider, None, js=viewer.threshold_js())`; makes no request to the server."""
        return self._send_js("threshold", "v")

    def on_download(self, function: Callable[..., Any], inputs: Any = None, **event: Any) -> Dependency:
        """Call `function` when the visitor requests a file.

        Args:
            function: Takes `inputs` and a `gr.EventData`, whose data `Download.from_event` reads; returns
                `answer(path, download)`.
            inputs: Components whose values are passed to `function`.
            event: Further arguments of a Gradio event listener.
        """
        return self._on("download", function, inputs, self, event)

    def on_point(
        self, function: Callable[..., Any], inputs: Any = None, outputs: Any = None, **event: Any
    ) -> Dependency:
        """Call `function` when the visitor changes the clicks.

        Args:
            function: Takes `inputs` and a `gr.EventData`, whose data hold the `clicks`; returns the viewer's new value,
                `viewer_value(..., clicks=clicks, like=before)`, followed by the values of `outputs`.
            inputs: Components whose values are passed to `function`.
            outputs: Further components that `function` updates.
            event: Further arguments of a Gradio event listener.
        """
        further = [] if outputs is None else outputs if isinstance(outputs, list) else [outputs]
        return self._on("point", function, inputs, [self, *further], event)

    def _on(self, name: str, function: Callable[..., Any], inputs: Any, outputs: Any, event: dict[str, Any]) -> Any:
        options = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "multiple", **event}
        dependency = getattr(self, name)(function, inputs, outputs, **options)
        dependency.failure(None, None, None, js=self._send_js("failed", json.dumps(name)))
        return dependency

    def _send_js(self, event: str, argument: str) -> str:
        """JavaScript for a Gradio event that sends `argument`, a JavaScript expression of `v`, to this viewer."""
        # The viewer reads `received` for what was sent before its script ran.
        return (
            f"(v) => {{ const host = document.getElementById({json.dumps(self.elem_id)}); if (host) {{ "
            f"(host.received ??= {{}}).{event} = {argument}; "
            f'host.dispatchEvent(new CustomEvent("viewer-{event}", {{ detail: {argument} }})); }} return []; }}'
        )

"""The viewer: picture and probability map once, then everything that is drawn of them is drawn in the browser.

The component is plain HTML with JavaScript modules (static/viewer/). Its value carries two PNG files; threshold,
views, zoom and colours never ask the server. Two events do:

* `download`: the visitor wants a result as a file. The event's data are the settings that
  `unet.web.download.Download.from_event` reads; the handler answers with `answer(path, download)`. Wire it with
  `Viewer.on_download`.
* `point`: the visitor changed the clicks. The event's data are `{"clicks": [{"x", "y", "label"}, ...]}`, pixels of the
  upright picture; the handler answers with a value for the same picture. Wire it with `Viewer.on_point`.
"""

import json
import math
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, GradioModel
from gradio.events import Dependency
from PIL import Image

from unet.pictures.clicks import Click
from unet.pictures.decode import Picture
from unet.pictures.draw import MAX_SOFTNESS, OUTLINE_UNIT, OVERLAY_COLOR, OVERLAY_OPACITY, save_png
from unet.web.download import Download
from unet.web.gradio_compat import get_upload_folder

STATIC = Path(__file__).parent / "static" / "viewer"
STYLE_SHEETS = ("frame.css", "stage.css", "empty.css", "clicks.css", "controls.css", "adapt.css")
PREVIEW_PIXELS = 2_000_000
PREVIEW_SIDE = 8192  # canvases have limits of their own
VIEWER_ID = "viewer"
MIN_HEIGHT = 480  # pixels reserved before the page's script has run


class ClickValue(GradioModel):
    """A click as it travels: pixels of the upright picture; label 1 = foreground, 0 = background."""

    x: float
    y: float
    label: int


class ViewerValue(GradioModel):
    """What the browser needs for one picture."""

    image: FileData
    """PNG of the picture, RGB, at most PREVIEW_PIXELS."""
    prob: FileData
    """Grey PNG of the probability map at the same size."""
    alpha: FileData | None = None
    """Grey PNG of the picture's own transparency, if it has any."""
    histogram: list[int]
    """How many pixels of the full-size map have each of the 256 levels."""
    width: int
    """Of the picture itself."""
    height: int
    """Of the picture itself."""
    name: str
    """The picture's file stem."""
    threshold: float | None = None
    """To begin with; None leaves the viewer's. Moves of the slider come before it."""
    takes_clicks: bool = False
    """Whether the visitor may point at things."""
    clicks: Sequence[ClickValue] = ()
    """The clicks that `prob` is the answer to."""


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the preview: the picture's own, or as large as PREVIEW_PIXELS and PREVIEW_SIDE allow."""
    scale = min(math.sqrt(PREVIEW_PIXELS / (width * height)), PREVIEW_SIDE / max(width, height))
    if scale >= 1:
        return width, height
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def sample(array: np.ndarray, width: int, height: int) -> np.ndarray:
    """Nearest sampling of (H, W) at pixel centres, so that a threshold of the sample is a sample of the threshold."""
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
) -> ViewerValue:
    """Write the preview's files and describe them.

    Args:
        picture: the upright picture, (H, W).
        prob8: (H, W) uint8.
        threshold: to begin with, 0..1; None leaves the viewer's.
        takes_clicks: whether the visitor may point at things.
        clicks: that `prob8` is the answer to.
        like: an earlier value of the same picture, whose files of the picture are used again.
    """
    width, height = preview_size(picture.width, picture.height)
    folder = Path(get_upload_folder()).resolve() / secrets.token_hex(32)
    folder.mkdir(parents=True)

    def file(name: str, array: np.ndarray) -> FileData:
        path = folder / f"{name}.png"
        save_png(array, path)
        return FileData(path=str(path))

    if like is None:
        image = file("image", _shrink(picture.rgb, width, height))
        alpha = None if picture.alpha is None else file("alpha", sample(picture.alpha, width, height))
    else:
        image, alpha = like.image, like.alpha
    return ViewerValue(
        image=image,
        prob=file("prob", sample(prob8, width, height)),
        alpha=alpha,
        histogram=Image.fromarray(prob8).histogram(),
        width=picture.width,
        height=picture.height,
        name=picture.name,
        threshold=threshold,
        takes_clicks=takes_clicks,
        clicks=[ClickValue(x=click.x, y=click.y, label=click.label) for click in clicks],
    )


def _shrink(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    if (height, width) == rgb.shape[:2]:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BOX))


def answer(path: str | Path, download: Download) -> dict[str, Any]:
    """What the handler of `download` returns: the file, which must lie in the upload cache, under its own name."""
    file = FileData(path=str(path), orig_name=Path(path).name)
    return gr.update(answer={"number": download.number, "kind": download.kind, "file": file.model_dump()})


def tell_js(elem_id: str, event: str, argument: str) -> str:
    """JavaScript for a Gradio event that hands `argument`, a JavaScript expression of `v`, to a viewer."""
    target = json.dumps(elem_id)
    # What is told before the viewer's script runs, it finds in `told`.
    return (
        f"(v) => {{ const host = document.getElementById({target}); if (host) {{ "
        f"(host.told ??= {{}}).{event} = {argument}; "
        f'host.dispatchEvent(new CustomEvent("viewer-{event}", {{ detail: {argument} }})); }} return []; }}'
    )


THRESHOLD_JS = tell_js(VIEWER_ID, "threshold", "v")
"""For `slider.change(None, slider, None, js=THRESHOLD_JS)`; it asks the server nothing."""


def _read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _modules() -> list[tuple[str, str]]:
    """Names and texts of the JavaScript modules, each behind those that it imports."""
    texts = {path.name: _read(path.name) for path in sorted(STATIC.glob("*.js"))}
    texts.pop("loader.js")
    ordered: dict[str, str] = {}

    def place(name: str) -> None:
        for needed in re.findall(r'from "\./([\w-]+\.js)";', texts[name]):
            if needed not in ordered:
                place(needed)
        ordered[name] = texts[name]

    place("main.js")
    return list(ordered.items())


def _template(text: str) -> str:
    """`text` for a template of gr.HTML, which reads it as a JavaScript template literal."""
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")


class Viewer(gr.HTML):
    """Shows a picture and what the network found in it.

    Args:
        value: a `ViewerValue`, or None for an empty viewer.
        threshold: until a value or the slider says otherwise, 0..1.
        takes_clicks: whether the controls for clicks have their place before the first value says so.
        elem_id: of the component in the page; each viewer of a page needs its own.
    """

    data_model = ViewerValue
    is_template = True

    def __init__(
        self,
        value: ViewerValue | None = None,
        threshold: float = 0.5,
        takes_clicks: bool = False,
        elem_id: str = VIEWER_ID,
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
            "maxSoftness": MAX_SOFTNESS,
        }
        loader = _read("loader.js")
        script = f"const options = {json.dumps(options)};\nconst modules = {json.dumps(_modules())};\n{loader}"
        super().__init__(
            value,
            html_template=_template(_read("viewer.html")),
            css_template=_template("\n".join(map(_read, STYLE_SHEETS))),
            js_on_load=script,
            apply_default_css=False,
            min_height=MIN_HEIGHT,
            elem_id=elem_id,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> ViewerValue | None:  # type: ignore[override]
        """The value as it is."""
        return payload

    def postprocess(self, value: ViewerValue | None) -> ViewerValue | None:  # type: ignore[override]
        """The value as it is; None empties the viewer."""
        return value

    def example_payload(self) -> Any:
        """An input for Gradio's generated documentation."""
        return None

    def example_value(self) -> Any:
        """An output for Gradio's generated documentation."""
        return None

    def api_info(self) -> dict[str, Any]:
        """The JSON schema of the value."""
        return ViewerValue.model_json_schema()

    def threshold_js(self) -> str:
        """As THRESHOLD_JS, for this viewer."""
        return tell_js(self.elem_id or VIEWER_ID, "threshold", "v")

    def on_download(self, function: Callable[..., Any], inputs: Any = None, **event: Any) -> Dependency:
        """Let `function` write the files that visitors ask for.

        Args:
            function: gets `inputs` and, by an annotation with `gr.EventData`, the event whose `_data`
                `Download.from_event` reads; returns `answer(path, download)`.
            inputs: components whose values `function` gets.
            event: further options of a Gradio event.
        """
        return self._on("download", function, inputs, self, event)

    def on_point(
        self, function: Callable[..., Any], inputs: Any = None, outputs: Any = None, **event: Any
    ) -> Dependency:
        """Let `function` answer clicks.

        Args:
            function: gets `inputs` and, by an annotation with `gr.EventData`, the event with its `clicks`; the first
                thing it returns is the viewer's new value, `viewer_value(..., clicks=clicks, like=before)`.
            inputs: components whose values `function` gets.
            outputs: components for what else it returns.
            event: further options of a Gradio event.
        """
        further = [] if outputs is None else outputs if isinstance(outputs, list) else [outputs]
        return self._on("point", function, inputs, [self, *further], event)

    def _on(self, name: str, function: Callable[..., Any], inputs: Any, outputs: Any, event: dict[str, Any]) -> Any:
        options = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "multiple", **event}
        asked = getattr(self, name)(function, inputs, outputs, **options)
        failed = tell_js(self.elem_id or VIEWER_ID, "failed", json.dumps(name))
        asked.failure(None, None, None, js=failed)
        return asked

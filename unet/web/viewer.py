"""The viewer: a component that draws a picture and its probability map in the browser.

The component is plain HTML with JavaScript modules (static/viewer/), which `ROUTES` serve. Its value names PNG files;
threshold, views, zoom, colours and switches of classes need no request to the server. Three events do:

* `download`: The visitor wants a result as a file. The event's data are the settings that
  `unet.web.download.Download.from_event` reads; the handler returns `answer(path, download)` or
  `refusal(message, download)`. See `Viewer.on_download`.
* `point`: The visitor changed the clicks. The event's data are `{"clicks": [{"x", "y", "label"}, ...]}`, in pixels of
  the upright picture; the handler returns a value for the same picture. See `Viewer.on_point`.
* `pick`: The visitor wants to see one class. The event's data are `{"label"}`, its place in the table of classes; the
  handler returns a value for the same picture. See `Viewer.on_pick`.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import Dependency
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from unet.pictures.classes import ClassTable, hex_colour
from unet.pictures.draw import (
    CONTRAST_LONGEST,
    CONTRAST_REACH,
    MAX_SOFTNESS,
    OUTLINE_UNIT,
    OVERLAY_COLOR,
    OVERLAY_OPACITY,
    SOFTNESS,
)
from unet.web.download import Download
from unet.web.gradio_compat import API_PREFIX
from unet.web.viewer_value import ViewerValue

STATIC = Path(__file__).parent / "static" / "viewer"
STYLE_SHEETS = ("frame.css", "stage.css", "empty.css", "clicks.css", "controls.css", "adapt.css")
CLASSES_STYLE = "classes.css"
# What weights with classes have in addition stands before these lines of viewer.html.
INSERTS = {
    "classes.html": '  <div class="bar clicks" hidden>\n',
    "label_map.html": '    <button type="button" data-download="copy">\n',
}
# What else the lines of viewer.html say of weights with classes.
WORDS = {
    "The main object is found automatically; the threshold moves its edge.": (
        "The class of each pixel is found automatically; the threshold moves the edge of the one that is picked."
    ),
    "White is the object, black is everything else.": "White is the class, black is everything else.",
}
MIN_HEIGHT = 480  # pixels reserved before the page's script has run


def answer(path: str | Path, download: Download) -> dict[str, Any]:
    """Return value for a handler of `download`; the file must be in the upload cache."""
    file = FileData(path=str(path), orig_name=Path(path).name)
    return gr.update(answer={"number": download.number, "kind": download.kind, "file": file.model_dump()})


def refusal(message: str, download: Download) -> dict[str, Any]:
    """As `answer`, where there is no file; `message` says why. Other downloads that wait for their files go on."""
    return gr.update(answer={"number": download.number, "error": message})


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


def _described(table: ClassTable) -> list[dict[str, Any]]:
    """Name and colour of each class, and whether it is background, for the legend."""
    colours = [(red, green, blue) for red, green, blue in table.colours.tolist()]
    return [
        {"name": name, "color": hex_colour(colour), "background": label == table.background}
        for label, (name, colour) in enumerate(zip(table.names, colours, strict=True))
    ]


class Viewer(gr.HTML):
    """Shows a picture with the network's result.

    Args:
        value: A `ViewerValue`, or None for an empty viewer.
        threshold: Threshold until a value or the slider sets another, 0..1.
        takes_clicks: Whether the empty viewer shows the controls for clicks.
        classes: The classes of the weights, if they have any.
        slider: ID of the element that sets the threshold, which is inert while all classes are shown.
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
        classes: ClassTable | None = None,
        slider: str | None = None,
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
            "contrast": {"longest": CONTRAST_LONGEST, "reach": CONTRAST_REACH},
            "softness": SOFTNESS,
            "maxSoftness": MAX_SOFTNESS,
            "modules": MODULES_PATH,
        }
        html, style_sheets = _read("viewer.html"), list(STYLE_SHEETS)
        if classes is not None:
            options |= {"classes": _described(classes), "slider": slider}
            for words, others in WORDS.items():
                html = html.replace(words, others)
            for name, line in INSERTS.items():
                html = html.replace(line, _read(name) + line)
            style_sheets.append(CLASSES_STYLE)
        super().__init__(
            value,
            html_template=_template(html),
            css_template=_template("\n".join(map(_read, style_sheets))),
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
                `answer(path, download)` or `refusal(message, download)`.
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
        return self._on("point", function, inputs, [self, *_listed(outputs)], event)

    def on_pick(
        self, function: Callable[..., Any], inputs: Any = None, outputs: Any = None, **event: Any
    ) -> Dependency:
        """Call `function` when the visitor picks a class.

        Args:
            function: Takes `inputs` and a `gr.EventData`, whose data hold the `label`; returns the viewer's new value,
                `viewer_value(..., classes=ClassView(label), like=before)`, followed by the values of `outputs`.
            inputs: Components whose values are passed to `function`.
            outputs: Further components that `function` updates.
            event: Further arguments of a Gradio event listener.
        """
        return self._on("pick", function, inputs, [self, *_listed(outputs)], event)

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


def _listed(outputs: Any) -> list[Any]:
    """Components as an event of Gradio's takes them, in a list."""
    return [] if outputs is None else outputs if isinstance(outputs, list) else [outputs]

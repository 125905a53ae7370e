"""The example pictures: a row of buttons whose results are there at once, because they are predicted in advance."""

import base64
import io
import logging
import threading
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from unet.errors import UnetError
from unet.hub.file_names import shipped
from unet.web import gradio_compat  # noqa: F401 - before the first class of a component
from unet.web.service import Service

FOLDER = shipped("examples")
THUMBNAIL_SIDE = 128

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A picture that may be shown freely."""

    file: str
    label: str

    @property
    def path(self) -> Path:
        """Path of the file."""
        return FOLDER / self.file


EXAMPLES = (
    Example("astronaut.jpg", "Astronaut"),
    Example("chelsea.jpg", "Cat"),
    Example("coffee.jpg", "Coffee"),
)


class ExampleRow(gr.HTML):
    """One button for each example; a click is a `click` event with the example's `index`."""

    def __init__(self, examples: tuple[Example, ...] = EXAMPLES, **kwargs: Any) -> None:
        buttons = "".join(_button(number, example) for number, example in enumerate(examples))
        script = (Path(__file__).parent / "static" / "examples.js").read_text(encoding="utf-8")
        super().__init__(
            html_template='<p class="example-hint" id="example-hint">No photograph at hand? Try one of these.</p>'
            f'<div class="example-row" role="group" aria-labelledby="example-hint">{buttons}</div>',
            js_on_load=script,
            apply_default_css=False,
            **kwargs,
        )


def _button(number: int, example: Example) -> str:
    with Image.open(example.path) as image:
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    source = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    label = escape(example.label)
    return (
        f'<button type="button" data-index="{number}">'
        f'<img src="{source}" alt="" width="{small.width}" height="{small.height}"><span>{label}</span></button>'
    )


def prepare_in_background(service: Service, examples: tuple[Example, ...] = EXAMPLES) -> threading.Thread:
    """Run the network on every example in a thread of its own; requests wait for one picture at most."""

    def prepare() -> None:
        for example in examples:
            try:
                service.prepare_example(example.path)
            except (UnetError, OSError) as error:
                logger.warning("the example %s could not be prepared: %s", example.file, error)

    thread = threading.Thread(target=prepare, name="examples", daemon=True)
    thread.start()
    return thread

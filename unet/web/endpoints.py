"""The public endpoints: what programs and assistants call.

Each is an event of its own, on components of its own that no page shows, so that the page's events can change
without changing the API. The docstrings below become the endpoints' public descriptions.
"""

import json
from typing import Any

import gradio as gr

from unet.errors import ConfigError
from unet.web.batch import run_batch
from unet.web.components import Threshold, Upload, Uploads
from unet.web.refusals import plainly
from unet.web.service import Files, Service

# The network takes every core, decoding and compression one each: two requests at a time keep both busy.
WORK: dict[str, Any] = {"concurrency_id": "pictures", "concurrency_limit": 2}
BATCH_WORK: dict[str, Any] = {"concurrency_id": "batches", "concurrency_limit": 1}


def _four(files: Files) -> tuple[str, str, str, dict[str, Any]]:
    return files.overlay, files.mask, files.cutout, files.details


def add_endpoints(service: Service) -> None:
    """Add the four public endpoints to the Blocks that are being built."""

    def segment(image: str, threshold: float) -> tuple[str, str, str, dict[str, Any]]:
        """Separate the main object of a photograph from its background.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; up to 64 MB and 100 megapixels).
            threshold: From 0 to 1; lower takes in more of the picture, higher less. Leave it at the default
                unless the mask is too small or too large.

        Returns:
            overlay (PNG: the photograph with the object coloured), mask (PNG: 255 on the object, 0 elsewhere),
            cutout (PNG: the object alone on transparency), all at the photograph's own size, and details
            (JSON: width, height, threshold, foreground as a share of the area, model, milliseconds).
        """
        return _four(service.segment(image, threshold))

    def probability(image: str) -> str:
        """How surely each pixel of a photograph belongs to its main object.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; up to 64 MB and 100 megapixels).

        Returns:
            An 8-bit grey PNG at the photograph's own size: 0 is surely background, 255 surely object. A mask for
            any threshold t is made of it by the rule: value >= 255 * t.
        """
        return service.probability(image)

    def segment_batch(files: list[str], threshold: float) -> tuple[str | None, list[dict[str, Any]]]:
        """Separate the main object from the background in many photographs at once.

        Args:
            files: Up to 100 photographs.
            threshold: From 0 to 1; lower takes in more of each picture, higher less.

        Returns:
            zip (NAME_mask.png and NAME_cutout.png of each photograph; none if every file failed) and details
            (JSON: a list with name and foreground, or name and error, in the order of the files).
        """
        *_, last = run_batch(service, files, threshold)
        return last.archive, [item.details() for item in last.items]

    def segment_clicks(image: str, clicks: str, threshold: float) -> tuple[str, str, str, dict[str, Any]]:
        """Separate the object that is pointed at from everything else in a photograph.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; up to 64 MB and 100 megapixels).
            clicks: JSON list of points, such as [{"x": 120, "y": 80, "label": 1}]: x and y in pixels of the
                upright photograph from its top left corner, label 1 for "this", 0 for "not this". [] takes the
                main object.
            threshold: From 0 to 1; lower takes in more of the picture, higher less.

        Returns:
            overlay, mask, cutout (PNG) and details (JSON), as the tool segment returns them.
        """
        if not isinstance(clicks, str):
            raise ConfigError(f"the clicks must be a JSON text, not {json.dumps(clicks)[:40]}")
        return _four(service.segment(image, threshold, clicks))

    with gr.Column(visible=False):
        image, threshold = Upload(label="image"), Threshold(service.threshold, label="threshold")
        clicks = gr.Textbox("[]", label="clicks")
        files = Uploads(label="files")
        pictures = [gr.Image(label=kind, type="filepath", format="png") for kind in ("overlay", "mask", "cutout")]
        grey = gr.Image(label="probability", type="filepath", format="png")
        archive, details = gr.File(label="zip"), gr.JSON(label="details")
        trigger = gr.Button()
        results = [*pictures, details]
        for function, inputs, outputs, work in (
            (segment, [image, threshold], results, WORK),
            (probability, [image], [grey], WORK),
            (segment_batch, [files, threshold], [archive, details], BATCH_WORK),
            (segment_clicks, [image, clicks, threshold], results, WORK),
        ):
            trigger.click(
                plainly(function), inputs, outputs, api_name=function.__name__, api_visibility="public", **work
            )

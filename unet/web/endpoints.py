"""The public endpoints, for programs and assistants.

Each is an event of its own on hidden components of its own, so that the page's events can change without changing
the API. The docstrings below become the public descriptions of the endpoints.
"""

import json
from typing import Any

import gradio as gr

from unet.errors import ConfigError
from unet.pictures.draw import Style
from unet.web.batch import run_batch
from unet.web.components import ClassName, Softness, Threshold, Upload, Uploads
from unet.web.errors import as_gradio_errors
from unet.web.service import Labelled, Segmented, Service

# The network uses every core, decoding and compression one each: two requests at a time keep all cores busy.
WORK: dict[str, Any] = {"concurrency_id": "pictures", "concurrency_limit": 2}
BATCH_WORK: dict[str, Any] = {"concurrency_id": "batches", "concurrency_limit": 1}


def add_endpoints(service: Service) -> None:
    """Add the five public endpoints to the Blocks that are being built."""

    # Gradio reads these docstrings line by line, so each parameter and each result has one line.
    def segment(image: str, threshold: float, softness: int, class_name: str) -> Segmented:
        """Segment the main object of a photograph, or one class, without clicks.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; at most 64 MB and 100 megapixels).
            threshold: From 0 to 1; lower includes more of the picture; the default is that of this model.
            softness: From 0 to 127, half the width of the cut-out's edge, in levels of probability; 0 is a hard edge.
            class_name: One of the names that /classes lists; by default the main object, or the largest class.

        Returns:
            overlay: JPEG, the photograph with the object tinted
            mask: PNG, 255 inside the object and 0 outside
            cutout: PNG, the object on a transparent background
            details: JSON with width, height, threshold, foreground (share), any class and notices, model, milliseconds
        """
        return service.segment(image, threshold, softness=softness, class_name=class_name)

    def classes(image: str) -> Labelled:
        """Tell the class of each pixel of a photograph; background and foreground, if the model knows no others.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; at most 64 MB and 100 megapixels).

        Returns:
            overlay: JPEG, the photograph tinted in the colours of its classes, apart from background
            labels: PNG whose pixels are the ids of the classes; with a palette of their colours, or 16-bit grey
            details: JSON with width, height, classes (id, name, color, share of area), model, milliseconds, any notices
        """
        return service.classes(image)

    def probability(image: str, class_name: str) -> str:
        """Predict for each pixel of a photograph the probability that it belongs to the main object, or to a class.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; at most 64 MB and 100 megapixels).
            class_name: One of the names that /classes lists; by default the main object, or the largest class.

        Returns:
            probability: 8-bit grey PNG, 255 times the probability; the mask is where value >= 255 * threshold
        """
        return service.probability(image, class_name)

    def segment_batch(files: list[str], threshold: float, softness: int) -> tuple[str | None, list[dict[str, Any]]]:
        """Segment the main object, or the largest class, of each photograph in a list.

        Args:
            files: Up to 100 photographs.
            threshold: From 0 to 1; lower includes more of each picture; the default is that of this model.
            softness: From 0 to 127, half the width of the cut-out's edge, in levels of probability; 0 is a hard edge.

        Returns:
            zip: archive with NAME_mask.png and NAME_cutout.png for each photograph; none if every file failed
            details: JSON list in the files' order, each with name, foreground, any class and notices, or name and error
        """
        *_, last = run_batch(service, files, threshold, Style(softness=softness))
        return last.archive, [item.details() for item in last.items]

    def segment_clicks(image: str, clicks: str, threshold: float, softness: int) -> Segmented:
        """Segment the object of a photograph that clicks point at.

        Args:
            image: The photograph (JPEG, PNG, WebP, HEIC, ...; at most 64 MB and 100 megapixels).
            clicks: JSON such as [{"x": 120, "y": 80, "label": 1}]; pixels from top left, 1 = object, 0 = background.
            threshold: From 0 to 1; lower includes more of the picture; the default is that of this model.
            softness: From 0 to 127, half the width of the cut-out's edge, in levels of probability; 0 is a hard edge.

        Returns:
            overlay: JPEG, the photograph with the object tinted
            mask: PNG, 255 inside the object and 0 outside
            cutout: PNG, the object on a transparent background
            details: JSON with width, height, threshold, foreground (share), any class and notices, model, milliseconds
        """
        if not isinstance(clicks, str):
            raise ConfigError(f"the clicks must be a JSON text, not {json.dumps(clicks)[:40]}")
        return service.segment(image, threshold, clicks, softness)

    with gr.Column(visible=False):
        image, threshold = Upload(label="image"), Threshold(service.threshold, label="threshold")
        clicks, softness = gr.Textbox("[]", label="clicks"), Softness(label="softness")
        class_name = ClassName(label="class_name")
        files = Uploads(label="files")
        formats = {"overlay": "jpeg", "mask": "png", "cutout": "png"}
        pictures = [gr.Image(label=kind, type="filepath", format=format) for kind, format in formats.items()]
        grey = gr.Image(label="probability", type="filepath", format="png")
        label_map = gr.Image(label="labels", type="filepath", format="png")
        archive, details = gr.File(label="zip"), gr.JSON(label="details")
        trigger = gr.Button()
        results = [*pictures, details]
        for function, inputs, outputs, work in (
            (segment, [image, threshold, softness, class_name], results, WORK),
            (classes, [image], [pictures[0], label_map, details], WORK),
            (probability, [image, class_name], [grey], WORK),
            (segment_batch, [files, threshold, softness], [archive, details], BATCH_WORK),
            (segment_clicks, [image, clicks, threshold, softness], results, WORK),
        ):
            trigger.click(
                as_gradio_errors(function), inputs, outputs, api_name=function.__name__, api_visibility="public", **work
            )

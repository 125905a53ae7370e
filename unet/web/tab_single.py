"""The tab for one picture: upload or example, threshold, viewer."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from unet.errors import ImageError, UnetError
from unet.pictures.clicks import Click, check_clicks
from unet.pictures.decode import Picture
from unet.prediction import LABELS
from unet.web.about import CLASS_THRESHOLD_HINT, THRESHOLD_HINT
from unet.web.cache import STATE_SECONDS
from unet.web.components import Threshold, Upload
from unet.web.download import Download
from unet.web.endpoints import WORK
from unet.web.errors import as_gradio_errors, sentence, showing_errors
from unet.web.examples import EXAMPLES, ExampleRow
from unet.web.gradio_compat import event_data
from unet.web.recent import RecentPictures
from unet.web.service import Service
from unet.web.theme import STATIC
from unet.web.viewer import Viewer, answer, refusal
from unet.web.viewer_value import ClassView, ViewerValue, viewer_value


@dataclass(frozen=True)
class Seen:
    """A visitor's last result of the network, kept so that the network need not run again."""

    path: str
    """Path of the upload in the file cache."""
    clicks: tuple[Click, ...]
    """Clicks that `small` was predicted with."""
    small: np.ndarray
    """Probabilities (h, w) float32, as `Predictor.prob_small` gives them."""


class Visit:
    """The page's events for one picture.

    A visitor's result is kept in the visitor's session (`Seen`); recently decoded pictures are kept for a short time by
    the path of their upload, which nobody else knows.
    """

    def __init__(self, service: Service) -> None:
        self.service, self.pictures = service, RecentPictures()

    def show(self, path: str | None) -> tuple[ViewerValue | None, Seen | None]:
        """Segment an upload; None, a cleared upload, empties the viewer."""
        if path is None:
            return None, None
        picture = self.pictures.read(path)
        small = self.service.cached_prob(path, picture)
        return self._value(picture, small, (), path), Seen(path, (), small)

    def point(self, seen: Seen | None, before: ViewerValue | None, event: gr.EventData) -> tuple[ViewerValue, Seen]:
        """Answer a change of clicks."""
        path = _source(before)
        picture = self.pictures.read(path)
        clicks = check_clicks(event_data(event).get("clicks"), picture.width, picture.height)
        seen = self._see(path, picture, clicks, seen)
        return self._value(picture, seen.small, clicks, path, before), seen

    def download(self, seen: Seen | None, shown: ViewerValue | None, event: gr.EventData) -> dict[str, Any]:
        """Write the result that the visitor asked for, with the clicks that the viewer shows, or say why it cannot."""
        download = Download.from_event(event_data(event))
        try:
            return answer(self._write(download, seen, shown), download)
        except (UnetError, MemoryError) as error:
            return refusal(sentence(error), download)

    def _write(self, download: Download, seen: Seen | None, shown: ViewerValue | None) -> str:
        path = _source(shown)
        picture = self.pictures.read(path)
        placed = [click.model_dump() for click in shown.clicks] if shown else []
        clicks = check_clicks(placed, picture.width, picture.height)
        seen = self._see(path, picture, clicks, seen)
        if download.kind == LABELS or (download.kind == "overlay" and download.classes is not None):
            return self.service.download_classes(picture, seen.small, download)
        picked = None if shown is None or shown.picked is None else self.service.check_label(shown.picked)
        _, small = self.service.one_class(seen.small, picked)
        prob8 = self.service.prob8(picture, small, clicks)
        return self.service.download(picture, prob8, download)

    def pick(self, seen: Seen | None, before: ViewerValue | None, event: gr.EventData) -> tuple[ViewerValue, Seen]:
        """Show the class that the visitor picked."""
        label = self.service.check_label(event_data(event).get("label"))
        path = _source(before)
        picture = self.pictures.read(path)
        seen = self._see(path, picture, (), seen)
        return self._value(picture, seen.small, (), path, before, label), seen

    def _see(self, path: str, picture: Picture, clicks: tuple[Click, ...], seen: Seen | None) -> Seen:
        """The network's result for these clicks: the last one, if it still fits, or a new one."""
        if seen is not None and (seen.path, seen.clicks) == (path, clicks):
            return seen
        return Seen(path, clicks, self.service.prob_small(picture, clicks))

    def _value(
        self,
        picture: Picture,
        small: np.ndarray,
        clicks: tuple[Click, ...],
        path: str,
        before: ViewerValue | None = None,
        label: int | None = None,
    ) -> ViewerValue:
        label, shown = self.service.one_class(small, label)
        prob8 = self.service.prob8(picture, shown, clicks)
        return viewer_value(
            picture,
            prob8,
            takes_clicks=self.service.predictor.takes_clicks,
            clicks=clicks,
            like=before,
            source=path,
            classes=self._classes(picture, small, label, before) if self.service.predictor.has_classes else None,
        )

    def _classes(self, picture: Picture, small: np.ndarray, label: int, before: ViewerValue | None) -> ClassView:
        """The class that is shown, and for a new picture where all of them are."""
        if before is not None:
            return ClassView(label)
        labels = self.service.labels(picture, small)
        return ClassView(label, labels, self.service.shares(labels))


def _source(value: ViewerValue | None) -> str:
    """The upload that the viewer shows; the image input may already hold the next one."""
    if value is None or value.source is None:
        raise ImageError("no picture was given; upload one first")
    return value.source.path


def single_tab(service: Service) -> None:
    """Add the tab's content to the Blocks that are being built."""
    with gr.Row(elem_classes="panes"):
        with gr.Column(scale=1, min_width=300):
            image = Upload(
                label="Photograph",
                elem_id="image",
                height=250,
                sources=["upload", "clipboard", "webcam"],
                buttons=["fullscreen"],
                webcam_options=gr.WebcamOptions(mirror=False),  # it would mirror the picture that is taken, too
                placeholder="Drop a photograph here,\npaste one, or click to choose",
            )
            examples = ExampleRow(elem_id="examples", elem_classes="flush")
        with gr.Column(scale=2, min_width=300):
            hint = CLASS_THRESHOLD_HINT if service.predictor.has_classes else THRESHOLD_HINT
            threshold = Threshold(service.threshold, label="Threshold", info=hint, elem_id="threshold")
            predictor = service.predictor
            viewer = Viewer(
                threshold=service.threshold,
                takes_clicks=predictor.takes_clicks,
                classes=predictor.table if predictor.has_classes else None,
                slider="threshold",
                elem_id="viewer",
            )
    seen = gr.State(None, time_to_live=STATE_SECONDS)

    visit = Visit(service)
    # A picture that cannot be shown empties the viewer. The event does not fail: the next upload may wait for its end.
    show = showing_errors(visit.show, instead=(None, None))
    shown = image.change(show, image, [viewer, seen], api_visibility="private", show_progress="minimal", **WORK)
    # Any other failure must not leave the last picture's result behind either; the browser clears it itself.
    shown.failure(None, None, viewer, js="() => null")
    shown.success(None, viewer, None, js=(STATIC / "reveal.js").read_text(encoding="utf-8"))
    viewer.on_point(as_gradio_errors(visit.point), [seen, viewer], seen, **WORK)
    if predictor.has_classes:
        viewer.on_pick(as_gradio_errors(visit.pick), [seen, viewer], seen, **WORK)
    viewer.on_download(as_gradio_errors(visit.download), [seen, viewer], **WORK)
    examples.click(_example_path, None, image, api_visibility="private", show_progress="hidden", queue=False)
    threshold.change(None, threshold, None, js=viewer.threshold_js())


def _example_path(event: gr.EventData) -> str:
    return str(EXAMPLES[int(event_data(event)["index"])].path)

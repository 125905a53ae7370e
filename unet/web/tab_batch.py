"""The tab for many pictures: upload, progress, gallery, one archive."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from unet.web.about import LARGEST_THRESHOLD_HINT, THRESHOLD_HINT
from unet.web.batch import MAX_PICTURES, BatchProgress, run_batch
from unet.web.components import Threshold, Uploads
from unet.web.endpoints import BATCH_WORK
from unet.web.errors import as_gradio_errors
from unet.web.service import Service

WAITING = "<p>Waiting: one batch is segmented at a time.</p>"
STOPPED = "<p>Stopped by an error. Please try again.</p>"
AT_WORK = "<p>Working:"  # how the line of a batch at work begins


def batch_tab(service: Service) -> None:
    """Add the tab's content to the Blocks that are being built."""
    hint = LARGEST_THRESHOLD_HINT if service.predictor.has_classes else THRESHOLD_HINT
    with gr.Row(elem_classes="panes"):
        with gr.Column(scale=1, min_width=300):
            files = Uploads(label=f"Photographs, up to {MAX_PICTURES}", elem_id="batch-files")
            threshold = Threshold(service.threshold, label="Threshold", info=hint, elem_id="batch-threshold")
            start = gr.Button("Segment all", variant="primary", elem_id="batch-start")
        with gr.Column(scale=2, min_width=300):
            status = gr.HTML(status_html(None), elem_id="batch-status", elem_classes="flush", apply_default_css=False)
            gallery = gr.Gallery(
                label="Overlays",
                columns=4,
                height="auto",
                object_fit="contain",
                format="png",
                interactive=False,
                elem_id="batch-gallery",
            )
            archive = gr.File(label="Masks and cut-outs, one zip", interactive=False, elem_id="batch-zip")

    def segment_all(paths: list[str] | None, threshold: float) -> Iterator[tuple[str, list[Any], str | None]]:
        for progress in run_batch(service, paths, threshold, previews=True):
            shown = [(item.preview, item.name) for item in progress.items if item.preview]
            yield status_html(progress), shown, progress.archive

    # From the press on; a second press while the batch is at work changes nothing.
    waiting = f"(html) => html.includes({json.dumps(AT_WORK)}) ? html : {json.dumps(_status(WAITING))}"
    start.click(None, status, status, js=waiting)
    started = start.click(
        as_gradio_errors(segment_all),
        [files, threshold],
        [status, gallery, archive],
        api_visibility="private",
        show_progress="hidden",
        **BATCH_WORK,
    )
    started.failure(stopped_html, status, status, api_visibility="private", show_progress="hidden", queue=False)


def status_html(progress: BatchProgress | None) -> str:
    """The progress of a batch and its failures; screen readers announce changes."""
    if progress is None:
        return _status("<p>Choose photographs, then press <b>Segment all</b>: each gets a mask and a cut-out.</p>")
    return _status(_progress_html(progress))


def stopped_html(status: str) -> str:
    """The status after a failure of the batch that had `status`: it was at work, or it was refused."""
    if AT_WORK in status:
        return _status(STOPPED)
    return status_html(None) if WAITING in status else status


def _status(body: str) -> str:
    return f'<div class="batch-status" role="status" aria-live="polite">{body}</div>'


def _progress_html(progress: BatchProgress) -> str:
    done = len(progress.items)
    failed = [item for item in progress.items if item.error]
    finished = done == progress.total
    begin = "<p>Done:" if finished else AT_WORK
    good = done - len(failed)
    lines = [
        f'<progress value="{done}" max="{progress.total}" aria-label="Progress"></progress>',
        f"{begin} {done} of {progress.total}, {good} segmented{f', {len(failed)} failed' if failed else ''}.</p>",
    ]
    said = [item.error or "" for item in failed]
    said += [f"{item.name}: {notice}" for item in progress.items for notice in item.notices]
    if said:
        rows = "".join(f"<li>{escape(text)}</li>" for text in said)
        lines.append(f"<ul>{rows}</ul>")
    return "".join(lines)

"""The page and its API: `python app.py [--weights FOLDER_OR_REPO] [--port N]`."""

import os

# Read by the libraries below while they are imported: nothing about visitors is sent to anyone.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from collections.abc import Sequence

import gradio as gr

from unet.web import about
from unet.web.cache import KEEP, SWEEP_EVERY
from unet.web.endpoints import add_endpoints
from unet.web.gate import Page
from unet.web.many import many_tab
from unet.web.service import Service

QUEUE_LENGTH = 64


def build(service: Service, notices: Sequence[str] = ()) -> Page:
    """The whole page around `service`; `notices` are shown on top."""
    with Page(title=about.TITLE, delete_cache=(SWEEP_EVERY, KEEP)) as page:
        gr.HTML(about.HEADER, apply_default_css=False)
        with gr.Tab("Many pictures"):
            many_tab(service)
        add_endpoints(service)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=2)
    return page

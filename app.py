"""The page and its API: `python app.py [--weights FOLDER_OR_REPO] [--port N]`."""

import os

# Read by the libraries below while they are imported: nothing about visitors is sent to anyone.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import logging
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from unet.errors import UnetError
from unet.processes import share_heaps
from unet.web import about, cache, server
from unet.web.endpoints import add_endpoints
from unet.web.examples import prepare_in_background
from unet.web.gate import Page
from unet.web.service import Service
from unet.web.tab_batch import many_tab
from unet.web.tab_single import single_tab

ROOT = Path(__file__).resolve().parent
QUEUE_LENGTH = 64


def build(service: Service, facts: str = "", notices: Sequence[str] = ()) -> Page:
    """The whole page.

    Args:
        service: answers the page and the endpoints.
        facts: HTML about the weights in use.
        notices: sentences for the top of the page, such as a fallback to other weights.
    """
    with Page(title=about.TITLE, fill_width=True, delete_cache=(cache.SWEEP_EVERY, cache.KEEP)) as page:
        gr.HTML(about.HEADER, elem_classes="flush", apply_default_css=False)
        if notices:
            gr.HTML(about.notices_html(notices), elem_classes="flush", apply_default_css=False)
        with gr.Tab("One picture"):
            single_tab(service)
        with gr.Tab("Many pictures"):
            many_tab(service)
        with gr.Accordion("The weights in use, and what is kept of a picture", open=False):
            gr.HTML(facts, elem_classes="flush", apply_default_css=False)
        add_endpoints(service)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=2)
    return page


def main(argv: Sequence[str] | None = None) -> int:
    """Load the weights, open the port, serve until told to stop; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from unet.web.loading import load_predictor  # the page itself needs no torch

    share_heaps()
    try:
        options = server.parse_options(argv)
        server.check_port(options.host, options.port)
        predictor, notices = load_predictor(options.weights, ROOT)
        with cache.cache_folder() as folder:
            service = Service(predictor, folder, server.gpu_decorator()(predictor.prob_small))
            facts = about.facts_html(predictor.name, predictor.revision, predictor.config)
            page = build(service, facts, notices)
            prepare_in_background(service)
            server.serve_until_stopped(page, options)
    except UnetError as error:
        return server.complain(error)
    return 0


if __name__ == "__main__":
    server.leave(main())

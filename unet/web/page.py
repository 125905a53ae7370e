"""The whole page: header, two tabs, what it says about itself, and the endpoints."""

from collections.abc import Sequence

import gradio as gr

from unet.web import about, cache
from unet.web.endpoints import add_endpoints
from unet.web.gate import Page
from unet.web.gradio_compat import keep_waiting_sessions
from unet.web.service import Service
from unet.web.tab_batch import batch_tab
from unet.web.tab_single import single_tab

QUEUE_LENGTH = 64


def build(service: Service, facts: str = "", notices: Sequence[str] = ()) -> Page:
    """Build the page.

    Args:
        service: Answers the page's events and the endpoints.
        facts: HTML about the model and privacy.
        notices: Sentences for the top of the page, such as a fallback to other weights.
    """
    of_classes = service.predictor.has_classes
    title = about.CLASSES_TITLE if of_classes else about.TITLE
    with Page(title=title, fill_width=True, delete_cache=(cache.SWEEP_EVERY, cache.KEEP)) as page:
        gr.HTML(about.CLASSES_HEADER if of_classes else about.HEADER, elem_classes="flush", apply_default_css=False)
        if notices:
            gr.HTML(about.notices_html(notices), elem_classes="flush", apply_default_css=False)
        with gr.Tab("One picture"):
            single_tab(service)
        with gr.Tab("Many pictures"):
            batch_tab(service)
        with gr.Accordion("Model and privacy", open=False):
            gr.HTML(facts, elem_classes="flush", apply_default_css=False)
        add_endpoints(service)
    page.states = cache.states(service.predictor.answer_bytes)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=2, api_open=False)  # else /run/ would not wait its turn
    keep_waiting_sessions(page)
    return page

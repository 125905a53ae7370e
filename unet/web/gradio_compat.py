"""Every use of Gradio's internals, in one place that checks at import that each still has the expected form.

A renamed hook would not fail by itself: the page would start and serve without its upload gate.
"""

import inspect
import logging
from collections.abc import Sequence
from itertools import islice
from typing import Any

import gradio as gr
import uvicorn
from gradio import blocks, component_meta, exceptions, helpers, queueing, route_utils, server_messages, utils

from unet.errors import ConfigError

TESTED_GRADIO = "6.31.0"
SESSIONS = 2000  # of a queue, as in Gradio

logger = logging.getLogger(__name__)


def _refuse(hook: str) -> None:
    raise ConfigError(
        f"Gradio {gr.__version__} cannot be used: its internal {hook} is missing or has changed; this program was "
        f"tested with gradio=={TESTED_GRADIO}"
    )


def _check_function(holder: Any, name: str, *parameters: str) -> None:
    """Make sure that `holder.name` is a function that takes `parameters`, in this order."""
    function = getattr(holder, name, None)
    if not callable(function) or tuple(inspect.signature(function).parameters) != parameters:
        _refuse(f"{holder.__name__}.{name}")


def _check_use(holder: Any, function_name: str, name: str) -> None:
    """Make sure that the code of `holder.function_name` calls or sets an attribute `name`."""
    function = getattr(holder, function_name, None)
    if function is None or name not in inspect.unwrap(function).__code__.co_names:
        _refuse(f"{holder.__name__}.{function_name}")


def check_hooks() -> None:
    """Check every hook that this module, or a module that imports from it, relies on.

    Raises:
        ConfigError: A hook is missing or has another signature; the message names it.
    """
    _check_function(component_meta, "create_or_modify_pyi", "component_class", "class_name", "events")
    _check_function(gr.Blocks, "preprocess_data", "self", "block_fn", "inputs", "state", "explicit_call")
    if not inspect.iscoroutinefunction(gr.Blocks.preprocess_data):
        _refuse("Blocks.preprocess_data")
    _check_use(gr.Blocks, "process_api", "preprocess_data")
    if not {"inputs", "api_name"} <= set(inspect.signature(blocks.BlockFunction).parameters):
        _refuse("BlockFunction")
    for component in (gr.Image, gr.Slider, gr.File):
        _check_function(component, "get_config", "self", "cls")
    _check_function(gr.EventData, "__init__", "self", "target", "_data")
    _check_function(utils, "get_upload_folder")
    if not isinstance(getattr(route_utils, "API_PREFIX", None), str):
        _refuse("route_utils.API_PREFIX")
    if not issubclass(getattr(exceptions, "ComponentProcessingError", object), Exception):
        _refuse("exceptions.ComponentProcessingError")
    _check_function(helpers, "log_message", "message", "title", "level", "duration", "visible")
    if "'error'" not in str(inspect.signature(getattr(server_messages, "LogMessage", object))):
        _refuse("server_messages.LogMessage")
    _check_use(gr.Blocks, "launch", "node_process")
    _check_use(uvicorn.Server, "__init__", "force_exit")
    for attribute in ("pending_messages_per_session", "event_ids_to_events"):
        _check_use(queueing.Queue, "__init__", attribute)
    _check_use(queueing.Queue, "push", "pending_messages_per_session")


check_hooks()
API_PREFIX = route_utils.API_PREFIX
get_upload_folder = utils.get_upload_folder


def _write_no_stub(component_class: type, class_name: str, events: list[Any]) -> None:
    """Replaces the function that writes a type stub beside the source of every component class.

    A page that starts must not write into its own program, and such a stub would hide the source from type checkers.
    """


component_meta.create_or_modify_pyi = _write_no_stub


class GatedBlocks(gr.Blocks):
    """Blocks whose every input, of page and API alike, passes `gate` before any component sees it."""

    async def gate(self, components: Sequence[Any], values: list[Any]) -> list[Any]:
        """Check the values for `components` and replace what has to be replaced."""
        raise NotImplementedError

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """Gradio's own, behind the gate; values left out at the end are filled in where components are `optional`."""
        missing = block_fn.inputs[len(inputs) :]
        if all(getattr(component, "optional", False) for component in missing):
            inputs = [*inputs, *(component.value for component in missing)]
        try:
            inputs = await self.gate(block_fn.inputs, inputs)
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:  # a ValueError, too, whose sentence is for the client
            raise
        except (exceptions.ComponentProcessingError, ValueError, TypeError, RecursionError) as error:
            logger.info("inputs of %s refused: %s", block_fn.api_name, type(error).__name__)
            raise gr.Error(
                "The request's inputs do not have the form this endpoint takes; see the page's API documentation.",
                print_exception=False,
            ) from error


class Sessions(dict[str, Any]):
    """The messages to each session of a queue, at most `SESSIONS` of them, or as many as wait for an answer.

    Gradio's own forgets the oldest session when another one comes, even while its client waits: after 2,000 others, of
    which those that hung up stay, its stream ends in the middle. Here those go that have nothing in the queue any more.
    """

    def __init__(self, queue: queueing.Queue) -> None:
        super().__init__(queue.pending_messages_per_session)
        self._events = queue.event_ids_to_events

    def __setitem__(self, session: str, messages: Any) -> None:
        excess = len(self) + 1 - SESSIONS
        if session not in self and excess > 0:
            waiting = {event.session_hash for event in self._events.values()}
            idle = (known for known in self if known not in waiting)
            for oldest in list(islice(idle, excess)):
                del self[oldest]
        super().__setitem__(session, messages)


def keep_waiting_sessions(page: gr.Blocks) -> None:
    """Let no session of the page's queue be forgotten while it waits for an answer."""
    queue: Any = page._queue  # declared with Gradio's own kind of sessions
    queue.pending_messages_per_session = Sessions(queue)


def event_data(event: gr.EventData) -> Any:
    """The data that the browser sent with an event."""
    return event._data


def show_error(message: str) -> None:
    """Show an error to the visitor whose event is at work, as `gr.Error` would, without making the event fail."""
    log: Any = helpers.log_message  # declared for every level but this one
    log(message, title="Error", level="error")


def drop_connections(page: gr.Blocks) -> None:
    """Let a server that is closing cut its connections instead of waiting for them."""
    page.server.force_exit = True


def close(page: gr.Blocks) -> None:
    """Free the port; with server-side rendering, end the process of Node, too."""
    page.close(verbose=False)
    if page.node_process is not None:
        page.node_process.kill()
        page.node_process.wait()

"""Errors as clients see them: one sentence, no traceback, no path of the server."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr

from unet.errors import UnetError
from unet.web.gradio_compat import show_error

F = TypeVar("F", bound=Callable[..., Any])


def sentence(error: UnetError | MemoryError) -> str:
    """What a client reads of an error that can be expected."""
    if isinstance(error, MemoryError):
        return "This picture is too large for the memory that is free now."
    return str(error)


def gradio_error(error: UnetError | MemoryError) -> gr.Error:
    """The error that Gradio shows to a client: the sentence of `error`, without a traceback in the log."""
    return gr.Error(sentence(error), print_exception=False)


@contextlib.contextmanager
def gradio_errors() -> Iterator[None]:
    """Turn the errors of a block into `gr.Error`."""
    try:
        yield
    except (UnetError, MemoryError) as error:
        raise gradio_error(error) from error


def as_gradio_errors(function: F) -> F:
    """Make an event's function, or generator, raise its errors as `gr.Error`, which Gradio shows to clients."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with gradio_errors():
                yield from function(*args, **kwargs)

        return generate  # type: ignore[return-value]

    return gradio_errors()(function)


def showing_errors(function: F, instead: Any) -> F:
    """Make an event's function show its errors as Gradio does and return `instead`, so that the event does not fail.

    A change of an input that waits for an event to end (`trigger_mode="always_last"`) is lost where the event fails.
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (UnetError, MemoryError) as error:
            show_error(sentence(error))
            return instead

    return run  # type: ignore[return-value]

"""Errors as clients see them: one sentence, no traceback, no path of the server."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr

from unet.errors import UnetError

F = TypeVar("F", bound=Callable[..., Any])


def gradio_error(error: UnetError) -> gr.Error:
    """The error that Gradio shows to a client: the sentence of `error`, without a traceback in the log."""
    return gr.Error(str(error), print_exception=False)


@contextlib.contextmanager
def gradio_errors() -> Iterator[None]:
    """Turn the errors of a block into `gr.Error`."""
    try:
        yield
    except UnetError as error:
        raise gradio_error(error) from error
    except MemoryError as error:
        message = "This picture is too large for the memory that is free now."
        raise gr.Error(message, print_exception=False) from error


def as_gradio_errors(function: F) -> F:
    """Make an event's function, or generator, raise its errors as `gr.Error`, which Gradio shows to clients."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with gradio_errors():
                yield from function(*args, **kwargs)

        return generate  # type: ignore[return-value]

    return gradio_errors()(function)

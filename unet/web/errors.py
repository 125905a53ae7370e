"""Errors on their way to a client: one sentence, no traceback, no path of the server."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr

from unet.errors import UnetError

F = TypeVar("F", bound=Callable[..., Any])


def refusal(error: UnetError) -> gr.Error:
    """`error` as Gradio shows it to a client: its sentence, without a traceback in the log."""
    return gr.Error(str(error), print_exception=False)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except UnetError as error:
        raise refusal(error) from error
    except MemoryError as error:
        message = "This picture is too large for the memory that is free now."
        raise gr.Error(message, print_exception=False) from error


def plainly(function: F) -> F:
    """Make an event's function, a generator too, raise its errors the way Gradio shows them to clients."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _plain_errors():
                yield from function(*args, **kwargs)

        return generate  # type: ignore[return-value]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _plain_errors():
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]

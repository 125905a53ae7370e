"""Inputs that page and endpoints share; their error messages are sentences."""

import json
from typing import Any

import gradio as gr

from unet.errors import ConfigError, UnetError
from unet.pictures.draw import MAX_SOFTNESS, SOFTNESS, check_softness, check_threshold
from unet.web import gradio_compat  # noqa: F401 - before the first class of a component
from unet.web.errors import gradio_error

_EXAMPLE = {"path": "photograph.jpg", "meta": {"_type": "gradio.FileData"}}


class Upload(gr.Image):
    """A picture input that passes on the raw file, which `unet.pictures.decode` reads.

    Gradio's own reading would clip 16-bit pictures, drop transparency and fail on many files with messages of its own.
    """

    is_template = True

    def __init__(self, value: Any = None, **kwargs: Any) -> None:
        super().__init__(value, type="filepath", image_mode=None, format="png", **kwargs)

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """The settings for the browser, which knows Gradio's own component only."""
        return super().get_config(cls or gr.Image)

    def preprocess(self, payload: Any) -> str | None:
        """The upload's path in the server's cache, or None when there is no upload."""
        return payload.path if payload else None

    def example_payload(self) -> Any:
        """An input for Gradio's generated documentation."""
        return _EXAMPLE


class Threshold(gr.Slider):
    """A slider from 0 to 1 in steps of 0.01 whose error messages are sentences."""

    is_template = True

    def __init__(self, value: float, **kwargs: Any) -> None:
        super().__init__(0, 1, value, step=0.01, **kwargs)

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """The settings for the browser, which knows Gradio's own component only."""
        return super().get_config(cls or gr.Slider)

    def preprocess(self, payload: Any) -> float:
        """The value as sent, not rounded.

        Raises:
            gr.Error: The value is not a number from 0 to 1.
        """
        try:
            return check_threshold(payload)
        except UnetError as error:
            raise gradio_error(error) from error

    def example_payload(self) -> Any:
        """An input for Gradio's generated documentation."""
        return self.value


class Softness(gr.Slider):
    """The softness of a cut-out's edge; requests may leave it out."""

    is_template = True
    optional = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(0, MAX_SOFTNESS, SOFTNESS, step=1, **kwargs)

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """The settings for the browser, which knows Gradio's own component only."""
        return super().get_config(cls or gr.Slider)

    def preprocess(self, payload: Any) -> int:
        """The value as sent.

        Raises:
            gr.Error: The value is not a whole number from 0 to MAX_SOFTNESS.
        """
        try:
            return check_softness(payload)
        except UnetError as error:
            raise gradio_error(error) from error

    def example_payload(self) -> Any:
        """An input for Gradio's generated documentation."""
        return self.value


class ClassName(gr.Textbox):
    """The name of a class; requests may leave it out, as "" or null, too."""

    is_template = True
    optional = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("", **kwargs)

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """The settings for the browser, which knows Gradio's own component only."""
        return super().get_config(cls or gr.Textbox)

    def preprocess(self, payload: Any) -> str:
        """The name as sent; "" if there is none.

        Raises:
            gr.Error: The value is no text.
        """
        if payload is None or isinstance(payload, str):
            return payload or ""
        raise gradio_error(ConfigError(f"the name of a class must be a text, not {json.dumps(payload)[:40]}"))

    def example_payload(self) -> Any:
        """An input for Gradio's generated documentation."""
        return self.value


class Uploads(gr.File):
    """Several files of any type: their content decides whether they are pictures."""

    is_template = True

    def __init__(self, value: Any = None, **kwargs: Any) -> None:
        super().__init__(value, file_count="multiple", type="filepath", **kwargs)

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """The settings for the browser, which knows Gradio's own component only."""
        return super().get_config(cls or gr.File)

    def api_info(self) -> dict[str, Any]:
        """The JSON schema of the input, without references, which MCP clients cannot resolve."""
        meta = {"type": "object", "properties": {"_type": {"const": "gradio.FileData"}}}
        file = {"type": "object", "properties": {"path": {"type": "string"}, "meta": meta}, "title": "FileData"}
        return {"type": "array", "items": file, "title": "ListFiles"}

    def example_payload(self) -> Any:
        """An input for Gradio's generated documentation."""
        return [_EXAMPLE]


def as_files(value: Any) -> Any:
    """Turn each plain string in place of a file, a web address or data URL, into Gradio's form for files."""
    if isinstance(value, list):
        return [as_files(item) for item in value]
    return {"path": value, "meta": {"_type": "gradio.FileData"}} if isinstance(value, str) else value

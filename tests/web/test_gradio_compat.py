"""A Gradio whose internals have changed must not start a page with its upload gate switched off."""

import gradio as gr
import pytest
from gradio import component_meta, exceptions, helpers, route_utils, server_messages, utils
from test_start import run
from web_helpers import free_port

from unet.errors import ConfigError
from unet.web import gradio_compat


def test_the_installed_gradio_is_the_tested_one():
    assert gr.__version__ == gradio_compat.TESTED_GRADIO
    gradio_compat.check_hooks()


@pytest.mark.parametrize(
    ("holder", "name", "hook"),
    [
        (component_meta, "create_or_modify_pyi", "gradio.component_meta.create_or_modify_pyi"),
        (gr.Blocks, "preprocess_data", "Blocks.preprocess_data"),
        (gr.Blocks, "process_api", "Blocks.process_api"),
        (gr.Blocks, "launch", "Blocks.launch"),
        (utils, "get_upload_folder", "gradio.utils.get_upload_folder"),
        (route_utils, "API_PREFIX", "route_utils.API_PREFIX"),
        (exceptions, "ComponentProcessingError", "exceptions.ComponentProcessingError"),
        (helpers, "log_message", "gradio.helpers.log_message"),
        (server_messages, "LogMessage", "server_messages.LogMessage"),
    ],
)
def test_a_missing_hook_is_named(monkeypatch, holder, name, hook):
    monkeypatch.delattr(holder, name)
    with pytest.raises(ConfigError, match=rf"^Gradio .* cannot be used: its internal {hook} .*gradio==6") as error:
        gradio_compat.check_hooks()
    assert "\n" not in str(error.value)


async def other_parameters(self, block_fn, inputs, state):
    """As Blocks.preprocess_data, but for one parameter."""


def not_async(self, block_fn, inputs, state, explicit_call=False):
    """As Blocks.preprocess_data, but for `async`."""


@pytest.mark.parametrize("changed", [other_parameters, not_async])
def test_a_changed_signature_is_refused(monkeypatch, changed):
    monkeypatch.setattr(gr.Blocks, "preprocess_data", changed)
    with pytest.raises(ConfigError, match=r"Blocks\.preprocess_data is missing or has changed"):
        gradio_compat.check_hooks()


async def process_api(self):
    """As Blocks.process_api, but for the call of preprocess_data."""
    return self.prepare_data()


def test_a_gate_that_gradio_no_longer_calls_is_refused(monkeypatch):
    monkeypatch.setattr(gr.Blocks, "process_api", process_api)
    with pytest.raises(ConfigError, match=r"process_api"):
        gradio_compat.check_hooks()


def test_the_page_does_not_start_without_its_gate(tiny_weights):
    code = f"""
import gradio
gradio.Blocks.prepare_data = gradio.Blocks.preprocess_data
del gradio.Blocks.preprocess_data
from unet.web.app import main
print(main(["--weights", {str(tiny_weights)!r}, "--port", "{free_port()}"]))
"""
    result = run(code)
    assert result.stdout == "1\n", result.stderr
    assert result.stderr.startswith("unet app: Gradio 6")
    assert "Blocks.preprocess_data" in result.stderr
    assert result.stderr.count("\n") == 1

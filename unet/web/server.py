"""Starting and ending the server: its options, its port, and how it stops."""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from starlette.middleware import Middleware

from unet.errors import ConfigError
from unet.pictures.decode import MAX_BYTES
from unet.web.cache import STATES
from unet.web.examples import FOLDER as EXAMPLES_FOLDER
from unet.web.gate import BodyLimit, Page
from unet.web.theme import HEAD, STYLE_SHEETS, theme

DEFAULT_PORT = 7860
GRACE = 2.0  # seconds for requests that are running when the server is told to end
PATIENCE = 4.0  # seconds until the process ends whatever still runs


@dataclass(frozen=True)
class Options:
    """What the command line and the environment say."""

    weights: str | None
    """Folder or Hub repo; None for the pinned repo or the embedded weights."""
    host: str
    """Address to listen on."""
    port: int
    """Port to listen on."""


def parse_options(argv: Sequence[str] | None = None) -> Options:
    """Options of app.py; a command line option comes before its environment variable.

    Raises:
        ConfigError: the port is no port number.
        SystemExit: an unknown option (2) or --help (0).
    """
    parser = argparse.ArgumentParser(prog="app.py", description="Serve the segmentation page and its API.")
    parser.add_argument("--weights", help="folder or Hub repo, user/name[@revision] (environment: UNET_WEIGHTS)")
    parser.add_argument("--port", help=f"port to serve on (environment: GRADIO_SERVER_PORT; default {DEFAULT_PORT})")
    given = parser.parse_args(argv)
    port = given.port or os.environ.get("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ConfigError(f"the port must be a number from 1 to 65535, not {port!r}")
    # Inside a Space the proxy comes from outside the container.
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    return Options(given.weights or os.environ.get("UNET_WEIGHTS") or None, host, int(port))


def check_port(host: str, port: int) -> None:
    """Make sure that `port` is free before anything slow begins.

    Raises:
        ConfigError: it is taken, or `host` is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise ConfigError(
                f"cannot serve on {host}:{port} ({error.strerror or error}); choose another port with --port"
            ) from error


def gpu_decorator() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`spaces.GPU` on ZeroGPU hardware, where work must ask for the GPU; elsewhere nothing is changed."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in {"1", "t", "true"}:
        return lambda function: function
    import spaces

    return spaces.GPU(duration=10)


def launch(page: Page, options: Options) -> None:
    """Open the port and return once the page answers.

    Raises:
        ConfigError: the port was taken in the meantime.
    """
    try:
        page.launch(
            server_name=options.host,
            server_port=options.port,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,  # errors other than gr.Error would carry paths of this server
            enable_monitoring=False,
            strict_cors=True,
            run_history=False,  # a browser keeps nothing of what was uploaded
            pwa=False,
            max_file_size=MAX_BYTES,
            allowed_paths=[str(EXAMPLES_FOLDER)],  # wherever the app was started from
            state_session_capacity=STATES,
            footer_links=["api", "gradio", "settings"],
            theme=theme(),
            head=HEAD,
            css_paths=STYLE_SHEETS,
            app_kwargs={"middleware": [Middleware(BodyLimit)]},
        )
    except OSError as error:
        raise ConfigError(f"cannot serve on {options.host}:{options.port} ({error})") from error


def serve_until_stopped(page: Page, options: Options) -> None:
    """Serve until SIGTERM or SIGINT, then close within seconds, whatever is running.

    Raises:
        ConfigError: the port cannot be had.
    """
    stopped = threading.Event()
    _on_signals(stopped)
    launch(page, options)
    _on_signals(stopped)  # once more: with server-side rendering, the launch has set handlers of its own
    print(f"Serving on {page.local_url}", flush=True)
    while not stopped.wait(0.5):  # waking up now and then, since a signal may reach another thread first
        pass
    print("Stopping.", flush=True)
    for seconds, action in ((GRACE, lambda: _drop_connections(page)), (PATIENCE, lambda: os._exit(1))):
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()
    close(page)


def close(page: Page) -> None:
    """Free the port; with server-side rendering there is a process of Node to end, too."""
    page.close(verbose=False)
    if page.node_process is not None:
        page.node_process.kill()
        page.node_process.wait()


def _on_signals(stopped: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())


def _drop_connections(page: Page) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # each cut connection would be reported
    page.server.force_exit = True


def leave(status: int) -> NoReturn:
    """End the process without waiting for threads that are still at work on answers nobody will read."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def complain(error: Exception) -> int:
    """Print `error` as one line on stderr; returns the exit status."""
    print(f"app.py: {error}", file=sys.stderr)
    return 1

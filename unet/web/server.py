"""Starting and stopping the server."""

import logging
import os
import signal
import threading

from starlette.middleware import Middleware

from unet.errors import ConfigError
from unet.pictures.decode import MAX_BYTES
from unet.web.examples import FOLDER as EXAMPLES_FOLDER
from unet.web.gate import BodyLimit, Page
from unet.web.gradio_compat import close, drop_connections
from unet.web.options import Options
from unet.web.theme import HEAD, STYLE_SHEETS, theme
from unet.web.viewer import ROUTES

GRACE = 2.0  # seconds for running requests to finish once the server stops
PATIENCE = 4.0  # seconds until the process ends, whatever still runs


def launch(page: Page, options: Options) -> None:
    """Open the port and return once the page answers.

    Raises:
        ConfigError: The port was taken in the meantime.
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
            state_session_capacity=page.states,
            footer_links=["api", "gradio", "settings"],
            theme=theme(),
            head=HEAD,
            css_paths=STYLE_SHEETS,
            app_kwargs={"middleware": [Middleware(BodyLimit)], "routes": ROUTES},
        )
    except OSError as error:
        raise ConfigError(f"cannot serve on {options.host}:{options.port} ({error})") from error


def serve_until_stopped(page: Page, options: Options) -> None:
    """Serve until SIGTERM or SIGINT, then close within seconds, whatever is running.

    Raises:
        ConfigError: The port was taken in the meantime.
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


def _on_signals(stopped: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())


def _drop_connections(page: Page) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # each cut connection would be reported
    drop_connections(page)

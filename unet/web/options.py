"""What the command line and the environment say about the server; importable without Gradio."""

import argparse
import errno
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from unet.errors import ConfigError

DEFAULT_PORT = 7860


@dataclass(frozen=True)
class Options:
    """Settings of the server."""

    weights: str | None
    """Folder or Hub repo; None for the pinned repo or the embedded weights."""
    host: str
    """Address to listen on, one of IPv6 in brackets."""
    port: int
    """Port to listen on."""


def parse_options(argv: Sequence[str] | None = None, prog: str = "app.py") -> Options:
    """Read the options; one on the command line comes before its environment variable.

    Raises:
        ConfigError: The port is not a number from 1 to 65535.
        SystemExit: An unknown option (2) or --help (0).
    """
    parser = argparse.ArgumentParser(prog=prog, description="Serve the segmentation page and its API.")
    parser.add_argument(
        "--weights",
        metavar="DIR_OR_REPO",
        help="weights folder, or Hub repo USER/NAME[@REVISION] (environment: UNET_WEIGHTS; default: the model that "
        "README.md pins, else the weights that come with the program)",
    )
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="address to listen on: 0.0.0.0 for the whole network, ::1 or :: with IPv6 (environment: "
        "GRADIO_SERVER_NAME; default: 127.0.0.1, which only this machine reaches)",
    )
    parser.add_argument("--port", help=f"port to serve on (environment: GRADIO_SERVER_PORT; default: {DEFAULT_PORT})")
    given = parser.parse_args(argv)
    port = given.port or os.environ.get("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ConfigError(f"the port must be a number from 1 to 65535, not {port!r}")
    # Inside a Space the proxy comes from outside the container.
    usual = "0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"
    host = (given.host or os.environ.get("GRADIO_SERVER_NAME") or usual).strip("[]")
    host = f"[{host}]" if ":" in host else host  # as in the address of a page
    return Options(given.weights or os.environ.get("UNET_WEIGHTS") or None, host, int(port))


def check_port(host: str, port: int) -> None:
    """Make sure that `port` is free before anything slow begins.

    Raises:
        ConfigError: The port is taken, or `host` is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            other = error.errno in (errno.EADDRINUSE, errno.EACCES)
            way = "choose another port with --port" if other else "give an address of this machine with --host"
            raise ConfigError(f"cannot serve on {host}:{port} ({error.strerror or error}); {way}") from error

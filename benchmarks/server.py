"""`python app.py` and a client's side of its API, for the benchmarks."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import common
import httpx
import psutil

START_SECONDS = 120.0  # until a server that does not answer is given up
REQUEST_SECONDS = 300.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[str], url: str, root: Path = common.ROOT) -> Iterator[tuple[psutil.Process, float]]:
    """A server as a process of its own, started in `root`: the process and the seconds until `url` answered.

    Raises:
        RuntimeError: it ended, or did not answer in time.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(url, timeout=5).status_code == 200:
                    break
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                raise RuntimeError(f"{' '.join(command)}: no answer from {url}")
            time.sleep(0.02)
        yield psutil.Process(process.pid), time.monotonic() - started
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def running_app(root: Path = common.ROOT) -> Iterator[tuple[psutil.Process, str]]:
    """`python app.py` of a checkout with the weights embedded there: its process and its address."""
    url = f"http://127.0.0.1:{free_port()}"
    with running([sys.executable, "app.py", "--port", url.rsplit(":", 1)[1]], f"{url}/config", root) as (process, _):
        yield process, url


@dataclass(frozen=True)
class Answer:
    """What `/segment` gave: the addresses of its pictures and the server's own time, or an error's text."""

    files: tuple[str, ...] = ()
    milliseconds: float = 0.0
    error: str = ""


def upload(client: httpx.Client, url: str, name: str, content: bytes) -> str:
    """Where the server put a file."""
    paths = client.post(f"{url}/gradio_api/upload", files={"files": (name, content)}).raise_for_status().json()
    return str(paths[0])


def begin_segment(client: httpx.Client, url: str, path: str, threshold: float = 0.5) -> str:
    """Ask for the mask of an uploaded picture; returns the event's number.

    Raises:
        RuntimeError: the server refuses before the queue, with its words.
    """
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = client.post(f"{url}/gradio_api/call/segment", json={"data": [file, threshold]})
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    return str(answer.json()["event_id"])


def finish_segment(client: httpx.Client, url: str, event: str) -> Answer:
    """Wait for the answer to an event."""
    text = client.get(f"{url}/gradio_api/call/segment/{event}").text
    kind, body = text.strip().splitlines()[-2:]
    data = json.loads(body.removeprefix("data: "))
    if kind != "event: complete":
        return Answer(error=str(data["error"] if isinstance(data, dict) else data))
    *pictures, details = data
    addresses = tuple(f"{url}/gradio_api/file={picture['path']}" for picture in pictures)
    return Answer(addresses, float(details["milliseconds"]))


def segment(client: httpx.Client, url: str, name: str, content: bytes) -> Answer:
    """One whole request, without fetching its pictures."""
    return finish_segment(client, url, begin_segment(client, url, upload(client, url, name, content)))


class PeakMemory:
    """The highest resident memory, in bytes, of a process while the block runs, sampled every 5 ms."""

    def __init__(self, process: psutil.Process) -> None:
        self.process, self.peak = process, 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._done.is_set():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):  # it has ended
                self.peak = max(self.peak, self.process.memory_info().rss)
            self._done.wait(0.005)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

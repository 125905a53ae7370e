"""A local Hugging Face Hub for tests: in memory, over real HTTP, with faults on request.

It answers the requests of the real `huggingface_hub` client for creating repos, commits (with LFS), listing, reading
and deleting, for models, datasets and Spaces. It does not cover Xet storage, permissions, the CDN and Space builds.

    with LocalHub() as hub:
        hub.add_repo("user/name", {"model.safetensors": b"..."})
        hub.fail("/resolve/", status=500, times=3)
        subprocess.run([...], env=hub.env(tmp_path))
"""

import hashlib
import os
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub_handler import Handler
from hub_writing import sha256


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


TOKEN = "hf_local_test_token"


@dataclass
class Repo:
    id: str
    kind: str
    private: bool = False
    created_with: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], message: str = "commit") -> str:
        """Put a new state of all files on main; returns its 40-hex hash."""
        number = hashlib.sha1(f"{self.kind}{self.id}{len(self.commits)}".encode()).hexdigest()
        self.commits[number] = dict(files)
        self.messages.append(message)
        self.refs["main"] = number
        return number

    @property
    def head(self) -> str:
        return self.refs["main"]

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.head]

    def resolve(self, revision: str) -> str | None:
        return self.refs.get(revision, revision if revision in self.commits else None)


@dataclass
class Fault:
    path: re.Pattern[str]
    kind: str  # status, hang, cut, stall, corrupt, short, trickle, lose
    method: str | None
    times: float
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    pause: float = 0
    once: str = ""


class LocalHub:
    """The server; `url` is its HF_ENDPOINT, `requests` the list of (method, path) it received."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.tokens = {TOKEN}
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.closing = threading.Event()
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "LocalHub":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def env(self, home: Path, *, token: str | None = TOKEN, **more: str) -> dict[str, str]:
        """The environment for a subprocess whose Hub is this one, with its cache and login under `home`."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING")) and "proxy" not in k.lower()
        }
        mine = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        return {**kept, **mine, **({"HF_TOKEN": token} if token else {}), **more}

    def add_repo(self, repo_id: str, files: dict[str, bytes], *, kind: str = "model", private: bool = False) -> Repo:
        repo = Repo(repo_id, kind, private)
        repo.commit(files)
        self.repos[kind, repo_id] = repo
        for content in files.values():
            self.lfs[sha256(content)] = content
        return repo

    def model(self, repo_id: str) -> Repo:
        return self.repos["model", repo_id]

    def space(self, repo_id: str) -> Repo:
        return self.repos["space", repo_id]

    # Faults: each applies to requests whose path matches the regular expression, `times` times.
    def fail(
        self,
        path: str,
        status: int,
        *,
        times: float = float("inf"),
        method: str | None = None,
        once: str = "",
        **headers: str,
    ) -> None:
        """Answer with an error status, from the request on whose path matches `once` (headers: _ stands for -)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(re.compile(path), "status", method, times, status=status, headers=named, once=once))

    def hang(self, path: str, *, method: str | None = None) -> None:
        """Accept the request and never answer."""
        self.faults.append(Fault(re.compile(path), "hang", method, float("inf")))

    def cut(self, path: str, after: int, *, times: float = float("inf"), hang: bool = False) -> None:
        """Close the connection (or fall silent) after so many bytes of the body."""
        self.faults.append(Fault(re.compile(path), "stall" if hang else "cut", "GET", times, after=after))

    def corrupt(self, path: str, *, times: float = float("inf")) -> None:
        """Flip a bit in the middle of the body."""
        self.faults.append(Fault(re.compile(path), "corrupt", "GET", times))

    def shorten(self, path: str, by: int, *, times: float = float("inf")) -> None:
        """Send a body that is shorter than the file's announced size, as if it were whole."""
        self.faults.append(Fault(re.compile(path), "short", "GET", times, after=by))

    def trickle(self, path: str, chunk: int, pause: float) -> None:
        """Send the body in pieces, with a pause (seconds) after each."""
        self.faults.append(Fault(re.compile(path), "trickle", "GET", float("inf"), after=chunk, pause=pause))

    def lose_answer(self, path: str, *, times: float = 1) -> None:
        """Process the request, then close the connection without answering."""
        self.faults.append(Fault(re.compile(path), "lose", None, times))

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                begun = any(re.search(fault.once, asked) for _, asked in self.requests)
                if begun and fault.times > 0 and fault.path.search(path) and fault.method in (None, method):
                    fault.times -= 1
                    return fault
        return None

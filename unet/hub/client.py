"""Talking to the Hub within a bounded time, and every way it can fail in one plain sentence.

The Hub client retries by itself, for minutes, and sets no limit on an answer that never comes. So all work runs in a
daemon thread that is watched: silence is counted, flowing bytes are not, and when the allowance is spent the thread is
left behind (it can hold nothing but a socket and a temporary file). A thread, not timeouts of the client: those are
read from the environment when it is imported, apply to each of its many attempts, and not at all to an upload.
"""

import errno
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from huggingface_hub import constants, get_session, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import hf_raise_for_status
from huggingface_hub.utils import tqdm as hub_tqdm

try:  # the transport library has another name from huggingface_hub 2 on
    import httpx2 as httpx
except ImportError:
    import httpx  # type: ignore[no-redef]

from unet.errors import HubError

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOGIN = "`hf auth login` or the environment variable HF_TOKEN"
POLL_SECONDS = 0.05
FREE_GAP = 1.0
"""Seconds between two arrivals of bytes that a slow but living connection may take without being charged."""
RETRY_PAUSES = (0.5, 1.0, 2.0)
"""Seconds to wait before asking again, after answers that say the fault is on the Hub's side and may pass."""


class TimeUp(Exception):
    """The allowance of silent seconds is spent; the message says what came until then."""

    def __init__(self, seconds: float, received: int = 0, expected: int = 0):
        came = f"fell silent after {received:,} of {expected:,} bytes" if received else "did not answer"
        super().__init__(f"{came} (waited {seconds:g} s)")


class Watch:
    """Runs one piece of work on the Hub, and gives up on it after `patience` silent seconds in all.

    Args:
        patience: seconds, not counting those in which bytes arrive.
        strict: let an answer that asks to come back later (429, 5xx) end the client's own attempts, whose number and
            pauses have no useful limit; `run` then asks again as long as that makes sense.
    """

    def __init__(self, patience: float, *, strict: bool = True):
        self.patience, self.strict = patience, strict
        self.deadline = time.monotonic() + patience
        self.expected = 0
        """Bytes that are to come. More than these are no progress: a download that starts over for ever must end."""
        self._thread: threading.Thread | None = None
        self._responses: list[Any] = []
        self._bar_bytes = 0

    def on_response(self, response: Any) -> None:
        """Hook of the HTTP client, called with each answer before its body is read."""
        if threading.current_thread() is not self._thread:
            return
        if self.expected:  # before that, what comes are facts about files, not files
            self._responses.append(response)
        if self.strict and (response.status_code == 429 or response.status_code >= 500):
            hf_raise_for_status(response)

    def received(self) -> int:
        """Bytes that came so far, at most `expected`."""
        plain = sum(response.num_bytes_downloaded for response in list(self._responses))
        return min(max(plain, self._bar_bytes), self.expected)

    def progress_bar(self) -> type[hub_tqdm]:
        """A progress bar class that also reports to this watch: the only sight of a transfer over Xet."""
        watch = self

        class Bar(hub_tqdm):
            def update(self, n: float | None = 1) -> bool | None:
                watch._bar_bytes += int(n or 0)
                return super().update(n)

        return Bar

    def run(self, work: Callable[[], T]) -> T:
        """Return `work()`, or raise what it raised, or `TimeUp`."""
        done = threading.Event()
        outcome: list[T] = []
        failure: list[BaseException] = []

        def body() -> None:
            try:
                outcome.append(self._with_retries(work))
            except BaseException as error:  # handed over to the caller's thread, whatever it is
                failure.append(error)
            finally:
                done.set()

        self._thread = threading.Thread(target=body, name="hub", daemon=True)
        self._thread.start()
        try:
            self._wait(done)
        finally:
            self._detach()
        if failure:
            raise failure[0]
        return outcome[0]

    def _wait(self, done: threading.Event) -> None:
        received, heard = 0, time.monotonic()
        while not done.wait(POLL_SECONDS):
            now = time.monotonic()
            if self.received() > received:
                if now - heard <= FREE_GAP:
                    self.deadline += now - heard
                received, heard = self.received(), now
            if now > self.deadline:
                raise TimeUp(self.patience, received, self.expected)

    def _with_retries(self, work: Callable[[], T]) -> T:
        for pause in (*RETRY_PAUSES, None):
            self._attach()
            try:
                return work()
            except Exception as error:
                # Cut off in the middle of a file: the client has tried to go on several times.
                cut = self.received() > 0 and isinstance(root_cause(error), httpx.TransportError)
                wait = None if cut or not self.strict else seconds_to_wait(error, pause)
                if wait is None or time.monotonic() + wait > self.deadline:
                    raise
                logger.warning("the Hub: %s; asking again in %g s", _first_line(root_cause(error)), wait)
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _attach(self) -> None:
        # Again before each attempt: the client replaces its session after a refused connection.
        self._detach()
        session = get_session()
        session.event_hooks = {**session.event_hooks, "response": [*session.event_hooks["response"], self.on_response]}

    def _detach(self) -> None:
        session = get_session()
        kept = [hook for hook in session.event_hooks["response"] if hook != self.on_response]
        session.event_hooks = {**session.event_hooks, "response": kept}


def seconds_to_wait(error: Exception, pause: float | None) -> float | None:
    """How long to wait before asking again, None to give up; `pause` unless the Hub names a time itself."""
    cause = root_cause(error)
    if pause is None:
        return None
    if isinstance(cause, HfHubHTTPError):
        if cause.response.status_code == 429:
            return _retry_after(cause) or pause
        return pause if cause.response.status_code >= 500 else None
    # Dropped in the middle of a request or an answer. A refused connection is the same a second later.
    dropped = isinstance(cause, httpx.TransportError) and not isinstance(
        cause, httpx.ConnectError | httpx.TimeoutException
    )
    return pause if dropped else None


def _retry_after(error: HfHubHTTPError) -> float | None:
    value = error.response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def root_cause(error: BaseException) -> BaseException:
    """The error of the transport or the Hub that the client wrapped, or `error` itself."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HfHubHTTPError | httpx.TransportError | OfflineModeIsEnabled):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def explain(error: Exception, repo: str, revision: str | None = None, doing: str = "reading") -> HubError:
    """The sentence for whatever stopped `doing` ("reading", "publishing to") something with `repo`."""
    if isinstance(error, HubError):
        return error
    hub, cause = constants.ENDPOINT, root_cause(error)
    if isinstance(cause, HfHubHTTPError):
        return HubError(_explain_status(cause, repo, revision, doing))
    if isinstance(cause, TimeUp):
        return HubError(f"{doing} {repo}: {hub} {cause}; try again later")
    if isinstance(cause, httpx.TimeoutException):
        return HubError(f"{doing} {repo}: {hub} did not answer in time; try again later")
    if isinstance(cause, httpx.ConnectError):
        return HubError(f"{doing} {repo}: {hub} cannot be reached ({_first_line(cause)}); check the network connection")
    if isinstance(cause, httpx.TransportError):
        return HubError(f"{doing} {repo}: the connection to {hub} broke ({_first_line(cause)}); try again")
    if isinstance(cause, OfflineModeIsEnabled):
        return HubError(
            f"{doing} {repo}: HF_HUB_OFFLINE is set and the local cache does not hold it; unset it once to fetch it"
        )
    if isinstance(cause, OSError) and "Consistency check failed" in str(cause):
        return HubError(f"{doing} {repo}: a file came incomplete ({_first_line(cause)}); try again")
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubError(f"{doing} {repo}: the disk that holds the cache {constants.HF_HUB_CACHE} is full")
    if isinstance(cause, json.JSONDecodeError):
        return HubError(f"{doing} {repo}: what answers at {hub} is no Hub; is there a proxy or a login page between?")
    return HubError(f"{doing} {repo} failed: {type(cause).__name__}: {_first_line(cause)}")


def _explain_status(error: HfHubHTTPError, repo: str, revision: str | None, doing: str) -> str:
    hub, status = constants.ENDPOINT, error.response.status_code
    start = f"{doing} {repo}"
    if isinstance(error, GatedRepoError):
        return f"{start}: the repo is gated; ask for access on {hub}/{repo}, then log in with {LOGIN}"
    if isinstance(error, RevisionNotFoundError):
        return f"{start}: there is no revision {revision or 'main'!r}; give a branch, a tag or a commit of that repo"
    if isinstance(error, RemoteEntryNotFoundError):
        return f"{start}: no such file in the repo ({error.response.url.path})"
    if status == 401:
        # The Hub answers 401, not 404, to strangers who ask for a repo that does not exist.
        if get_token() is None:
            return f"{start}: there is no such repo, or it is private and no token is set; log in with {LOGIN}"
        return f"{start}: the Hub does not accept the token (401); log in anew with {LOGIN}"
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return f"{start}: there is no such repo on {hub}, or the token in use may not see it"
    if status == 403:
        return f"{start}: forbidden (403); the token in use lacks the right to do this"
    if status == 429:
        seconds = _retry_after(error)
        when = f"in {seconds:g} s" if seconds else "later"
        return f"{start}: the Hub limits the rate of requests (429); try again {when}"
    if status >= 500:
        return f"{start}: the Hub has a fault of its own ({status}); try again later"
    return f"{start}: the Hub answered {status}: {_first_line(error)}"

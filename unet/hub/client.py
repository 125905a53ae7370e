"""Calls to the Hub within a bounded time, and a plain sentence for every way in which they can fail.

The time-outs of `huggingface_hub` apply to each of its many attempts, not to their sum, and to no upload or listing at
all. So the work runs in a daemon thread that is watched: silent seconds are counted, seconds in which bytes arrive are
not. When the allowance is spent, the thread is abandoned; it holds nothing but a socket and a temporary file.
"""

import errno
import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

import httpx2 as httpx
from huggingface_hub import constants, errors, get_session, get_token
from huggingface_hub.utils import hf_raise_for_status, tqdm

from unet.errors import HubError

logger = logging.getLogger(__name__)
T = TypeVar("T")

LOGIN = "`hf auth login` or the environment variable HF_TOKEN"
POLL_SECONDS = 0.05
FREE_GAP = 1.0  # seconds between two arrivals of bytes that are not counted as silence
RETRY_PAUSES = (0.5, 1.0, 2.0)  # seconds before each new attempt, after errors on the Hub's side that may pass


class HubTimeout(Exception):
    """The allowance of silent seconds is spent."""


class Watch:
    """Runs one piece of work on the Hub, and gives up after `timeout` seconds, in all, in which no bytes arrive.

    With `retry` it tries again after errors that may pass. The client's own attempts after such answers (429, 5xx) are
    cut short then, because their number and pauses have no useful limit.
    """

    def __init__(self, timeout: float, *, retry: bool = True):
        self.timeout, self.retry = timeout, retry
        self.deadline = time.monotonic() + timeout
        # Bytes to be downloaded. More are not progress, so a download that starts over for ever comes to an end.
        self.expected = 0
        self._thread: threading.Thread | None = None
        self._responses: list[httpx.Response] = []
        self._bar_bytes = 0

    def received(self) -> int:
        """Bytes that have arrived, at most `expected`."""
        plain = sum(response.num_bytes_downloaded for response in list(self._responses))
        return min(max(plain, self._bar_bytes), self.expected)

    def progress_bar(self) -> type[tqdm]:
        """A progress bar class that reports to this watch, which is the only way to observe a transfer over Xet."""
        watch = self

        class Bar(tqdm):
            def update(self, n: float | None = 1) -> bool | None:
                watch._bar_bytes += int(n or 0)
                return super().update(n)

        return Bar

    def run(self, work: Callable[[], T]) -> T:
        """Return `work()`, or raise what it raised, or `HubTimeout`."""
        outcome: Future[T] = Future()

        def body() -> None:
            try:
                outcome.set_result(self._with_retries(work))
            except BaseException as error:  # handed to the calling thread, whatever it is
                outcome.set_exception(error)

        self._thread = threading.Thread(target=body, name="hub", daemon=True)
        self._thread.start()
        received, heard = 0, time.monotonic()
        while wait([outcome], POLL_SECONDS).not_done:
            now = time.monotonic()
            if self.received() > received:
                if now - heard <= FREE_GAP:
                    self.deadline += now - heard
                received, heard = self.received(), now
            if now > self.deadline:
                came = f"fell silent after {received:,} of {self.expected:,} bytes" if received else "did not answer"
                raise HubTimeout(f"{came} (waited {self.timeout:g} s)")
        return outcome.result()

    def _with_retries(self, work: Callable[[], T]) -> T:
        for pause in (*RETRY_PAUSES, None):
            # Anew for each attempt, because the client replaces its session after a refused connection.
            hooks = get_session().event_hooks["response"]
            hooks.append(self._on_response)
            try:
                return work()
            except Exception as error:
                # Cut off in the middle of a file: the client has already tried to resume several times.
                cut = self.received() > 0 and isinstance(root_cause(error), httpx.TransportError)
                seconds = None if cut or not self.retry else seconds_to_wait(error, pause)
                if seconds is None or time.monotonic() + seconds > self.deadline:
                    raise
                logger.warning("the Hub: %s; trying again in %g s", _first_line(root_cause(error)), seconds)
                time.sleep(seconds)
            finally:
                hooks.remove(self._on_response)
        raise AssertionError("the last attempt returns or raises")

    def _on_response(self, response: Any) -> None:
        """Called by the HTTP client with each answer, before its body is read."""
        if threading.current_thread() is not self._thread:
            return
        if self.expected:  # until then, answers are metadata, not files
            self._responses.append(response)
        if self.retry and (response.status_code == 429 or response.status_code >= 500):
            hf_raise_for_status(response)


def seconds_to_wait(error: Exception, pause: float | None) -> float | None:
    """Seconds before a new attempt: `pause`, or what the Hub asks for; None if a new attempt is useless."""
    cause = root_cause(error)
    if isinstance(cause, errors.HfHubHTTPError):
        status = cause.response.status_code
        passes, asked = status == 429 or status >= 500, _retry_after(cause) if status == 429 else None
    else:  # dropped in the middle of a request or an answer; a refused connection is the same a second later
        final = httpx.ConnectError | httpx.TimeoutException
        passes, asked = isinstance(cause, httpx.TransportError) and not isinstance(cause, final), None
    return (asked or pause) if passes and pause is not None else None


def _retry_after(error: errors.HfHubHTTPError) -> float | None:
    value = error.response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def root_cause(error: BaseException) -> BaseException:
    """The error of the transport or the Hub that the client wrapped, or `error` itself."""
    known = errors.HfHubHTTPError | httpx.TransportError | errors.OfflineModeIsEnabled
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, known):
        seen = seen.__cause__ or seen.__context__
    return seen or error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def explain(error: Exception, repo: str, revision: str | None = None, doing: str = "reading") -> HubError:
    """The error for the user when `doing` ("reading", "publishing to") something with `repo` failed with `error`."""
    if isinstance(error, HubError):
        return error
    return HubError(f"{doing} {repo}: {_reason(root_cause(error), repo, revision)}")


def _reason(cause: BaseException, repo: str, revision: str | None) -> str:
    hub, line = constants.ENDPOINT, _first_line(cause)
    status = cause.response.status_code if isinstance(cause, errors.HfHubHTTPError) else 0
    match cause:
        case errors.GatedRepoError():
            return f"the repo is gated; ask for access on {hub}/{repo}, then log in with {LOGIN}"
        case errors.RevisionNotFoundError():
            return f"there is no revision {revision or 'main'!r}; give a branch, a tag or a commit of that repo"
        case errors.RemoteEntryNotFoundError():
            return f"no such file in the repo ({cause.response.url.path})"
        case _ if status == 401 and get_token() is None:
            # The Hub answers 401, not 404, to anonymous requests for a repo that does not exist.
            return f"there is no such repo, or it is private and no token is set; log in with {LOGIN}"
        case _ if status == 401:
            return f"the Hub does not accept the token (401); log in again with {LOGIN}"
        case _ if status == 404 or isinstance(cause, errors.RepositoryNotFoundError):
            return f"there is no such repo on {hub}, or your token has no access to it"
        case _ if status == 403:
            return "forbidden (403); your token does not have the permission for this"
        case errors.HfHubHTTPError() if status == 429:
            seconds = _retry_after(cause)
            return f"too many requests (429); try again {f'in {seconds:g} s' if seconds else 'later'}"
        case _ if status >= 500:
            return f"the Hub reports an internal error ({status}); try again later"
        case errors.HfHubHTTPError():
            return f"the Hub answered {status}: {line}"
        case HubTimeout():
            return f"{hub} {cause}; try again later"
        case httpx.TimeoutException():
            return f"{hub} did not answer in time; try again later"
        case httpx.ConnectError():
            return f"{hub} cannot be reached ({line}); check the network connection"
        case httpx.TransportError():
            return f"the connection to {hub} broke ({line}); try again"
        case errors.OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set and the repo is not in the local cache; unset it once to download the repo"
        case OSError() if "Consistency check failed" in line:
            return f"a file arrived incomplete ({line}); try again"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return f"the disk with the cache {constants.HF_HUB_CACHE} is full"
        case json.JSONDecodeError():
            return f"{hub} does not answer like a Hub; is there a proxy or a login page in between?"
    return f"failed with {type(cause).__name__}: {line}"

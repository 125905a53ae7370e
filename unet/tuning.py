"""Settings of the whole process: freed memory, names on the console. Results do not change.

By default glibc maps every large block anew and unmaps it when it is freed, and the page faults of mapping it take as
long as the arithmetic on it. Here freed memory is kept and used again (with glibc; elsewhere nothing changes).
"""

import ctypes
import io
import os
import sys
import threading
import time
from typing import Any

from unet.cores import respect_quota

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_KEPT = 256 * 2**20  # bytes that a program which works on pictures keeps at a heap's end
IDLE_SECONDS = 60.0


def _glibc() -> Any:
    """glibc's functions; None elsewhere (musl has a `mallopt`, too, which does nothing)."""
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018
    except (AttributeError, OSError, TypeError):
        return None
    return library


def show_any_name() -> None:
    """A console that cannot show the name of a file shows stand-ins, instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tune_for_pictures() -> None:
    """The settings for decoding, segmenting and drawing pictures on several threads; before torch is imported.

    All threads share two heaps. By default there are up to eight a core, and each keeps what it once held: the process
    would grow with every thread that has ever decoded a large picture.
    """
    respect_quota()
    if library := _glibc():
        library.mallopt(_M_ARENA_MAX, 2)
    keep_freed_memory(_KEPT)


def let_waiting_threads_sleep() -> None:
    """Threads that wait for each other sleep, in programs that always use all cores; before torch is imported.

    By default they spin for a while, which takes the cores from the threads that decode and write, and from everything
    else on the machine. A server leaves others their cores instead (`unet.prediction.threads`), but then the last bits
    of a probability depend on what else runs.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_freed_memory(most: int | None = None) -> None:
    """Keep freed memory: all of it, or at most `most` bytes at a heap's end; before the first tensor."""
    if library := _glibc():
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, -1 if most is None else most)


def return_freed_memory() -> None:
    """Return all memory that is free to the system, wherever in the heaps it lies."""
    if library := _glibc():
        library.malloc_trim(0)


class IdleReturn:
    """Returns freed memory to the system once nothing has happened for some time.

    Args:
        seconds: The time without a `touch`.
    """

    def __init__(self, seconds: float = IDLE_SECONDS) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def touch(self) -> None:
        """Something happens: the time starts anew."""
        with self._lock:
            self._last = time.monotonic()
            if self._timer is None:
                self._start(self.seconds)

    def _start(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._check)
        self._timer.daemon = True
        self._timer.start()

    def _check(self) -> None:
        with self._lock:
            left = self._last + self.seconds - time.monotonic()
            if left > 0:
                self._start(left)
                return
            self._timer = None
        return_freed_memory()

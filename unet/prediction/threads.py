"""The threads that the network runs on, which live as long as the program.

Every thread that calls torch on several cores brings a team of helpers of its own, so a server that ran the network on
the thread of each request would start teams all the time; and as soon as there are two teams, GNU's OpenMP lets their
threads sleep wherever they wait for each other, which takes as long as the second core gains. So one thread alone has a
team: where pictures come at the same time, each takes one core. Beside other programs, a picture takes only the cores
that they leave, because a team that is short of a core waits long.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")

LOAD = Path("/proc/loadavg")
GLANCES, BETWEEN = 3, 0.0005  # at what runs, and seconds from one to the next: what runs for a moment does not count


def free_cores() -> int:
    """The machine's cores that nothing else is using now, at least one; on other systems than Linux all of them.

    In a container, too, the system tells of the whole machine.
    """
    cores = os.cpu_count() or 1
    running = []
    with suppress(OSError, ValueError, IndexError):
        for glance in range(GLANCES):
            time.sleep(BETWEEN * bool(glance))
            running.append(int(LOAD.read_text().split()[3].partition("/")[0]))  # this thread is one of them
            if running[-1] == 1:
                break
    return max(1, cores + 1 - min(running, default=1))


class NetworkThreads:
    """Runs functions on threads of its own, one that uses all cores and one for each core.

    Weights are to be loaded on them, too: loading starts a team on whichever thread it runs.

    Args:
        cores: Number of cores; by default as many as torch uses.
    """

    def __init__(self, cores: int | None = None) -> None:
        self._cores = cores or torch.get_num_threads()
        self._wide = ThreadPoolExecutor(1, "network")
        self._narrow = ThreadPoolExecutor(self._cores, "network", use_cores, (1,))
        self._lock, self._running = threading.Lock(), 0

    def on(self, function: Callable[P, T]) -> Callable[P, T]:
        """`function`, run on one of these threads: on all free cores if no other call is running, else on one."""
        alone = on_free_cores(function, self._cores)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with self._lock:
                wide = not self._running
                self._running += 1
            try:
                future = (
                    self._wide.submit(alone, *args, **kwargs)
                    if wide
                    else self._narrow.submit(function, *args, **kwargs)
                )
                return future.result()
            finally:
                with self._lock:
                    self._running -= 1

        return run


def on_free_cores(function: Callable[P, T], cores: int | None = None) -> Callable[P, T]:
    """`function` on the thread that calls it, with the cores that are free then, of `cores` or those torch uses now."""
    most = cores or torch.get_num_threads()

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        use_cores(min(most, free_cores()))
        return function(*args, **kwargs)

    return run


def use_cores(cores: int) -> None:
    """Set the number of threads that torch uses for the calls of this thread."""
    torch.get_num_threads()  # a thread's first question would else replace its own number by the last one set anywhere
    torch.set_num_threads(cores)

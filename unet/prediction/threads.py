"""The threads that the network runs on, which live as long as the program.

Every thread that calls torch brings a team of helpers of its own, so a server that ran the network on the thread of
each request would start teams all the time. Alone, a picture takes all cores. Where pictures come at the same time,
each takes one core: side by side they need less time than one after the other, since no team waits for its slowest.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


class NetworkThreads:
    """Runs functions on threads of its own, one that uses all cores and one for each core.

    Args:
        cores: Number of cores; by default as many as torch uses.
    """

    def __init__(self, cores: int | None = None) -> None:
        cores = cores or torch.get_num_threads()
        self._wide = ThreadPoolExecutor(1, "network", use_cores, (cores,))
        self._narrow = ThreadPoolExecutor(cores, "network", use_cores, (1,))
        self._lock, self._running = threading.Lock(), 0

    def on(self, function: Callable[P, T]) -> Callable[P, T]:
        """`function`, run on one of these threads: on all cores if no other call is running, else on one."""

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with self._lock:
                pool = self._narrow if self._running else self._wide
                self._running += 1
            try:
                return pool.submit(function, *args, **kwargs).result()
            finally:
                with self._lock:
                    self._running -= 1

        return run


def use_cores(cores: int) -> None:
    """Set the number of threads that torch uses for the calls of this thread."""
    torch.get_num_threads()  # a thread's first question would else replace its own number by the last one set anywhere
    torch.set_num_threads(cores)

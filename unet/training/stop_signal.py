"""Ctrl-C and SIGTERM during training: the first one stops after the current step, a second one at once."""

import signal
from types import FrameType
from typing import Any


class RunStopped(Exception):
    """The run was asked to stop and has written its checkpoint."""


class StopSignal:
    """Context manager; `received` says whether the run was asked to stop."""

    def __init__(self) -> None:
        self.received = False
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignal":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def __exit__(self, *error: object) -> None:
        self._restore()

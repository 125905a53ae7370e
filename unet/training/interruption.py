"""Ctrl-C and SIGTERM during training: finish the step, then stop; a second one stops at once."""

import signal
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Context manager; `came` tells whether the run was asked to stop."""

    def __init__(self) -> None:
        self.came = False
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

"""Recently decoded pictures: a visitor who clicks several times on one picture waits for a single decoding."""

import threading
import time
from collections import OrderedDict
from pathlib import Path

from unet.pictures.decode import Picture, read_picture
from unet.tuning import return_freed_memory

RECENT_BYTES = 160 * 2**20
RECENT_SECONDS = 120


class RecentPictures:
    """`read_picture` with a short memory, bounded in bytes and time, for uploads that never change.

    Args:
        max_bytes: Most bytes of all kept pictures together; a larger picture is not kept at all.
        seconds: Time after its last use at which a picture is dropped.
    """

    def __init__(self, max_bytes: int = RECENT_BYTES, seconds: float = RECENT_SECONDS) -> None:
        self.max_bytes, self.seconds = max_bytes, seconds
        self._kept: OrderedDict[str, tuple[Picture, float]] = OrderedDict()  # with the time of the last use
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def read(self, path: str | Path) -> Picture:
        """Decode a file, unless that was done recently.

        Raises:
            ImageError: As for `read_picture`.
        """
        key = str(path)
        with self._lock:
            if key in self._kept:
                picture, _ = self._kept.pop(key)
                self._keep(key, picture)
                return picture
        picture = read_picture(path)
        with self._lock:
            self._keep(key, picture)
        return picture

    def __len__(self) -> int:
        return len(self._kept)

    def _keep(self, key: str, picture: Picture) -> None:
        if _size(picture) > self.max_bytes:
            return
        self._kept.pop(key, None)
        self._kept[key] = picture, time.monotonic()
        while sum(_size(kept) for kept, _ in self._kept.values()) > self.max_bytes:
            self._kept.popitem(last=False)
        self._start_timer(self.seconds)

    def _start_timer(self, seconds: float) -> None:
        """Have a timer pending as long as anything is kept."""
        if self._timer is None:
            self._timer = threading.Timer(seconds, self._drop_old)
            self._timer.daemon = True
            self._timer.start()

    def _drop_old(self) -> None:
        with self._lock:
            self._timer = None
            limit = time.monotonic() - self.seconds
            while self._kept:
                _, used = next(iter(self._kept.values()))
                if used > limit:
                    self._start_timer(used - limit)
                    break
                self._kept.popitem(last=False)
            if self._kept:
                return
        return_freed_memory()


def _size(picture: Picture) -> int:
    return picture.nbytes

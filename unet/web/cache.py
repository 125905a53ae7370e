"""The folder for uploads and results: private, swept regularly, and deleted when the page ends.

Gradio deletes the files that it tracks (`Blocks(delete_cache=...)`). The rest, such as results for a client that hung
up, and empty folders, are deleted here.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from unet.errors import ConfigError

SWEEP_EVERY = 600  # seconds
KEEP = 3600  # seconds
STATE_SECONDS = 900  # how long a visitor's probabilities stay in memory
CLOSED_SECONDS = 3600  # the same once the page is closed, as Gradio has it
STATES = 100  # visitors whose probabilities are kept, if they are few
FEWEST_STATES = 8
STATE_BYTES = 512 * 2**20  # of all visitors together, beyond those fewest


def states(answer_bytes: int) -> int:
    """The number of visitors whose probabilities are kept, where those of one picture take so many bytes.

    The network runs again for a visitor who comes back after so many others.
    """
    return max(FEWEST_STATES, min(STATES, STATE_BYTES // answer_bytes))


def sweep(folder: Path, max_age: float) -> int:
    """Delete files that are older than `max_age` seconds, and empty folders; returns how many of both."""
    deleted, limit = 0, time.time() - max_age
    for parent, _, files in os.walk(folder, topdown=False):
        for path in (Path(parent) / name for name in files):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ctime < limit:
                    path.unlink()
                    deleted += 1
        if Path(parent) != folder:
            # A folder that is not empty stays, and so does a young one: a result may be about to be written there.
            with contextlib.suppress(OSError):
                if Path(parent).stat().st_ctime < limit:
                    Path(parent).rmdir()
                    deleted += 1
    return deleted


@contextlib.contextmanager
def cache_folder() -> Iterator[Path]:
    """The upload cache: a new private folder, inside GRADIO_TEMP_DIR if that is set, which is deleted at the end.

    Raises:
        ConfigError: GRADIO_TEMP_DIR is not writable.
    """
    given = os.environ.get("GRADIO_TEMP_DIR")
    try:
        if given:
            Path(given).mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="unet-page-", dir=given or None)).resolve()
    except OSError as error:
        raise ConfigError(f"GRADIO_TEMP_DIR, {given}, cannot be written to: {error.strerror}") from error
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    stopped = threading.Event()

    def sweep_until_stopped() -> None:
        while not stopped.wait(SWEEP_EVERY):
            # Later than Gradio, which would otherwise still list files that are deleted.
            sweep(folder, KEEP + SWEEP_EVERY)

    threading.Thread(target=sweep_until_stopped, name="sweep", daemon=True).start()
    try:
        yield folder
    finally:
        stopped.set()
        if given is None:
            os.environ.pop("GRADIO_TEMP_DIR", None)
        else:
            os.environ["GRADIO_TEMP_DIR"] = given
        shutil.rmtree(folder, ignore_errors=True)

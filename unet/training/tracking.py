"""A training run told to one of Accelerate's trackers. Telling is never a reason for the run to fail."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from PIL import Image

PROJECT = "unet"


def project(name: str | None, folder: Path) -> dict[str, Any]:
    """What `Accelerator` is given for tracker `name`, or for none; files of local trackers go to `folder`/tracking."""
    if name is None:
        return {}
    directory = str(folder / "tracking")
    return {"log_with": name, "project_config": ProjectConfiguration(str(folder), logging_dir=directory)}


class Tracking:
    """The trackers of `accelerator`, on its main process; the first error is told once, and ends the tracking.

    Args:
        accelerator: made with what `project` gives.
        name: trackio, tensorboard or wandb; None for no tracking.
        options: of the run, JSON values.
    """

    def __init__(self, accelerator: Accelerator, name: str | None, options: dict[str, Any]) -> None:
        self._accelerator, self._name = accelerator, name
        self._on = name is not None and accelerator.is_main_process
        if self._on and not accelerator.log_with:
            self._give_up(f"the package {name} is not installed: pip install {name}")
        plain = {
            key: value if isinstance(value, bool | int | float | str) else str(value) for key, value in options.items()
        }
        self._guarded(lambda: accelerator.init_trackers(PROJECT, config=plain))

    def _give_up(self, reason: str) -> None:
        print(f"warning: not tracked by {self._name} any more: {reason}", file=sys.stderr)
        self._on = False

    def _guarded(self, tell: Callable[[], None]) -> None:
        """Run `tell` if there is anyone to be told."""
        if not self._on:
            return
        try:
            tell()
        except Exception as error:  # whatever a tracker, its server or its disk may come up with
            self._give_up(f"{type(error).__name__}: {error}")

    def log(self, values: dict[str, float], epoch: int) -> None:
        """One epoch's values."""
        self._guarded(lambda: self._accelerator.log(values, step=epoch))

    def sheet(self, path: Path) -> None:
        """A picture of predictions, by the trackers that take pictures."""
        self._guarded(lambda: self._sheet(path))

    def _sheet(self, path: Path) -> None:
        for tracker in self._accelerator.trackers:
            if tracker.name == "trackio":
                import trackio

                tracker.log({"predictions": trackio.Image(str(path))})
            elif hasattr(tracker, "log_images"):
                with Image.open(path) as image:
                    pictures = np.asarray(image.convert("RGB"))[None]  # (1, H, W, 3)
                kwargs = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
                tracker.log_images({"predictions": pictures}, step=None, **kwargs)

    def finish(self) -> None:
        """Have everything written."""
        self._guarded(self._finish)

    def _finish(self) -> None:
        for tracker in self._accelerator.trackers:
            tracker.finish()

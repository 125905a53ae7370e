"""Logging of a training run to one of Accelerate's trackers; an error of the tracker never stops the run."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration
from PIL import Image

PROJECT = "unet"


def tracker_options(name: str | None, folder: Path) -> dict[str, Any]:
    """`Accelerator`'s arguments for tracker `name`, or for none; local trackers write to `folder`/tracking."""
    if name is None:
        return {}
    directory = str(folder / "tracking")
    return {"log_with": name, "project_config": ProjectConfiguration(str(folder), logging_dir=directory)}


class Tracking:
    """The trackers of `accelerator`, on its main process; the first error is printed and ends the tracking.

    Args:
        accelerator: Accelerator made with `tracker_options`.
        name: One of trackio, tensorboard and wandb; None for no tracking.
        options: Options of the run, JSON values.
    """

    def __init__(self, accelerator: Accelerator, name: str | None, options: dict[str, Any]) -> None:
        self._accelerator, self._name = accelerator, name
        self._on = name is not None and accelerator.is_main_process
        if self._on and not accelerator.log_with:
            self._stop(f"the package {name} is not installed: pip install {name}")
        plain = {key: v if isinstance(v, bool | int | float | str) else str(v) for key, v in options.items()}
        self._attempt(lambda: accelerator.init_trackers(PROJECT, config=plain))

    def _stop(self, reason: str) -> None:
        print(f"warning: not tracked by {self._name} any more: {reason}", file=sys.stderr)
        self._on = False

    def _attempt(self, *calls: Callable[[], None]) -> None:
        """Run `calls` unless nothing is tracked; an error ends the tracking."""
        if not self._on:
            return
        try:
            for call in calls:
                call()
        except Exception as error:  # trackers let through whatever their server or disk raises
            self._stop(f"{type(error).__name__}: {error}")

    def log(self, values: dict[str, float], epoch: int) -> None:
        """Log one epoch's values."""
        self._attempt(lambda: self._accelerator.log(values, step=epoch))

    def sheet(self, path: Path) -> None:
        """Log a sheet of predictions, with trackers that accept pictures."""
        self._attempt(lambda: self._sheet(path))

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
        """Wait until everything is written."""
        self._attempt(*(tracker.finish for tracker in self._accelerator.trackers))

"""Checkpoints of a training run: written whole or not at all, read back without running code."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unet.errors import TrainingError

CHECKPOINT = "checkpoint.pt"


def write_atomically(content: Any, path: Path) -> None:
    """`torch.save` `content` to `path` so that a crash at any moment leaves the old file or the new one.

    Raises:
        TrainingError: The file cannot be written; an earlier one at `path` is untouched.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch's zip writer reports a full disk as RuntimeError
        partial.unlink(missing_ok=True)
        kept = f"; the last good checkpoint stays at {path}" if path.exists() else ""
        raise TrainingError(f"{path}: the checkpoint could not be written ({error}){kept}") from error


def keep_previous(path: Path) -> None:
    """Rename an earlier run's checkpoint, so that a new run does not overwrite it."""
    if path.exists():
        path.replace(path.with_name(f"{path.stem}.previous{path.suffix}"))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load what `write_atomically` wrote.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(f"{path}: no checkpoint to resume from; start without --resume") from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path}: the checkpoint is damaged ({error}); start without --resume") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path}: not a checkpoint of train.py")
    return content


def ema_decay(step: int, limit: float) -> float:
    """Decay of the moving average at `step` (0-based): small at first, so that early weights are soon forgotten."""
    return min(limit, (1 + step) / (10 + step))


@torch.no_grad()
def update_ema(ema: nn.Module, model: nn.Module, decay: float) -> None:
    """Move every floating value of `ema`, BatchNorm statistics included, towards `model`'s; copy the others."""
    averaged: list[Tensor] = []
    current: list[Tensor] = []
    for old, new in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if old.is_floating_point():
            averaged.append(old)
            current.append(new)
        else:
            old.copy_(new)
    torch._foreach_lerp_(averaged, current, 1 - decay)

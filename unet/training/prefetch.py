"""Batches that other processes prepare while the network learns. Which they are does not depend on the processes."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from unet.cores import usable_cores
from unet.errors import ConfigError, UnetError
from unet.training.batches import Batch

AHEAD = 4  # batches that each process prepares before the network asks for them
Make = Callable[[np.ndarray], Batch]


def chosen_workers(wanted: int | None, processes: int = 1) -> int:
    """`wanted`, or without it: beside a GPU a process for each core but one, shared by `processes`; else none.

    Raises:
        ConfigError: Workers are wanted, but this system cannot fork.
    """
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    if wanted and not can_fork:
        raise ConfigError("--workers needs a system that can fork processes, such as Linux; take --workers 0")
    if wanted is not None:
        return wanted
    cores = usable_cores() // processes
    return max(cores - 1, 0) if torch.cuda.is_available() and can_fork else 0


def prepare_batches(make: Make, rows: Sequence[np.ndarray], workers: int) -> Iterator[Batch]:
    """`make` of each of `rows`, in their order.

    Args:
        make: What makes a batch of the numbers of its samples.
        rows: The numbers of each batch's samples.
        workers: Number of processes that call `make`, forked from this one; with 0 it is called here, when the batch
            is asked for.

    Raises:
        UnetError: `make` raised it.
    """
    if workers == 0:
        yield from map(make, rows)
        return
    loader = DataLoader(
        _Rows(make, rows),
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=workers,
        prefetch_factor=AHEAD,
        worker_init_fn=_ignore_stop,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # else it would draw from the one that the network is made with
    )
    for item in loader:
        if isinstance(item, UnetError):
            raise item
        images, targets, clicks = item
        yield Batch(images.numpy(), targets.numpy(), clicks)


class _Rows(Dataset[Any]):
    def __init__(self, make: Make, rows: Sequence[np.ndarray]) -> None:
        self._make, self._rows = make, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, Iterable[Any]] | UnetError:
        """A batch, its arrays as tensors, which go to another process through shared memory; or what went wrong."""
        try:
            batch = self._make(self._rows[index])
        except UnetError as error:  # raised here, it would arrive with this process's traceback in its message
            return error
        return torch.from_numpy(batch.images), torch.from_numpy(batch.targets), batch.clicks


def _unchanged(item: Any) -> Any:
    return item


def _ignore_stop(_: int) -> None:
    """Ctrl-C is for the training itself, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

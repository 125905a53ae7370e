"""A process's share of the work under `torchrun`."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from unet.errors import ConfigError, UnetError

T = TypeVar("T")

WAIT = timedelta(days=7)  # for the slowest share (Gloo's own limit is 30 minutes); a process that dies ends it at once
_VARIABLES = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Processes:
    """This process among those of its run."""

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process prints the results."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Every `count`-th item, from this process's rank on."""
        return list(items[self.rank :: self.count])

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Do `work` and wait for the others; returns the results of all, process after process.

        Raises:
            UnetError: The work failed, here or on another process; the same error on each.
        """
        if self.count == 1:
            return [work()]
        import torch.distributed

        outcome: tuple[Any, UnetError | None]
        try:
            outcome = work(), None
        except UnetError as error:
            outcome = None, error
        outcomes: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(outcomes, outcome)
        for _, failure in outcomes:
            if failure is not None:
                raise failure
        return [result for result, _ in outcomes]

    def first(self, work: Callable[[], T]) -> T:
        """Do `work` on the first process only, and give its result to all; errors as for `gather`."""
        return cast(T, self.gather(lambda: work() if self.is_main else None)[0])


@contextmanager
def sharing() -> Iterator[Processes]:
    """The processes of this run, connected while the block lasts (torch.distributed, Gloo).

    On a machine with GPUs, each of its processes takes one.

    Raises:
        ConfigError: WORLD_SIZE is above 1, but another variable that torchrun sets is missing.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing:
        raise ConfigError(f"WORLD_SIZE is {count}, but {', '.join(missing)} is not set; start with torchrun")
    import torch.distributed.nn

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    torch.distributed.init_process_group("gloo", timeout=WAIT)
    try:
        yield Processes(torch.distributed.get_rank(), count)
    finally:
        leave_group()


def leave_group() -> None:
    """End this process's part in its process group, if it is in one, and Gloo's threads with it.

    A thread of Gloo's that still runs while Python shuts down can abort the process after all of its work is done
    (pytorch/pytorch#179291). They end with the last reference to the group. The defaults of the functions in
    torch.distributed.nn hold one for good if that module, which torch._dynamo uses, is first imported while there is a
    group: a program that makes one imports it before.
    """
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        gc.collect()  # models that were wrapped for the group, in cycles

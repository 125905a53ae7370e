"""Pictures shared among the processes that `torchrun` started; without it, one process has them all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among its equals."""

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether it is the one that reports."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """The items that are this process's: every `count`-th."""
        return list(items[self.rank :: self.count])

    def gather(self, mine: list[T]) -> list[T]:
        """What all processes made of their shares, process after process; every process must ask, and gets it."""
        if self.count == 1:
            return mine
        import torch.distributed

        shares: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(shares, mine)
        return [item for share in shares for item in share]


@contextmanager
def sharing() -> Iterator[Processes]:
    """The processes of this run, connected while the block lasts (torch.distributed, Gloo)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    import torch.distributed

    torch.distributed.init_process_group("gloo")
    try:
        yield Processes(torch.distributed.get_rank(), count)
    finally:
        torch.distributed.destroy_process_group()

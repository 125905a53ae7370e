"""What several processes, or several micro-batches, need to give what one would have given."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import nn

# BatchNorm statistics are averaged by `StepStatistics`; broadcasting those of process 0 would lose the others'.
NO_BUFFER_BROADCAST = DistributedDataParallelKwargs(broadcast_buffers=False)


def share_of_batch(batch_size: int, accumulate: int, accelerator: Accelerator) -> list[int]:
    """Positions, within a step's batch, of this process's pictures, micro-batch after micro-batch.

    The batch is cut into `accumulate` x processes micro-batches; P processes take turns. So the micro-batches are the
    same for P processes with accumulate A as for one process with accumulate A x P.
    """
    processes = accelerator.num_processes
    length = batch_size // (accumulate * processes)
    firsts = [(turn * processes + accelerator.process_index) * length for turn in range(accumulate)]
    return [first + offset for first in firsts for offset in range(length)]


def any_process(accelerator: Accelerator, value: bool) -> bool:
    """Whether `value` is true on one of the processes, which all must ask; the same answer on each."""
    if accelerator.num_processes == 1:
        return value
    return bool(accelerator.reduce(torch.tensor(float(value), device=accelerator.device), "sum") > 0)


class StepStatistics:
    """BatchNorm's running statistics over an optimizer step that is computed in parts.

    BatchNorm moves its running mean and variance once per forward pass. In a step of several micro-batches, here or on
    other processes, each of them starts from the step's initial statistics, and the step ends with the mean of what
    they arrived at. With one micro-batch on one process that is what BatchNorm does by itself.
    """

    def __init__(self, accelerator: Accelerator, model: nn.Module, accumulate: int) -> None:
        self._accelerator, self._accumulate = accelerator, accumulate
        needed = accumulate * accelerator.num_processes > 1
        self._buffers = [b for b in model.buffers() if needed and b.is_floating_point()]
        self._start = [b.clone() for b in self._buffers]
        self._total = [torch.zeros_like(b) for b in self._buffers]

    @contextmanager
    def micro_batch(self) -> Iterator[None]:
        """Around each forward pass of the step."""
        if not self._buffers:
            yield
            return
        torch._foreach_copy_(self._buffers, self._start)
        yield
        torch._foreach_add_(self._total, self._buffers)

    def finish(self) -> None:
        """After the last micro-batch: set the statistics to the mean over all parts, on every process."""
        if not self._buffers:
            return
        flat = torch.cat([t.flatten() for t in self._total]) / self._accumulate
        means = self._accelerator.reduce(flat, "mean").split([b.numel() for b in self._buffers])
        for buffer, mean in zip(self._buffers, means, strict=True):
            buffer.copy_(mean.view_as(buffer))

"""The memory that a training may take."""

import os
from contextlib import suppress

import psutil

from unet.cores import control_groups

# By version of the control groups: a group's limit, what it holds, and which entry of memory.stat can be dropped
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> int:
    """Bytes that this process may still take: its share of what the machine and its control groups have left.

    In a container the machine may have far more. The processes that torchrun starts on one machine share alike.
    """
    left = max(0, min([psutil.virtual_memory().available, *_left_in_groups()]))
    return left // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _left_in_groups() -> list[int]:
    """What each control group around this process may still take, as far as it is limited and can be seen.

    Cached file contents that nobody has used lately are dropped when memory is short, and count as free.
    """
    left = []
    for folder in control_groups("memory"):
        for limit, usage, cached in _FILES:
            with suppress(OSError, ValueError, KeyError):
                entries = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                most = int((folder / limit).read_text())  # "max" without a limit
                left.append(most - int((folder / usage).read_text()) + int(entries[cached]))
    return left

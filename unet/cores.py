"""The cores that this process may use."""

import math
import os
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """How many cores the affinity of this process and the quota of its control group leave to it, at least one.

    In a container the machine may have many more. Threads for all of them would use up the quota of a period at once
    and then stand still until the next. A quota of one and a half cores counts as two.
    """
    return max(1, min([_granted(), *map(math.ceil, _quotas())]))


def respect_quota() -> None:
    """Let libraries start no more threads than a quota allows, unless they are told; before torch is imported."""
    if usable_cores() < _granted():  # they respect the affinity by themselves
        os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))


def _granted() -> int:
    """The cores of this process's affinity, or of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas() -> list[float]:
    """The cores that each control group above this process may use, as far as it is limited and can be seen."""
    quotas = []
    for folder in control_groups("cpu"):
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text().split()  # version 2; "max 100000" without a limit
            quotas.append(int(quota) / int(period))
        with suppress(OSError, ValueError):
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            quotas.append(int(quota) / int(period))  # version 1; -1 without a limit
    return [quota for quota in quotas if quota > 0]


def control_groups(controller: str) -> list[Path]:
    """The folders of the control groups, of either version, that bound this process, and of those around.

    `controller` is what they bound: `cpu` or `memory`.
    """
    folders = [CGROUPS, CGROUPS / controller]
    with suppress(OSError):
        for line in OWN_CGROUPS.read_text().splitlines():  # such as "0::/user.slice" or "4:cpu,cpuacct:/docker/1f"
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                root = CGROUPS / controller if controllers else CGROUPS
                inner = root / path.strip("/")
                folders += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    return list(dict.fromkeys(folders))

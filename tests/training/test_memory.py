"""How much memory a training may take: what the machine, its control groups and the processes beside it leave."""

from types import SimpleNamespace

import psutil
import pytest

from unet import cores
from unet.training.memory import free_memory

GIB = 2**30


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """A machine with 16 GiB free; files of control groups are added by path below /sys/fs/cgroup."""
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=16 * GIB))
    monkeypatch.setattr(cores, "CGROUPS", tmp_path)
    monkeypatch.setattr(cores, "OWN_CGROUPS", tmp_path / "own")

    def add(folder: str, **files: object) -> None:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (tmp_path / folder / name.replace("memory_", "memory.", 1)).write_text(f"{content}\n")

    return add


def test_all_that_is_free_without_limits(groups):
    assert free_memory() == 16 * GIB


def test_what_a_group_leaves_and_the_cached_files_in_it(groups):
    groups("", memory_max=6 * GIB, memory_current=5 * GIB, memory_stat=f"anon 7\ninactive_file {2 * GIB}")
    assert free_memory() == 3 * GIB


@pytest.mark.parametrize(("most", "expected"), [("max", 16), (100 * GIB, 16), (4 * GIB, 0), ("nonsense", 16)])
def test_limits_that_do_not_bind_and_a_group_that_is_full(groups, most, expected):
    groups("", memory_max=most, memory_current=5 * GIB, memory_stat="inactive_file 0")
    assert free_memory() == expected * GIB


def test_groups_of_the_first_version_and_those_around(groups):
    groups("", own="7:memory:/docker/1f\n4:cpu:/other")
    groups(
        "memory/docker/1f",
        memory_limit_in_bytes=9 * GIB,
        memory_usage_in_bytes=GIB,
        memory_stat="total_inactive_file 0",
    )
    assert free_memory() == 8 * GIB
    groups(
        "memory/docker", memory_limit_in_bytes=6 * GIB, memory_usage_in_bytes=GIB, memory_stat="total_inactive_file 0"
    )
    assert free_memory() == 5 * GIB


def test_processes_of_one_machine_share(groups, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert free_memory() == 16 * GIB // 3

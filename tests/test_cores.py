import os
import subprocess
import sys

import pytest

from unet import cores
from unet.cores import respect_quota, usable_cores


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of sixteen cores without control groups; files are added by path below /sys/fs/cgroup."""
    groups, own = tmp_path / "cgroup", tmp_path / "own"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "CGROUPS", groups)
    monkeypatch.setattr(cores, "OWN_CGROUPS", own)

    def add(content: dict[str, str]) -> None:
        for name, text in content.items():
            path = own if name == "own" else groups / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return add


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        ({"cpu.max": "max 100000\n"}, 16),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu.max": "6400000 100000\n"}, 16),  # more than there are
        ({"cpu.max": "nonsense\n"}, 16),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ({"own": "0::/user.slice/app\n", "user.slice/cpu.max": "300000 100000\n"}, 3),
        ({"own": "0::/user.slice/app\n", "user.slice/app/cpu.max": "500000 100000\n", "cpu.max": "max 100000"}, 5),
        ({"own": "0::/another\n", "user.slice/cpu.max": "300000 100000\n"}, 16),
        ({"own": "0::/../elsewhere\n", "cpu.max": "300000 100000\n"}, 3),  # outside of what can be seen
        (
            {
                "own": "7:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n",
                "cpu/docker/1f/cpu.cfs_quota_us": "700000",
                "cpu/docker/1f/cpu.cfs_period_us": "100000",
            },
            7,
        ),
    ],
)
def test_usable_cores_are_those_of_affinity_and_quota(files, expected, machine):
    machine(files)
    assert usable_cores() == expected


def test_a_quota_bounds_the_threads_of_libraries_unless_they_are_told(machine, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    respect_quota()
    assert "OMP_NUM_THREADS" not in os.environ
    machine({"cpu.max": "200000 100000"})
    respect_quota()
    assert os.environ["OMP_NUM_THREADS"] == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    respect_quota()
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_torch_starts_as_many_threads_as_the_quota_allows(tmp_path):
    (tmp_path / "cpu.max").write_text("100000 100000")
    program = (
        "import sys; from pathlib import Path; from unet import cores; cores.CGROUPS = Path(sys.argv[1])\n"
        "cores._granted = lambda: 16\n"
        "from unet.tuning import tune_for_pictures; tune_for_pictures()\n"
        "import torch; print(torch.get_num_threads())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "1\n"

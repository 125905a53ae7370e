"""train.py killed at bad moments and out of disk: what it goes on from is whole, and nothing differs afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unet.training.checkpoint import CHECKPOINT, read_checkpoint

ROOT = Path(__file__).parents[2]
# train.py, whose second checkpoint goes wrong when half of it is on the disk.
INTERRUPTED_WRITE = """
import sys
import torch
import train

save, calls = torch.save, []

def half_a_checkpoint(content, file):
    calls.append(file)
    if len(calls) == 2:
        file.write(b"x" * 1000)
        file.flush()
        {fault}
    save(content, file)

torch.save = half_a_checkpoint
sys.exit(train.main())
"""


@pytest.fixture(scope="module")
def options(photos):
    options = ["--data", photos, "--widths", 4, 8, "--size", 96, "--batch-size", 2, "--epochs", 3, "--main-repeats", 2]
    return [str(option) for option in options]


def run(program: list[str], cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(program: list[str], cwd: Path, *arguments: str) -> tuple[int, str]:
    process = run(program, cwd, *arguments)
    _, stderr = process.communicate(timeout=300)
    return process.returncode, stderr


TRAIN = [str(ROOT / "train.py")]


@pytest.fixture(scope="module")
def undisturbed(options, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("undisturbed")
    assert finish(TRAIN, cwd, *options, "--output", "weights")[0] == 0
    return (cwd / "weights/model.safetensors").read_bytes()


def assert_resumes(cwd: Path, options: list[str], undisturbed: bytes) -> None:
    status, stderr = finish(TRAIN, cwd, *options, "--output", "weights", "--resume")
    assert status == 0, stderr
    assert (cwd / "weights/model.safetensors").read_bytes() == undisturbed
    assert not list((cwd / "runs/weights").glob("*.partial"))


def test_killed_while_a_checkpoint_is_written(options, undisturbed, tmp_path):
    program = INTERRUPTED_WRITE.format(fault="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert finish(["-c", program], tmp_path, *options, "--output", "weights")[0] == -signal.SIGKILL
    assert read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["epoch"] == 1
    assert_resumes(tmp_path, options, undisturbed)


def test_a_full_disk_keeps_the_last_good_checkpoint(options, undisturbed, tmp_path):
    program = INTERRUPTED_WRITE.format(fault="raise OSError(28, 'No space left on device')")
    status, stderr = finish(["-c", program], tmp_path, *options, "--output", "weights")
    assert status == 1
    assert "No space left on device" in stderr
    assert "the last good checkpoint stays" in stderr
    assert "Traceback" not in stderr
    assert read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["epoch"] == 1
    assert_resumes(tmp_path, options, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.15, 0.3, 0.6, 1.0])
def test_killed_at_several_moments(options, undisturbed, tmp_path, moment):
    process = run(TRAIN, tmp_path, *options, "--output", "weights")
    end = time.monotonic() + 180
    while not (tmp_path / "runs/weights" / CHECKPOINT).exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(moment)
    process.kill()
    process.communicate(timeout=180)
    assert_resumes(tmp_path, options, undisturbed)

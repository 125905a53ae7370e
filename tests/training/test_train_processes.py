"""train.py under torchrun: what two processes give is what one gives with two micro-batches to a step."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch
from generated import write_folder
from hub_server import LocalHub
from safetensors.torch import load_file
from training_runs import PROCESS, SMALL, TRAIN, TWO, finish, start, train

from unet.training.checkpoint import CHECKPOINT, read_checkpoint

OPTIONS = [*SMALL, "--size", "48", "--epochs", "3", "--output", "weights"]
BOTH = [*TWO, *TRAIN]
DYING = """
import os, sys
import train

step, steps = train.train_step, []

def dying_step(*arguments):
    steps.append(1)
    if len(steps) == 3 and os.environ["RANK"] == "1":
        raise RuntimeError("this process has had enough")
    return step(*arguments)

train.train_step = dying_step
sys.exit(train.main())
"""

THREADS = """
import os, sys
import train

status = train.main()
tasks = os.listdir("/proc/self/task")
names = [open(f"/proc/self/task/{task}/comm").read().strip() for task in tasks]
print("left over:", sorted(name for name in names if "gloo" in name))
sys.exit(status)
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("photos") / "shapes", 14)


@pytest.fixture(scope="module")
def one_process(photos, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("one")
    stdout = finish(cwd, *OPTIONS, "--data", photos, "--accumulate", 2)
    assert "processes: 1" in stdout
    return cwd


def history(cwd: Path) -> list[dict[str, float]]:
    return read_checkpoint(cwd / "runs/weights" / CHECKPOINT)["progress"]["history"]


def assert_alike(cwd: Path, other: Path) -> None:
    for mine, theirs in zip(history(cwd), history(other), strict=True):
        for name in ("loss", "lr", "val_iou", "val_dice"):
            assert mine[name] == pytest.approx(theirs[name], rel=1e-3, abs=1e-3), name
    mine, theirs = (load_file(folder / "weights/model.safetensors") for folder in (cwd, other))
    for name, value in mine.items():
        if name.endswith("num_batches_tracked"):
            continue  # BatchNorm counts forward passes and makes no use of it
        torch.testing.assert_close(value, theirs[name], rtol=2e-2, atol=2e-3)


def test_two_processes_are_one_with_two_micro_batches(photos, one_process, tmp_path):
    stdout = finish(tmp_path, *OPTIONS, "--data", photos, program=BOTH)
    assert stdout.count("processes: 2") == 1
    assert stdout.count("pictures: train") == 1
    assert_alike(tmp_path, one_process)


def test_a_run_of_one_process_is_resumed_by_two(photos, one_process, tmp_path):
    process = start(tmp_path, *OPTIONS, "--data", photos, "--accumulate", 2)
    end = time.monotonic() + 180
    while not (tmp_path / "runs/weights" / CHECKPOINT).exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=180)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "weights").exists()
    stdout = finish(tmp_path, *OPTIONS, "--data", photos, "--resume", program=BOTH)
    assert stdout.count("resumed after epoch") == 1
    assert_alike(tmp_path, one_process)


def wait_for_checkpoint(running: subprocess.Popen[str], cwd: Path) -> None:
    end = time.monotonic() + 120
    while not (cwd / "runs/weights" / CHECKPOINT).exists():
        assert time.monotonic() < end, "no checkpoint came"
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.05)


def worker(running: subprocess.Popen[str], rank: int) -> psutil.Process:
    (found,) = [p for p in psutil.Process(running.pid).children() if p.environ().get("RANK") == str(rank)]
    return found


@pytest.mark.parametrize("receiver", ["torchrun", "one of them"])
def test_ctrl_c_stops_two_processes_at_one_step_with_a_checkpoint(photos, tmp_path, receiver):
    running = start(tmp_path, *OPTIONS, "--data", photos, "--epochs", 400, "--main-repeats", 40, program=BOTH)
    wait_for_checkpoint(running, tmp_path)
    time.sleep(0.5)
    before = read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]
    os.kill(running.pid if receiver == "torchrun" else worker(running, 1).pid, signal.SIGINT)
    _, stderr = running.communicate(timeout=180)
    assert running.returncode != 0
    assert stderr.count("go on with --resume") == 1
    assert "[rank" not in stderr  # no process found another one gone
    after = read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]
    assert (after["epoch"], after["batch"]) > (before["epoch"], before["batch"])


def test_a_process_that_is_killed_ends_the_run(photos, tmp_path):
    running = start(tmp_path, *OPTIONS, "--data", photos, "--epochs", 400, program=BOTH)
    wait_for_checkpoint(running, tmp_path)
    worker(running, 1).kill()
    _, stderr = running.communicate(timeout=180)
    assert running.returncode != 0
    assert "Signal 9 (SIGKILL)" in stderr
    assert not (tmp_path / "weights").exists()


def test_two_processes_write_and_publish_once(photos, tmp_path):
    with LocalHub() as hub:
        arguments = [*OPTIONS, "--data", photos, "--push-to-hub", "user/shapes", "--onnx"]
        result = train(tmp_path, *arguments, program=BOTH, env=hub.env(tmp_path / "home", **PROCESS))
        assert result.returncode == 0, result.stderr
        for line in ("processes: ", "model: ", "epoch 3 ", "val: ", "weights written to", "published in one commit"):
            assert (result.stdout + result.stderr).count(line) == 1, line
        repo = hub.model("user/shapes")
        assert len(repo.commits) == 2  # the Hub's own first one, and this
        for name in ("model.safetensors", "model.onnx"):
            assert repo.files[name] == (tmp_path / "weights" / name).read_bytes()


def test_a_process_that_dies_ends_the_run_with_its_error(photos, tmp_path):
    program = tmp_path / "dying.py"
    program.write_text(DYING, encoding="utf-8")
    process = start(tmp_path, *OPTIONS, "--data", photos, program=[*TWO, str(program)])
    _, stderr = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "this process has had enough" in stderr
    assert not (tmp_path / "weights").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are named in Linux's /proc")
def test_no_thread_of_the_process_group_outlives_a_run(photos, tmp_path):
    program = tmp_path / "threads.py"
    program.write_text(THREADS, encoding="utf-8")
    process = start(tmp_path, *OPTIONS, "--data", photos, program=[*TWO, str(program)])
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert stdout.count("left over: []") == 2, stdout

"""train.py as a user runs it, in processes of its own, with options for tiny networks."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROCESS = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}  # what every environment of a run holds
TRAIN = (str(ROOT / "train.py"),)
TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")  # processes, of the program that follows
SMALL = ["--widths", "4", "8", "--size", "32", "--batch-size", "4", "--warmup-steps", "2"]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without a token or network for the Hub, and with `more`."""
    without_token = {"HF_HUB_OFFLINE": "1", "HF_TOKEN": "", "HF_TOKEN_PATH": os.devnull}
    return {**os.environ, **PROCESS, **without_token, **more}


def command(*arguments: object, program: Sequence[str] = TRAIN) -> list[str]:
    """The command line that starts train.py, or what `program` has Python run instead, with `arguments`."""
    return [sys.executable, *program, *map(str, arguments)]


def start(cwd: Path, *arguments: object, program: Sequence[str] = TRAIN) -> subprocess.Popen[str]:
    """Start `command` in the folder `cwd`, with its output in pipes."""
    return subprocess.Popen(
        command(*arguments, program=program),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def train(
    cwd: Path, *arguments: object, program: Sequence[str] = TRAIN, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `command` in the folder `cwd` to its end, whatever its exit status."""
    return subprocess.run(
        command(*arguments, program=program),
        cwd=cwd,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def finish(cwd: Path, *arguments: object, program: Sequence[str] = TRAIN, status: int = 0) -> str:
    """As `train`, with the exit status that is asserted: what it printed, or if that is an error's, the errors."""
    result = train(cwd, *arguments, program=program)
    assert result.returncode == status, result.stderr
    return result.stderr if status else result.stdout

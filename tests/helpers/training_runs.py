"""train.py as a user runs it, in a process of its own, with options for tiny networks."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = ["--widths", "4", "8", "--size", "32", "--batch-size", "4", "--warmup-steps", "2"]


def environment() -> dict[str, str]:
    """This process's environment without a token or network for the Hub."""
    without_token = {"HF_HUB_OFFLINE": "1", "HF_TOKEN": "", "HF_TOKEN_PATH": os.devnull}
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2", **without_token}


def command(*arguments: object) -> list[str]:
    """The command line that starts train.py with `arguments`."""
    return [sys.executable, str(ROOT / "train.py"), *map(str, arguments)]


def train(cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run train.py in the folder `cwd` to its end, whatever its exit status."""
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )

"""The command line, as a function and as a process."""

import os
import subprocess
import sys
from pathlib import Path

from unet.__main__ import main

ROOT = Path(__file__).parents[2]


def run(command, *arguments):
    """Exit status of the command line, argparse's own exit included."""
    try:
        return main([command, *map(str, arguments)])
    except SystemExit as end:
        return end.code


def process(*arguments, **options):
    """The command line in a process of its own, with pipes for its output."""
    command = [sys.executable, "-m", "unet", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )

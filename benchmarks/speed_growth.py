"""How time and memory grow with the number of pictures: `predict`, and train.py."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
import numpy as np
import psutil
from PIL import Image
from server import PeakMemory

PREDICTED = (20, 80, 320, 1280)
TRAINED = (50, 200, 800)
SIDES = (480, 640)
TINY = ["--widths", "4", "8", "--size", "64", "--epochs", "1", "--main-repeats", "1"]


def write_pictures(folder: Path, count: int) -> Path:
    """`count` JPEGs of 640 x 480 with masks."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    with Image.open(common.ROOT / "examples" / "coffee.jpg") as image:
        rgb = np.asarray(image.convert("RGB").resize(SIDES[::-1]))
    for number in range(count):
        moved = np.roll(rgb, 7 * number, axis=1)
        Image.fromarray(moved).save(folder / "images" / f"p{number:04d}.jpg", quality=90)
        mask = np.where(moved.mean(axis=-1) > 127, 255, 0).astype(np.uint8)
        Image.fromarray(mask).save(folder / "masks" / f"p{number:04d}.png")
    return folder


def measure(command: list[str], cwd: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of a command.

    Raises:
        RuntimeError: it fails.
    """
    started = time.monotonic()
    environment = {**psutil.Process().environ(), "PYTHONPATH": str(common.ROOT)}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        with PeakMemory(psutil.Process(process.pid)) as memory:
            status = process.wait()
        if status:
            errors.seek(0)
            raise RuntimeError(errors.read())
    return time.monotonic() - started, memory.peak / 2**20


def growth_rows() -> list[list[str]]:
    """Seconds and peak memory against the number of pictures."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for count in PREDICTED:
            folder = write_pictures(root / f"predict{count}", count)
            weights = ["--weights", str(common.ROOT / "weights")]
            command = [sys.executable, "-m", "unet", "predict", str(folder / "images"), "--output", str(root / "out")]
            seconds, peak = measure([*command, *weights], root)
            rows.append([f"`predict`, {count} pictures of 640 x 480", f"{seconds:.1f}", f"{peak:.0f}"])
            print(*rows[-1], sep=" | ", flush=True)
        for count in TRAINED:
            folder = write_pictures(root / f"train{count}", count)
            command = [sys.executable, str(common.ROOT / "train.py"), "--data", str(folder), *TINY]
            seconds, peak = measure([*command, "--output", str(root / f"weights{count}")], root)
            rows.append([f"train.py, an epoch of {count} pictures, width 4", f"{seconds:.1f}", f"{peak:.0f}"])
            print(*rows[-1], sep=" | ", flush=True)
    return rows

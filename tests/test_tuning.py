"""Settings of a process change its speed and memory, not its results."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAINING = """
import resource, sys
import torch
from unet.network.unet import UNet
from unet.network.weights import digest
from unet.tuning import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
torch.manual_seed(0)
torch.set_num_threads(1)
model = UNet(widths=(8, 16))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
x = torch.rand(4, 3, 96, 96)
for step in range(8):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(digest(model.state_dict()), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


PICTURES = """
import os, time
import numpy as np
from unet.tuning import IdleReturn, let_waiting_threads_sleep, tune_for_pictures

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") // 2**20

tune_for_pictures()
assert "OMP_WAIT_POLICY" not in os.environ
let_waiting_threads_sleep()
assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
start = resident()
large = [np.ones(40 * 2**20, np.uint8) for _ in range(12)]
small = np.ones(2**20, np.uint8)  # behind them in the heap
full = resident()
del large
kept = resident()
large = [np.ones(40 * 2**20, np.uint8) for _ in range(12)]
again = resident()
del large
idle = IdleReturn(0.3)
idle.touch()
time.sleep(0.2)
idle.touch()
time.sleep(0.2)
early = resident()
time.sleep(0.5)
print(start, full, kept, again, early, resident())
"""

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")


def run(program: str, *arguments: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("OMP_WAIT_POLICY", None)
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def train(argument: str) -> tuple[str, int]:
    digest, faults = run(TRAINING, argument)
    return digest, int(faults)


@needs_glibc
def test_kept_memory_saves_page_faults_and_changes_no_bit_of_the_weights():
    (kept, few), (returned, many) = train("keep"), train("return")
    assert kept == returned
    assert few < many / 4


@needs_glibc
def test_memory_is_used_again_and_returned_once_nothing_happens():
    start, full, kept, again, early, late = map(int, run(PICTURES))  # megabytes
    assert full - start > 450
    assert kept - start > 450
    assert again <= full + 50
    assert early > start + 450
    assert late < start + 50


LARGE = """
import io, resource, sys
import numpy as np
from unet.tuning import tune_for_pictures

if sys.argv[1] == "tuned":
    tune_for_pictures()
from PIL import Image
from unet.pictures.decode import read_picture
from unet.pictures.draw import render
from unet.pictures.encode import encode_jpeg, encode_png
from unet.prediction.upsampling import upsample_bilinear

rng = np.random.default_rng(0)
buffer = io.BytesIO()
Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize((8000, 6000)).save(buffer, "JPEG")
for number in range(10):
    picture = read_picture(buffer.getvalue())
    prob8 = upsample_bilinear(rng.random((24, 32), dtype=np.float32), (6000, 8000))
    encode_png(render("cutout", picture, prob8, 0.5))
    encode_jpeg(render("overlay", picture, prob8, 0.5))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@needs_glibc
@pytest.mark.slow
def test_large_pictures_take_little_more_memory_at_their_peak():
    tuned, usual = (int(*run(LARGE, how)) for how in ("tuned", "usual"))
    assert tuned < 1.3 * usual

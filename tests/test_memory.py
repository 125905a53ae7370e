"""Memory settings of a process change its speed, not its results."""

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
from unet.processes import keep_freed_memory

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


def train(argument: str) -> tuple[str, int]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, argument], env=environment, capture_output=True, text=True, check=True
    )
    digest, faults = done.stdout.split()
    return digest, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_kept_memory_saves_page_faults_and_changes_no_bit_of_the_weights():
    (kept, few), (returned, many) = train("keep"), train("return")
    assert kept == returned
    assert few < many / 4

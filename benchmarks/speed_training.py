"""Training steps: the reference's loop beside train.py's, where the time goes, and what kept memory saves.

python benchmarks/speed_training.py [--rounds N] [--steps N] [--batch N] [--side N]  # kept memory alone
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import common
import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image

from unet import UNet
from unet.data.pairs import Pair
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.weights import WeightsConfig
from unet.prediction.precision import has_fast_bf16
from unet.training.batches import PictureStore, make_batch, to_tensor
from unet.training.checkpoint import update_ema
from unet.training.deep_supervision import DeeplySupervised, supervised_loss
from unet.training.loss import bce_dice_loss
from unet.training.step import GRADIENT_NORM, train_step
from unet.tuning import keep_freed_memory

WIDTHS = {f"`plain`, width {w}": tuple(w * 2**level for level in range(4)) for w in (16, 32)}
BATCH, SIDE = 8, 240
LONGEST = 400  # pixels of the training pictures, as train.py keeps them
MEMORY_NETWORKS = {
    "`lite0`": {"encoder": "lite0", "widths": LITE0_WIDTHS},
    "`plain`, width 32": {"encoder": "plain", "widths": (32, 64, 128, 256)},
}
MEMORY_HEADER = (
    *("training", "speed-up by kept memory", "pictures a second, returned", "kept"),
    *("page faults a step, returned", "kept", "peak memory, MB, returned", "kept"),
)


def _store(count: int) -> PictureStore:
    """`count` training pictures, cut out of the astronaut, decoded and kept as train.py keeps them."""
    with Image.open(common.ROOT / "examples" / "astronaut.jpg") as image:
        whole = image.convert("RGB").resize((LONGEST, LONGEST))
    rgb = np.asarray(whole)
    target = (rgb.mean(axis=-1) > 127).astype(np.uint8)  # (H, W)
    pairs = [Pair(str(n), common.ROOT / str(n), common.ROOT / str(n), common.ROOT) for n in range(count)]
    store = PictureStore(pairs)
    store._cache = {
        pair.image: (np.roll(rgb, 40 * n, axis=1), np.roll(target, 40 * n, axis=1)) for n, pair in enumerate(pairs)
    }
    return store


class ReferenceLoop:
    """float32, NCHW, BCE, Adam, on pictures that are already resized and in memory; no augmentation."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = UNet(widths=widths).train().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.x = torch.randn(BATCH, 3, SIDE, SIDE, device=self.device)
        self.y = torch.randint(0, 2, (BATCH, 1, SIDE, SIDE), device=self.device).float()

    def step(self) -> None:
        """One optimizer step."""
        self.optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(self.model(self.x), self.y).backward()
        self.optimizer.step()
        common.finish(self.device)


class OurLoop:
    """A step of train.py, from the decoded pictures to the moving average."""

    def __init__(self, widths: tuple[int, ...], encoder: str = "plain", batch: int = BATCH, side: int = SIDE) -> None:
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self.model, self.ema = (UNet(widths=widths, encoder=encoder).to(self.accelerator.device) for _ in range(2))
        self.model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        supervised = DeeplySupervised(self.model)
        optimizer = torch.optim.AdamW(supervised.parameters(), lr=1e-3)
        self.wrapped, self.optimizer = self.accelerator.prepare(supervised, optimizer)
        self.store, self.config, self.epoch = _store(batch), WeightsConfig(size=(side, side)), 0
        self.parts: dict[str, list[float]] = defaultdict(list)

    def _data(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.epoch += 1
        batch = make_batch(self.store, range(len(self.store)), 0, self.epoch, self.config.size)
        x = to_tensor(batch.images, self.config, self.accelerator.device)
        return x, torch.from_numpy(batch.targets).to(self.accelerator.device)

    def step(self) -> None:
        """One optimizer step, as train.py takes it."""
        x, y = self._data()
        train_step(self.accelerator, self.wrapped, self.optimizer, bce_dice_loss, x, None, y, 1)
        update_ema(self.ema, self.model, 0.998)
        common.finish(x.device)

    def step_in_parts(self) -> None:
        """The same on one process, with a clock between its parts."""
        marks = [time.perf_counter()]

        def mark() -> None:
            common.finish(self.accelerator.device)
            marks.append(time.perf_counter())

        x, y = self._data()
        mark()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=has_fast_bf16()):
            outputs = self.wrapped(x)
        loss = supervised_loss(bce_dice_loss, outputs, y)
        mark()
        self.accelerator.backward(loss)
        mark()
        self.accelerator.clip_grad_norm_(self.wrapped.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        update_ema(self.ema, self.model, 0.998)
        mark()
        for name, start, end in zip(("data", "forward", "backward", "optimizer"), marks, marks[1:], strict=False):
            self.parts[name].append(end - start)


def training_rows(rounds: int) -> list[list[str]]:
    """Pictures a second of both loops, in turn, and the shares of a step of ours."""
    rows = []
    for name, widths in WIDTHS.items():
        theirs, ours = ReferenceLoop(widths), OurLoop(widths)
        seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
        for turn in range(rounds + 1):
            for key, step in (("theirs", theirs.step), ("ours", ours.step)):
                started = time.perf_counter()
                step()
                if turn:
                    seconds[key].append(time.perf_counter() - started)
            ours.step_in_parts()
        middle = {key: statistics.median(values) for key, values in seconds.items()}
        parts = {key: statistics.median(values[1:]) for key, values in ours.parts.items()}
        whole = sum(parts.values())
        rows.append(
            [
                f"{name}, batches of {BATCH}",
                f"{middle['theirs'] / middle['ours']:.2f}",
                f"{BATCH / middle['theirs']:.1f}",
                f"{BATCH / middle['ours']:.1f}",
                *(f"{100 * value / whole:.0f} %" for value in parts.values()),
            ]
        )
        print(*rows[-1], sep=" | ", flush=True)
    return rows


def measure_steps(way: str, network: str, batch: int, side: int, steps: int) -> dict[str, float]:
    """Median seconds and page faults of a training step of this process, and its peak memory in megabytes.

    Args:
        way: "kept" or "returned": what happens to freed memory.
        network: Key of `MEMORY_NETWORKS`.
        batch: Pictures of a step.
        side: Height and width of the pictures.
        steps: Number of steps measured, after two that are not.
    """
    if way == "kept":
        keep_freed_memory()
    loop = OurLoop(**MEMORY_NETWORKS[network], batch=batch, side=side)  # type: ignore[arg-type]
    seconds, faults = [], []
    for _ in range(steps + 2):
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        loop.step()
        seconds.append(time.perf_counter() - started)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return {"seconds": statistics.median(seconds[2:]), "faults": statistics.median(faults[2:]), "peak": peak_memory()}


def peak_memory() -> float:
    """Megabytes that this process held at most; `ru_maxrss` would be the parent's, if that held more when it forked."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def memory_rows(rounds: int, steps: int = 6, batch: int = 16, side: int = SIDE) -> list[list[str]]:
    """Training with freed memory returned to the system and kept (`keep_freed_memory`), in processes that alternate."""
    rows = []
    for network in MEMORY_NETWORKS:
        runs: dict[str, list[dict[str, float]]] = {"returned": [], "kept": []}
        for _ in range(rounds):
            for way, measured in runs.items():
                sizes = ["--batch", str(batch), "--side", str(side), "--steps", str(steps)]
                command = [sys.executable, __file__, "--way", way, "--network", network, *sizes]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                measured.append(json.loads(done.stdout.splitlines()[-1]))
        middle = {
            name: [statistics.median(run[name] for run in runs[way]) for way in ("returned", "kept")]
            for name in ("seconds", "faults", "peak")
        }
        returned, kept = middle["seconds"]
        rows.append(
            [
                f"{network}, batches of {batch}, {side} x {side}",
                f"{returned / kept:.2f}",
                *(f"{batch / seconds:.1f}" for seconds in middle["seconds"]),
                *(f"{faults:,.0f}" for faults in middle["faults"]),
                *(f"{peak:.0f}" for peak in middle["peak"]),
            ]
        )
        print(*rows[-1], sep=" | ", flush=True)
    return rows


def main() -> None:
    """Measure kept memory alone, or one of its runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each kind (default: 3)")
    parser.add_argument("--steps", type=int, default=6, metavar="N", help="steps of each process (default: 6)")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="pictures of a step (default: 16)")
    parser.add_argument("--side", type=int, default=SIDE, metavar="N", help=f"size of the pictures (default: {SIDE})")
    parser.add_argument("--way", choices=("kept", "returned"), help=argparse.SUPPRESS)  # of one process
    parser.add_argument("--network", choices=MEMORY_NETWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure_steps(options.way, options.network, options.batch, options.side, options.steps)))
    else:
        rows = memory_rows(options.rounds, options.steps, options.batch, options.side)
        print("\n" + common.markdown_table(MEMORY_HEADER, rows))


if __name__ == "__main__":
    main()

"""Training steps side by side: the reference's loop, and train.py's with its augmentation; and where the time goes."""

import statistics
import time
from collections import defaultdict

import common
import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image

from unet import UNet
from unet.data.pairs import Pair
from unet.network.weights import WeightsConfig
from unet.prediction.predictor import has_fast_bf16
from unet.training.batches import PictureStore, make_batch, to_tensor
from unet.training.checkpoint import update_ema
from unet.training.deep_supervision import DeeplySupervised, supervised_loss
from unet.training.step import train_step

WIDTHS = {f"`plain`, width {w}": tuple(w * 2**level for level in range(4)) for w in (16, 32)}
BATCH, SIDE = 8, 240
LONGEST = 400  # pixels of the training pictures, as train.py keeps them


def _store() -> PictureStore:
    """Eight training pictures, cut out of the astronaut, decoded and kept as train.py keeps them."""
    with Image.open(common.ROOT / "examples" / "astronaut.jpg") as image:
        whole = image.convert("RGB").resize((LONGEST, LONGEST))
    rgb = np.asarray(whole)
    target = (rgb.mean(axis=-1) > 127).astype(np.uint8)  # (H, W)
    pairs = [Pair(str(n), common.ROOT / str(n), common.ROOT / str(n), common.ROOT) for n in range(BATCH)]
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

    def __init__(self, widths: tuple[int, ...]) -> None:
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self.model = UNet(widths=widths).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = UNet(widths=widths).to(self.accelerator.device)
        supervised = DeeplySupervised(self.model)
        optimizer = torch.optim.AdamW(supervised.parameters(), lr=1e-3)
        self.wrapped, self.optimizer = self.accelerator.prepare(supervised, optimizer)
        self.store, self.config, self.epoch = _store(), WeightsConfig(size=(SIDE, SIDE)), 0
        self.parts: dict[str, list[float]] = defaultdict(list)

    def _data(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.epoch += 1
        batch = make_batch(self.store, range(BATCH), 0, self.epoch, (SIDE, SIDE))
        x = to_tensor(batch.images, self.config, self.accelerator.device)
        return x, torch.from_numpy(batch.targets).to(self.accelerator.device)

    def step(self) -> None:
        """One optimizer step, as train.py takes it."""
        x, y = self._data()
        train_step(self.accelerator, self.wrapped, self.optimizer, x, None, y, 1)
        update_ema(self.ema, self.model, 0.998)
        common.finish(x.device)

    def step_in_parts(self) -> None:
        """The same, with a clock between its parts."""
        marks = [time.perf_counter()]

        def mark() -> None:
            common.finish(self.accelerator.device)
            marks.append(time.perf_counter())

        x, y = self._data()
        mark()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=has_fast_bf16()):
            outputs = self.wrapped(x)
        loss = supervised_loss(outputs, y)
        mark()
        self.accelerator.backward(loss)
        mark()
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
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

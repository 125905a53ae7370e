"""The reference's recipe unchanged: width 64, BCE with logits, Adam 1e-4, batch 8, 60 epochs, no augmentation.

What is ours is what the reference got wrong: pairs by stem, its own validation pictures, a seed, unknown pixels left
out of the loss. bfloat16 is used where the processor has it.
"""

import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from unet import UNet
from unet.data.masks import UNKNOWN
from unet.data.pairs import Pair, load_resized
from unet.network.weights import WeightsConfig, save_weights
from unet.prediction.precision import has_fast_bf16
from unet.training.batches import epoch_order, to_tensor

SIZE, BATCH, EPOCHS, LR = (240, 240), 8, 60, 1e-4


def train_reference(pairs: list[Pair], folder: Path, seed: int = 0) -> None:
    """Train on `pairs` and write the weights of the last epoch, as the reference keeps them, to `folder`."""
    torch.manual_seed(seed)
    config = WeightsConfig(size=SIZE)
    loaded = [load_resized(pair, SIZE) for pair in pairs]
    images, targets = (np.stack(part) for part in zip(*loaded, strict=True))  # (N, h, w, 3), (N, h, w)
    model = UNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    for epoch in range(EPOCHS):
        started, total = time.monotonic(), 0.0
        for row in epoch_order(len(pairs), BATCH, seed, epoch):
            x = to_tensor(images[row], config, torch.device("cpu"))  # (B, 3, h, w)
            y = torch.from_numpy(targets[row])  # (B, h, w)
            with torch.autocast("cpu", torch.bfloat16, enabled=has_fast_bf16()):
                logits = model(x).squeeze(1)
            known = y != UNKNOWN
            loss = F.binary_cross_entropy_with_logits(logits.float()[known], (y[known] == 1).float())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(
            f"reference epoch {epoch + 1}/{EPOCHS} loss {total:.3f} seconds {time.monotonic() - started:.0f}",
            flush=True,
        )
    save_weights(folder, model.eval(), config)

"""One optimizer step: its learning rate, the clicks that are simulated for it, forward, backward and update."""

import math
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from unet.evaluation.simulated_clicks import simulate_clicks
from unet.network.unet import UNet
from unet.prediction.precision import has_fast_bf16
from unet.training.batches import Batch
from unet.training.config import TrainConfig
from unet.training.deep_supervision import DeeplySupervised, supervised_loss
from unet.training.distributed import StepStatistics
from unet.training.loss import Loss

GRADIENT_NORM = 1.0


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Linear warm-up to `config.lr`, then a cosine that would reach 0 one step after the last."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def make_optimizer(model: DeeplySupervised, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over network and heads; a contracting path from ImageNet learns at `config.encoder_lr` of the rate.

    Groups of parameters that learn at a part of the rate carry it as "share".
    """
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    contracting = model.network.contracting
    if contracting.imagenet and config.encoder_lr != 1:
        pretrained = list(contracting.parameters())
        others = [p for name, p in model.named_parameters() if not name.startswith("network.contracting.")]
        groups = [{"params": pretrained, "share": config.encoder_lr}, {"params": others, "share": 1.0}]
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let every group of parameters learn at `rate`, or at its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


def simulate_batch(model: UNet, images: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Maps (B, 2, h, w) of simulated clicks, 0 or 1, which correct the masks that `model` predicts at present."""

    def predict(pictures: np.ndarray, maps: np.ndarray) -> np.ndarray:
        clicks = torch.from_numpy(maps).to(images.device).float()
        chosen = images[torch.from_numpy(pictures).to(images.device)]
        with torch.inference_mode(), torch.autocast(images.device.type, torch.bfloat16, enabled=has_fast_bf16()):
            return (model(chosen, clicks).squeeze(1) > 0).cpu().numpy()  # (b, h, w)

    model.eval()
    maps = simulate_clicks(predict, batch.targets, batch.clicks)
    model.train()
    return torch.from_numpy(maps).to(images.device).float()


def train_step(
    accelerator: Accelerator,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    images: torch.Tensor,
    clicks: torch.Tensor | None,
    targets: torch.Tensor,
    accumulate: int,
) -> float:
    """One optimizer step on this process's pictures, in `accumulate` equal micro-batches.

    Args:
        accelerator: Of this process.
        model: A `DeeplySupervised`, prepared by the accelerator.
        optimizer: Optimizer, prepared by the accelerator, with the step's learning rate set.
        loss: One of those of `unet.training.loss`.
        images: (B, 3, h, w) normalised pictures.
        clicks: (B, 2, h, w) click maps, or None.
        targets: (B, h, w) uint8 labels.
        accumulate: Number of micro-batches, which divides B.

    Returns:
        The mean loss over all processes.
    """
    statistics = StepStatistics(accelerator, model, accumulate)
    total = torch.zeros((), device=accelerator.device)
    optimizer.zero_grad(set_to_none=True)
    maps = [None] * accumulate if clicks is None else clicks.chunk(accumulate)
    for index, (x, c, y) in enumerate(zip(images.chunk(accumulate), maps, targets.chunk(accumulate), strict=True)):
        last = index == accumulate - 1
        # Gradients travel between processes once a step, with the last micro-batch.
        with nullcontext() if last else accelerator.no_sync(model), statistics.micro_batch():
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=has_fast_bf16()):
                outputs = model(x, c)  # the network's logits (B / accumulate, C, h, w), then the heads'
            share = supervised_loss(loss, outputs, y) / accumulate
            accelerator.backward(share)
        total += share.detach()
    statistics.finish()
    accelerator.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    optimizer.step()
    return float(accelerator.reduce(total, "mean"))

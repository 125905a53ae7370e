"""Train a U-Net on a folder of photographs with masks, and write the weights folder that app.py serves.

    python train.py --data DIR                                   # lite0, from ImageNet weights, into weights/
    python train.py --data DIR --extra-data DIR2 --epochs 30     # more training pictures
    python train.py --data DIR --widths 64 128 256 512           # the reference's architecture, from scratch
    python train.py --data DIR --resume                          # go on after Ctrl-C or a crash
    python train.py --data DIR --push-to-hub USER/NAME           # publish the result

`python train.py --help` lists every option. Checkpoints, history and prediction sheets go to runs/.
"""

import copy
import math
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import tyro
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from tqdm import tqdm
from unet.data import Pair
from unet.hub import locate, push_weights
from unet.metrics import summarise

from unet.batches import PictureStore, epoch_order, make_batch, to_tensor
from unet.checkpoints import (
    CHECKPOINT,
    ema_decay,
    keep_previous,
    read_checkpoint,
    update_ema,
    write_atomically,
)
from unet.config import FREE_ON_RESUME, TrainConfig, check_config
from unet.distributed import NO_BUFFER_BROADCAST, StepStatistics, share_of_batch
from unet.errors import TrainingError, UnetError
from unet.evaluation import Evaluated, evaluate_pairs
from unet.interruption import Interruption
from unet.lite0 import Lite0Path, load_imagenet
from unet.losses import bce_dice_loss
from unet.model import LITE0_WIDTHS, REFERENCE_WIDTHS, UNet, count_parameters
from unet.predictor import Predictor, has_fast_bf16
from unet.release import release
from unet.splits import collect
from unet.weights import WeightsConfig, load_weights

CHECKPOINT_SECONDS = 600  # between checkpoints within an epoch
GRADIENT_NORM = 1.0


@dataclass
class Progress:
    """Where a run stands; everything but weights and optimizer that a resumption needs."""

    epoch: int = 0  # epochs done
    batch: int = 0  # batches done of the next one
    loss_sum: float = 0.0  # over those batches
    seconds: float = 0.0  # trained so far
    best_iou: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Interrupted(Exception):
    """Ctrl-C came; the checkpoint is written."""


def build_model(config: TrainConfig) -> UNet:
    """The network at the start of the run: new, from ImageNet weights, or from earlier weights."""
    if config.init_from is not None:
        model, _ = load_weights(locate(config.init_from).folder)
        wanted = (config.encoder or model.encoder, config.widths or model.widths)
        if wanted != (model.encoder, model.widths):
            raise TrainingError(
                f"--init-from {config.init_from} holds {model.encoder} with widths {list(model.widths)}, "
                f"not {wanted[0]} with {list(wanted[1])}"
            )
        return model
    encoder = config.chosen_encoder
    model = UNet(widths=config.widths or (LITE0_WIDTHS if encoder == "lite0" else REFERENCE_WIDTHS), encoder=encoder)
    if isinstance(model.contracting, Lite0Path):
        load_imagenet(model.contracting)
    return model


def learning_rate(step: int, steps: int, config: TrainConfig) -> float:
    """Linear warm-up to `config.lr`, then a cosine down to nothing at the last step."""
    warmup = min(config.warmup_steps, steps // 2)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def restore(config: TrainConfig, model: UNet, ema: UNet, optimizer: torch.optim.Optimizer) -> tuple[Progress, Any]:
    """Fill model, average and optimizer from the run's checkpoint; returns its progress and best weights.

    Raises:
        TrainingError: no or a damaged checkpoint, or one of a run with other options.
    """
    path = config.run_folder / CHECKPOINT
    saved = read_checkpoint(path)
    now = config.as_json()
    changed = [
        f"--{k.replace('_', '-')} was {saved['config'].get(k)!r}, is {v!r}"
        for k, v in now.items()
        if k not in FREE_ON_RESUME and saved["config"].get(k) != v
    ]
    if changed:
        raise TrainingError(f"{path}: not resumed, the options differ: {'; '.join(changed)}")
    model.load_state_dict(saved["model"])
    ema.load_state_dict(saved["ema"])
    optimizer.load_state_dict(saved["optimizer"])
    return Progress(**saved["progress"]), saved["best"]


def train_step(
    accelerator: Accelerator,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    targets: torch.Tensor,
    accumulate: int,
) -> float:
    """One optimizer step on this process's pictures, in `accumulate` equal micro-batches.

    Args:
        accelerator: of the run.
        model: as prepared by it.
        optimizer: as prepared by it, with the step's learning rate set.
        images: (B, 3, h, w) normalised.
        targets: (B, h, w) labels.
        accumulate: number of micro-batches.

    Returns:
        The mean loss over all processes.
    """
    statistics = StepStatistics(accelerator, model, accumulate)
    total = torch.zeros((), device=accelerator.device)
    optimizer.zero_grad(set_to_none=True)
    for index, (x, y) in enumerate(zip(images.chunk(accumulate), targets.chunk(accumulate), strict=True)):
        last = index == accumulate - 1
        # Gradients travel between processes once a step, with the last micro-batch.
        with nullcontext() if last else accelerator.no_sync(model), statistics.micro_batch():
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=has_fast_bf16()):
                logits = model(x)  # (B / accumulate, 1, h, w)
            loss = bce_dice_loss(logits, y) / accumulate
            accelerator.backward(loss)
        total += loss.detach()
    statistics.finish()
    accelerator.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
    optimizer.step()
    return float(accelerator.reduce(total, "mean"))


def validate(accelerator: Accelerator, ema: UNet, settings: WeightsConfig, pairs: list[Pair]) -> list[Evaluated]:
    """Scores of the averaged weights at threshold 0.5, the pictures shared among the processes."""
    share = pairs[accelerator.process_index :: accelerator.num_processes]
    mine = evaluate_pairs(Predictor(ema, settings), share, 0.5)
    return sorted(gather_object(mine), key=lambda e: e.stem)


def train(config: TrainConfig) -> None:
    """Run, or resume, the training that `config` describes, and write the weights folder."""
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[NO_BUFFER_BROADCAST])
    check_config(config, accelerator.num_processes)
    main = accelerator.is_main_process
    splits = collect(config)
    accelerator.print(f"processes: {accelerator.num_processes}, device: {accelerator.device}")
    accelerator.print(f"pictures: {splits.describe()}")

    set_seed(config.seed)
    model = build_model(config)
    accelerator.print(f"model: {model.encoder}, widths {list(model.widths)}, {count_parameters(model):,} parameters")
    ema = copy.deepcopy(model).eval()
    settings = WeightsConfig(size=(config.size, config.size), data=splits.names)
    optimizer: Any = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    progress, best = Progress(), ema.state_dict()
    if config.resume:
        progress, best = restore(config, model, ema, optimizer)
        accelerator.print(f"resumed after epoch {progress.epoch} and {progress.batch} batches")
    elif main:
        keep_previous(config.run_folder / CHECKPOINT)

    model = model.to(memory_format=torch.channels_last)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    ema.to(accelerator.device)
    store = PictureStore(splits.samples(config.main_repeats))

    def save() -> None:
        if main:
            state = {
                "model": model.state_dict(),
                "ema": ema.state_dict(),
                "best": best,
                "optimizer": optimizer.state_dict(),
            }
            content = {**state, "progress": asdict(progress), "config": config.as_json()}
            write_atomically(content, config.run_folder / CHECKPOINT)

    batches = len(epoch_order(len(store), config.batch_size, config.seed, 0))
    steps = batches * config.epochs
    done = progress.epoch * batches + progress.batch
    mine = share_of_batch(config.batch_size, config.accumulate, accelerator)
    with (
        Interruption() as interruption,
        tqdm(total=steps, initial=done, disable=not main, unit="step") as bar,
    ):
        for epoch in range(progress.epoch, config.epochs):
            order = epoch_order(len(store), config.batch_size, config.seed, epoch)  # (batches, batch_size)
            started = saved = time.monotonic()
            before = progress.seconds
            wrapped.train()
            for batch in range(progress.batch, batches):
                step = epoch * batches + batch
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(step, steps, config)
                images, targets = make_batch(store, order[batch][mine], config.seed, epoch, settings.size)
                x = to_tensor(images, settings, accelerator.device)
                y = torch.from_numpy(targets).to(accelerator.device)
                loss = train_step(accelerator, wrapped, optimizer, x, y, config.accumulate)
                if not math.isfinite(loss):
                    names = ", ".join(str(store.pairs[s].image) for s in order[batch])
                    raise TrainingError(f"the loss became {loss} at step {step} (epoch {epoch + 1}); pictures: {names}")
                update_ema(ema, model, ema_decay(step, config.ema_decay))
                progress.batch, progress.loss_sum = batch + 1, progress.loss_sum + loss
                progress.seconds = before + time.monotonic() - started
                bar.update()
                bar.set_postfix(loss=f"{progress.loss_sum / progress.batch:.4f}", val_iou=f"{progress.best_iou:.3f}")
                if interruption.came:
                    save()
                    raise Interrupted
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    save()
                    saved = time.monotonic()

            summary = summarise([e.scores for e in validate(accelerator, ema, settings, splits.val)])
            val_iou = summary["iou"].mean
            if val_iou > progress.best_iou:
                progress.best_iou, progress.best_epoch = val_iou, epoch + 1
                best = {name: value.clone() for name, value in ema.state_dict().items()}
            row = {
                "epoch": epoch + 1,
                "loss": progress.loss_sum / batches,
                "lr": learning_rate(epoch * batches + batches - 1, steps, config),
                "val_iou": val_iou,
                "val_dice": summary["dice"].mean,
                "pictures_per_second": batches * config.batch_size / max(progress.seconds - before, 1e-9),
            }
            progress.history.append(row)
            progress.epoch, progress.batch, progress.loss_sum = epoch + 1, 0, 0.0
            save()
            accelerator.print(" ".join(f"{k} {v:.5g}" for k, v in row.items()))

    if main:
        ema.load_state_dict(best)
        release(config, ema.cpu(), settings, splits, asdict(progress))
        if config.push_to_hub:
            print(push_weights(config.output, config.push_to_hub, private=config.private))


def main() -> int:
    """Run the command line; returns the exit status."""
    config = tyro.cli(TrainConfig, description=__doc__)
    try:
        train(config)
    except Interrupted:
        print(f"stopped; go on with --resume (checkpoint in {config.run_folder})", file=sys.stderr)
        return 130
    except UnetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Train a U-Net on a folder of photographs with masks, and write the weights folder that app.py serves.

    python train.py --data DIR                                   # lite0, from ImageNet weights, into weights/
    python train.py --data DIR --extra-data DIR2 --epochs 30     # more training pictures
    python train.py --data DIR --widths 64 128 256 512           # the reference's architecture, from scratch
    python train.py --data DIR --resume                          # go on after Ctrl-C or a crash
    python train.py --data DIR --track trackio                   # follow the run
    python train.py --data DIR --push-to-hub USER/NAME           # publish the result

`python train.py --help` lists every option. Checkpoints, history and prediction sheets go to runs/.
"""

import copy
import math
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
import torch.distributed.nn  # before there is a process group: see leave_group
import tyro
from accelerate import Accelerator, PartialState
from accelerate.utils import gather_object, set_seed
from tqdm import tqdm

from unet.errors import TrainingError, UnetError
from unet.evaluation.evaluate import evaluate_pairs
from unet.evaluation.simulated_clicks import ious_after_clicks
from unet.hub.publish import check_target, push_weights
from unet.hub.source import locate
from unet.network.contracting import encoder_class
from unet.network.unet import UNet, count_parameters, with_click_layer
from unet.network.weights import WeightsConfig, load_weights
from unet.prediction.predictor import Predictor
from unet.processes import keep_freed_memory, leave_group
from unet.training.batches import PictureStore, epoch_order, make_batch, to_tensor
from unet.training.checkpoint import (
    CHECKPOINT,
    blend,
    ema_decay,
    keep_previous,
    read_checkpoint,
    update_ema,
    write_atomically,
)
from unet.training.config import FREE_ON_RESUME, TrainConfig, check_config
from unet.training.deep_supervision import DeeplySupervised
from unet.training.distributed import NO_BUFFER_BROADCAST, any_process, share_of_batch
from unet.training.interruption import Interruption
from unet.training.release import VALIDATION_SHEET, release
from unet.training.splits import Splits, collect, refuse_leak
from unet.training.step import learning_rate, make_optimizer, set_learning_rate, simulate, train_step
from unet.training.tracking import Tracking, project

CHECKPOINT_SECONDS = 600  # between checkpoints within an epoch
CLICK_COUNTS = (1, 3)  # simulated clicks after which a network that takes them is validated
CLICKED_PICTURES = 20  # of each validation set, on which clicks are simulated


@dataclass
class Progress:
    """Where a run stands; everything but weights and optimizer that a resumption needs."""

    epoch: int = 0  # epochs done
    batch: int = 0  # batches done of the next one
    loss_sum: float = 0.0  # over those batches
    epoch_seconds: float = 0.0  # spent on them
    seconds: float = 0.0  # spent on the epochs before
    best_iou: float = -1.0  # mean over the validation sets, and over no, one and three clicks if they are trained
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Run:
    """What a run works with, on this process."""

    config: TrainConfig
    accelerator: Accelerator
    splits: Splits
    settings: WeightsConfig
    model: UNet
    supervised: DeeplySupervised
    ema: UNet
    optimizer: Any
    progress: Progress
    best: dict[str, torch.Tensor]


class Interrupted(Exception):
    """Ctrl-C came; the checkpoint is written."""


def load_earlier(source: str, splits: Splits) -> UNet:
    """The network of a weights folder or repo, which must not have seen this run's test pictures.

    Raises:
        TrainingError: it has.
        HubError, WeightsError: the weights cannot be had.
    """
    folder = locate(source).folder
    refuse_leak(folder, splits)
    return load_weights(folder)[0]


def build_model(config: TrainConfig, splits: Splits) -> UNet:
    """The network at the start of the run: new, from ImageNet weights, or from earlier weights.

    Raises:
        TrainingError: the earlier weights are of another shape, or were trained on this run's test pictures.
    """
    if config.init_from is not None:
        model = load_earlier(config.init_from, splits)
        wanted = (config.encoder or model.encoder, config.widths or model.widths)
        if wanted != (model.encoder, model.widths):
            raise TrainingError(
                f"--init-from {config.init_from} holds {model.encoder} with widths {list(model.widths)}, "
                f"not {wanted[0]} with {list(wanted[1])}"
            )
        return with_click_layer(model) if config.clicks else model
    encoder = config.chosen_encoder
    model = UNet(widths=config.widths or encoder_class(encoder).default_widths, encoder=encoder)
    model.contracting.pretrained()
    return with_click_layer(model) if config.clicks else model


def restore(
    config: TrainConfig, splits: Splits, model: DeeplySupervised, ema: UNet, optimizer: torch.optim.Optimizer
) -> tuple[Progress, Any]:
    """Fill model, average and optimizer from the run's checkpoint; returns its progress and best weights.

    Raises:
        TrainingError: no or a damaged checkpoint, or one of a run with other options.
    """
    path = config.run_folder / CHECKPOINT
    saved = read_checkpoint(path)
    now = config.as_json()
    before = {**TrainConfig().as_json(), **saved["config"]}  # options that came later had their defaults
    changed = [
        f"--{k.replace('_', '-')} was {before[k]!r}, is {v!r}"
        for k, v in now.items()
        if k not in FREE_ON_RESUME and before[k] != v
    ]
    if changed:
        raise TrainingError(f"{path}: not resumed, the options differ: {'; '.join(changed)}")
    model.load_state_dict(saved["model"])
    ema.load_state_dict(saved["ema"])
    optimizer.load_state_dict(saved["optimizer"])
    if splits.stream:
        splits.stream.restore(saved["stream"])
    return Progress(**saved["progress"]), saved["best"]


def save_checkpoint(run: Run) -> None:
    """Write everything that `restore` needs, whole or not at all; once, on the main process."""
    if run.accelerator.is_main_process:
        content = {
            "model": run.supervised.state_dict(),
            "ema": run.ema.state_dict(),
            "best": run.best,
            "optimizer": run.optimizer.state_dict(),
            "progress": asdict(run.progress),
            "stream": run.splits.stream.state() if run.splits.stream else None,
            "config": run.config.as_json(),
        }
        write_atomically(content, run.config.run_folder / CHECKPOINT)


def train_epoch(run: Run, wrapped: torch.nn.Module, store: PictureStore, bar: Any, interruption: Interruption) -> None:
    """The rest of the current epoch, from the batch where the run stands.

    Raises:
        Interrupted: Ctrl-C; the checkpoint is written.
        TrainingError: the loss is not finite; names the step and its pictures.
    """
    config, accelerator, progress = run.config, run.accelerator, run.progress
    order = epoch_order(len(store), config.batch_size, config.seed, progress.epoch)  # (batches, batch_size)
    mine = share_of_batch(config.batch_size, config.accumulate, accelerator)
    saved = time.monotonic()
    wrapped.train()
    for row in order[progress.batch :]:
        started = time.monotonic()
        step = progress.epoch * len(order) + progress.batch
        set_learning_rate(run.optimizer, learning_rate(step, len(order) * config.epochs, config))
        size = (config.size, config.size)
        batch = make_batch(store, row[mine], config.seed, progress.epoch, size, config.clicks, config.min_crop)
        x = to_tensor(batch.images, run.settings, accelerator.device)  # (B, 3, h, w)
        y = torch.from_numpy(batch.targets).to(accelerator.device)  # (B, h, w)
        clicks = simulate(run.model, x, batch) if config.clicks else None  # (B, 2, h, w)
        loss = train_step(accelerator, wrapped, run.optimizer, x, clicks, y, config.accumulate)
        if not math.isfinite(loss):
            names = ", ".join(str(store.pairs[sample].image) for sample in row)
            raise TrainingError(
                f"the loss became {loss} at step {step} (epoch {progress.epoch + 1}); pictures: {names}"
            )
        update_ema(run.ema, run.model, ema_decay(step, config.ema_decay))
        progress.batch, progress.loss_sum = progress.batch + 1, progress.loss_sum + loss
        progress.epoch_seconds += time.monotonic() - started
        bar.set_postfix(
            None, False, loss=f"{progress.loss_sum / progress.batch:.4f}", val_iou=f"{progress.best_iou:.3f}"
        )
        bar.update()
        stop = any_process(accelerator, interruption.came)  # a process that stopped alone would leave others waiting
        if stop or time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_checkpoint(run)
            saved = time.monotonic()
        if stop:
            accelerator.wait_for_everyone()  # until the checkpoint is written
            raise Interrupted


def validate(run: Run) -> dict[str, float]:
    """Scores of the averaged weights at threshold 0.5: the mean of each validation set, then that of the sets.

    The pictures are shared among the processes.
    """
    first, every = run.accelerator.process_index, run.accelerator.num_processes
    predictor = Predictor(run.ema, run.settings)
    sets: list[dict[str, float]] = []
    for pairs in run.splits.validation_sets():
        scores = [e.scores for e in evaluate_pairs(predictor, pairs[first::every], 0.5)]
        mine = {"val_iou": [s.iou for s in scores], "val_dice": [s.dice for s in scores]}
        if run.config.clicks:
            clicked_pairs = pairs[:: -(-len(pairs) // CLICKED_PICTURES)][first::every]
            clicked = ious_after_clicks(predictor, clicked_pairs, CLICK_COUNTS, 0.5)  # (pictures, counts)
            mine |= {f"val_iou_{n}_clicks": column.tolist() for n, column in zip(CLICK_COUNTS, clicked.T, strict=True)}
        shares = gather_object([mine])
        sets.append({name: float(np.mean(sorted(value for s in shares for value in s[name]))) for name in mine})
    return {name: float(np.mean([scores[name] for scores in sets])) for name in sets[0]}


def finish_epoch(run: Run, batches: int) -> dict[str, float]:
    """Validate, keep the weights if they are the best so far, note the epoch; returns its row of the history."""
    config, progress = run.config, run.progress
    scores = validate(run)
    val_iou = float(np.mean([value for name, value in scores.items() if name.startswith("val_iou")]))
    if val_iou > progress.best_iou:
        progress.best_iou, progress.best_epoch = val_iou, progress.epoch + 1
        run.best = {name: value.clone() for name, value in run.ema.state_dict().items()}
    row = {
        "epoch": progress.epoch + 1,
        "loss": progress.loss_sum / batches,
        "lr": learning_rate(progress.epoch * batches + batches - 1, batches * config.epochs, config),
        **scores,
        "pictures_per_second": batches * config.batch_size / max(progress.epoch_seconds, 1e-9),
    }
    progress.history.append(row)
    progress.seconds += progress.epoch_seconds
    progress.epoch, progress.batch, progress.loss_sum, progress.epoch_seconds = progress.epoch + 1, 0, 0.0, 0.0
    save_checkpoint(run)
    return row


def progress_bar(steps: int, done: int, shown: bool) -> Any:
    """Steps done and time left; in a log file a line a minute is enough."""
    interval = 0.2 if sys.stderr.isatty() else 60
    return tqdm(total=steps, initial=done, disable=not shown, unit="step", mininterval=interval, maxinterval=interval)


def start(config: TrainConfig, accelerator: Accelerator) -> Run:
    """Pictures, network and optimizer, new or from the checkpoint."""
    splits = collect(config)
    set_seed(config.seed)
    model = build_model(config, splits)
    supervised = DeeplySupervised(model)
    ema = copy.deepcopy(model).eval()
    if config.blend_with is not None:  # what does not fit is refused now, not after the last epoch
        blend(model.state_dict(), load_earlier(config.blend_with, splits).state_dict(), config.blend_share)
    side = config.serve_size or config.size
    settings = WeightsConfig(size=(side, side), flip=config.flip, data=splits.names)
    optimizer: Any = make_optimizer(supervised, config)
    progress, best = Progress(), ema.state_dict()
    if config.resume:
        progress, best = restore(config, splits, supervised, ema, optimizer)
        accelerator.print(f"resumed after epoch {progress.epoch} and {progress.batch} batches")
    elif accelerator.is_main_process:
        keep_previous(config.run_folder / CHECKPOINT)
    ema = ema.to(accelerator.device)
    return Run(config, accelerator, splits, settings, model, supervised, ema, optimizer, progress, best)


def train(config: TrainConfig) -> None:
    """Run, or resume, the training that `config` describes, and write the weights folder."""
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        kwargs_handlers=[NO_BUFFER_BROADCAST],
        **project(config.track, config.run_folder),
    )
    check_config(config, accelerator.num_processes)
    if config.push_to_hub:
        check_target(config.push_to_hub)
    run = start(config, accelerator)
    model, main = run.model, accelerator.is_main_process
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    accelerator.print(f"processes: {accelerator.num_processes}, device: {accelerator.device}")
    accelerator.print(f"pictures: {run.splits.describe()}")
    accelerator.print(f"model: {model.encoder}, widths {list(model.widths)}, {count_parameters(model):,} parameters")
    wrapped, run.optimizer = accelerator.prepare(run.supervised, run.optimizer)
    batches = len(epoch_order(run.splits.epoch_length(config), config.batch_size, config.seed, 0))
    store = None
    tracking = Tracking(accelerator, config.track, config.as_json())
    done = run.progress.epoch * batches + run.progress.batch
    with Interruption() as interruption, progress_bar(batches * config.epochs, done, main) as bar:
        while run.progress.epoch < config.epochs:
            if store is None or run.splits.stream:
                store = PictureStore(run.splits.samples(config, run.progress.epoch))
            train_epoch(run, wrapped, store, bar, interruption)
            row = finish_epoch(run, batches)
            tracking.log(row, run.progress.epoch)
            if main:
                bar.write(" ".join(f"{name} {value:.5g}" for name, value in row.items()))
    if main:
        best = run.best
        if config.blend_with is not None:
            best = blend(best, load_earlier(config.blend_with, run.splits).state_dict(), config.blend_share)
        run.ema.load_state_dict(best)
        release(config, run.ema.cpu(), run.settings, run.splits, asdict(run.progress))
        tracking.sheet(config.run_folder / VALIDATION_SHEET)
        tracking.finish()
        if config.push_to_hub:
            print(push_weights(config.output, config.push_to_hub, private=config.private))


def main() -> int:
    """Run the command line; returns the exit status."""
    config = tyro.cli(TrainConfig, description=__doc__)
    keep_freed_memory()
    try:
        train(config)
    except Interrupted:
        if PartialState().is_main_process:
            print(f"stopped; go on with --resume (checkpoint in {config.run_folder})", file=sys.stderr)
        return 130
    except UnetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        leave_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())

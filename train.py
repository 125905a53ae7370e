"""Train a U-Net on a folder of photographs with masks, and write the weights folder that app.py serves.

    python train.py --data DIR                                   # lite0, from ImageNet weights, into runs/weights-DIR
    python train.py --data DIR --extra-data DIR2 --epochs 30     # more training pictures
    python train.py --data DIR --widths 64 128 256 512           # the reference's architecture, from scratch
    python train.py --data DIR --classes auto                    # the masks tell classes (see docs/classes.md)
    python train.py --data DIR --resume                          # go on after Ctrl-C or a crash
    python train.py --data DIR --track trackio                   # follow the run
    python train.py --data DIR --push-to-hub USER/NAME --onnx    # publish the result, with an ONNX file

Checkpoints, history and prediction sheets go to runs/.
"""

import math
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed.nn  # before there is a process group: see leave_group
import tyro
from accelerate import Accelerator, PartialState
from accelerate.utils import gather_object
from tqdm import tqdm

from unet.cores import usable_cores
from unet.data.check import describe_folder
from unet.data.pairs import Pair
from unet.errors import TrainingError, UnetError
from unet.evaluation.confusion import class_scores
from unet.evaluation.evaluate import evaluate_classes, evaluate_pairs
from unet.evaluation.simulated_clicks import ious_after_clicks
from unet.hub.publish import check_target, push_weights
from unet.network.unet import count_parameters
from unet.prediction.predictor import Predictor
from unet.processes import leave_group
from unet.training.batches import PictureStore, epoch_order, make_batch, to_tensor
from unet.training.checkpoint import ema_decay, update_ema
from unet.training.config import TrainConfig, check_config
from unet.training.distributed import NO_BUFFER_BROADCAST, any_process, share_of_batch
from unet.training.guards import CHECKPOINT_BYTES, SPARE_BYTES, try_folder
from unet.training.loss import BALANCED, LOSSES, Loss, balanced_loss, class_dice_loss
from unet.training.prefetch import chosen_workers, prepare_batches
from unet.training.release import VALIDATION_SHEET, release
from unet.training.run import Run, save_checkpoint, start_run
from unet.training.step import learning_rate, set_learning_rate, simulate_batch, train_step
from unet.training.stop_signal import RunStopped, StopSignal
from unet.training.tracking import Tracking, tracker_options
from unet.tuning import keep_freed_memory, show_any_name

CHECKPOINT_SECONDS = 600  # between checkpoints within an epoch
CLICK_COUNTS = (1, 3)  # numbers of simulated clicks after which a network that takes clicks is validated
CLICKED_PICTURES = 20  # pictures of each validation set on which clicks are simulated


def run_learning_rate(run: Run, step: int, batches: int) -> float:
    """The learning rate at `step` of the run, whose epochs have `batches` steps: a cosine from its first epoch on."""
    first = run.progress.first_epoch
    return learning_rate(step - first * batches, (run.config.epochs - first) * batches, run.config)


def run_loss(run: Run) -> Loss:
    """What the run minimises."""
    if run.settings.classes is None:
        return LOSSES[run.config.loss]
    if run.config.loss == BALANCED:
        return balanced_loss(run.splits.class_pixels(run.config))
    return class_dice_loss


def train_epoch(
    run: Run, wrapped: torch.nn.Module, store: PictureStore, workers: int, bar: Any, stop: StopSignal
) -> None:
    """Train the rest of the current epoch on pictures that `workers` other processes augment, or with 0 this one.

    Raises:
        RunStopped: Ctrl-C or SIGTERM came; the checkpoint is written.
        TrainingError: The loss is not finite; names the step and its pictures.
    """
    config, accelerator, progress = run.config, run.accelerator, run.progress
    loss_of = run_loss(run)
    order = epoch_order(len(store), config.batch_size, config.seed, progress.epoch)  # (batches, batch_size)
    mine = share_of_batch(config.batch_size, config.accumulate, accelerator)
    augmented = (config.seed, progress.epoch, config.train_size, config.clicks, config.min_crop, config.jitter)
    rows = order[progress.batch :]
    prepared = prepare_batches(
        lambda samples: make_batch(store, samples.tolist(), *augmented), list(rows[:, mine]), workers
    )
    started = saved = time.monotonic()
    wrapped.train()
    for row, batch in zip(rows, prepared, strict=True):
        step = progress.epoch * len(order) + progress.batch
        set_learning_rate(run.optimizer, run_learning_rate(run, step, len(order)))
        x = to_tensor(batch.images, run.settings, accelerator.device)  # (B, 3, h, w)
        y = torch.from_numpy(batch.targets).to(accelerator.device)  # (B, h, w)
        clicks = simulate_batch(run.model, x, batch) if config.clicks else None  # (B, 2, h, w)
        loss = train_step(accelerator, wrapped, run.optimizer, loss_of, x, clicks, y, config.accumulate)
        if not math.isfinite(loss):
            place, names = f"step {step} (epoch {progress.epoch + 1})", [str(store.pairs[n].image) for n in row]
            raise TrainingError(f"the loss became {loss} at {place}; pictures: {', '.join(names)}")
        update_ema(run.ema, run.model, ema_decay(step, config.ema_decay))
        progress.batch, progress.loss_sum = progress.batch + 1, progress.loss_sum + loss
        started, progress.epoch_seconds = time.monotonic(), progress.epoch_seconds + time.monotonic() - started
        mean_loss = progress.loss_sum / progress.batch
        best = {"best_val_iou": f"{progress.best_iou:.3f}"} if progress.best_epoch else {}
        bar.set_postfix(None, False, loss=f"{mean_loss:.4f}", **best)
        bar.update()
        stopping = any_process(accelerator, stop.received)  # if one stopped alone, the others would wait for it
        if stopping or time.monotonic() - saved > CHECKPOINT_SECONDS:
            save_checkpoint(run)
            saved = time.monotonic()
        if stopping:
            accelerator.wait_for_everyone()  # until the checkpoint is written
            raise RunStopped


def validate(run: Run) -> dict[str, float]:
    """Scores of the averaged weights, the mean over the validation sets.

    Each process predicts its share of the pictures.
    """
    predictor = Predictor(run.ema, run.settings, precision="fp32")
    validate_set = validate_classes if run.settings.classes else validate_masks
    sets = [validate_set(run, predictor, pairs) for pairs in run.splits.validation_sets()]
    return {name: float(np.mean([scores[name] for scores in sets])) for name in sets[0]}


def validate_masks(run: Run, predictor: Predictor, pairs: Sequence[Pair]) -> dict[str, float]:
    """Mean scores of the pictures at threshold 0.5, and after simulated clicks."""
    first, every = run.accelerator.process_index, run.accelerator.num_processes
    scores = [e.scores for e in evaluate_pairs(predictor, pairs[first::every], 0.5, _threads(run))]
    mine = {"val_iou": [s.iou for s in scores], "val_dice": [s.dice for s in scores]}
    if run.config.clicks:
        clicked_pairs = pairs[:: -(-len(pairs) // CLICKED_PICTURES)][first::every]
        clicked = ious_after_clicks(predictor, clicked_pairs, CLICK_COUNTS, 0.5, _threads(run))  # (pictures, counts)
        mine |= {f"val_iou_{n}_clicks": column.tolist() for n, column in zip(CLICK_COUNTS, clicked.T, strict=True)}
    shares = gather_object([mine])
    return {name: float(np.mean(sorted(value for s in shares for value in s[name]))) for name in mine}


def validate_classes(run: Run, predictor: Predictor, pairs: Sequence[Pair]) -> dict[str, float]:
    """Mean IoU of the classes and pixel accuracy, over all pixels of the set."""
    first, every = run.accelerator.process_index, run.accelerator.num_processes
    mine = evaluate_classes(predictor, pairs[first::every], _threads(run)).matrix
    scores = class_scores(np.sum(gather_object([mine]), axis=0))
    if scores.mean_iou is None or scores.pixel_accuracy is None:  # of a stream; folders were looked at before
        raise TrainingError(f"none of the {len(pairs)} validation pictures has a pixel that counts")
    return {"val_iou": scores.mean_iou, "val_pixel_accuracy": scores.pixel_accuracy}


def _threads(run: Run) -> int:
    """Threads to validate on: beside a GPU, this process's share of the cores."""
    on_gpu = run.accelerator.device.type == "cuda"
    return max(usable_cores() // run.accelerator.num_processes, 1) if on_gpu else 1


def finish_epoch(run: Run, batches: int) -> dict[str, float]:
    """Validate if it is time, keep the best weights so far, and return the epoch's row of the history."""
    config, progress = run.config, run.progress
    number = progress.epoch + 1
    scores = validate(run) if number % config.validate_every == 0 or number == config.epochs else {}
    if scores:
        val_iou = float(np.mean([value for name, value in scores.items() if name.startswith("val_iou")]))
        if val_iou > progress.best_iou:
            progress.best_iou, progress.best_epoch = val_iou, number
            run.best = {name: value.clone() for name, value in run.ema.state_dict().items()}
    row = {
        "epoch": number,
        "loss": progress.loss_sum / batches,
        "lr": run_learning_rate(run, progress.epoch * batches + batches - 1, batches),
        **scores,
        "pictures_per_second": batches * config.batch_size / max(progress.epoch_seconds, 1e-9),
    }
    progress.history.append(row)
    progress.seconds += progress.epoch_seconds
    progress.epoch, progress.batch, progress.loss_sum, progress.epoch_seconds = progress.epoch + 1, 0, 0.0, 0.0
    save_checkpoint(run)
    return row


def progress_bar(steps: int, done: int, shown: bool) -> Any:
    """Show steps done and time left; a log file gets one line a minute."""
    interval = 0.2 if sys.stderr.isatty() else 60
    return tqdm(total=steps, initial=done, disable=not shown, unit="step", mininterval=interval, maxinterval=interval)


def train(config: TrainConfig) -> None:
    """Run, or resume, the training that `config` describes, and write the weights folder."""
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        kwargs_handlers=[NO_BUFFER_BROADCAST],
        **tracker_options(config.track, config.run_folder),
    )
    check_config(config, accelerator.num_processes)
    if config.push_to_hub:
        check_target(config.push_to_hub)
    for folder, option in ((config.weights_folder, "--output"), (config.run_folder, "--run-dir")):
        if accelerator.is_main_process:
            try_folder(folder, option)
    accelerator.wait_for_everyone()
    run = start_run(config, accelerator)
    model, main = run.model, accelerator.is_main_process
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    accelerator.print(f"processes: {accelerator.num_processes}, device: {accelerator.device}")
    accelerator.print(f"pictures: {run.splits.describe()}")
    accelerator.print(f"model: {model.encoder}, widths {list(model.widths)}, {count_parameters(model):,} parameters")
    if main:
        try_folder(config.run_folder, "--run-dir", SPARE_BYTES + CHECKPOINT_BYTES * count_parameters(model))
    for found in run.splits.folders:
        accelerator.print(f"{found.root.name}:\n{describe_folder(found)}")
    if run.splits.stream:
        accelerator.print(f"masks       {run.splits.stream.reading}")
    if run.settings.classes:
        accelerator.print(f"classes: {', '.join(run.settings.classes.names)}")
    wrapped, run.optimizer = accelerator.prepare(run.supervised, run.optimizer)
    workers = chosen_workers(config.workers, accelerator.num_processes)
    batches = len(epoch_order(run.splits.epoch_length(config), config.batch_size, config.seed, 0))
    store = None
    tracking = Tracking(accelerator, config.track, config.as_json())
    done = run.progress.epoch * batches + run.progress.batch
    with StopSignal() as stop, progress_bar(batches * config.epochs, done, main) as bar:
        while run.progress.epoch < config.epochs:
            if store is None or run.splits.stream:
                store = PictureStore(run.splits.samples(config, run.progress.epoch), longest=config.longest_side)
                if workers:
                    store.fill()  # once, for all of them
            train_epoch(run, wrapped, store, workers, bar, stop)
            row = finish_epoch(run, batches)
            tracking.log(row, run.progress.epoch)
            if main:
                bar.write(" ".join(f"{name} {value:.5g}" for name, value in row.items()))
    if main:
        run.ema.load_state_dict(run.best)
        release(config, run.ema.cpu(), run.settings, run.splits, run.progress)
        tracking.sheet(config.run_folder / VALIDATION_SHEET)
        tracking.finish()
        if config.push_to_hub:
            print(push_weights(config.weights_folder, config.push_to_hub, private=config.private, onnx=config.onnx))


def main() -> int:
    """Run the command line; returns the exit status."""
    show_any_name()
    config = tyro.cli(TrainConfig, description=__doc__)
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
    keep_freed_memory()
    try:
        train(config)
    except RunStopped:
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

"""The state of a training run: how it starts, from new or earlier weights, and its checkpoint."""

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from unet.errors import ConfigError, TrainingError
from unet.hub.file_names import SPLIT_FILE
from unet.hub.source import locate
from unet.network.encoders import encoder_class
from unet.network.unet import UNet, with_click_layer, with_outputs
from unet.network.weights import WeightsConfig, load_weights
from unet.pictures.classes import ClassTable
from unet.training.checkpoint import CHECKPOINT, keep_previous, read_checkpoint, write_atomically
from unet.training.config import FREE_ON_RESUME, TrainConfig, size_name
from unet.training.datasets import Splits, make_splits, refuse_leak
from unet.training.deep_supervision import DeeplySupervised
from unet.training.guards import refuse_changed_pictures
from unet.training.step import make_optimizer


@dataclass
class RunProgress:
    """How far a run has come."""

    epoch: int = 0  # epochs done
    batch: int = 0  # batches done of the next one
    loss_sum: float = 0.0  # over those batches
    epoch_seconds: float = 0.0  # spent on them
    seconds: float = 0.0  # spent on the epochs before
    best_iou: float = -1.0  # mean over the validation sets, and over no, one and three clicks if they are trained
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    first_epoch: int = 0  # at which the cosine of the learning rate began: after those of a finished run that goes on


@dataclass
class Run:
    """The state of a run on this process."""

    config: TrainConfig
    accelerator: Accelerator
    splits: Splits
    settings: WeightsConfig
    model: UNet
    supervised: DeeplySupervised
    ema: UNet
    optimizer: Any
    progress: RunProgress
    best: dict[str, torch.Tensor]


def build_model(config: TrainConfig, splits: Splits) -> UNet:
    """The network at the start of the run: new, from ImageNet weights, or from earlier weights.

    Of weights for other classes all but head and click layer are used.

    Raises:
        TrainingError: The earlier weights have another encoder or other widths, or were trained on pictures that this
            run keeps out.
        HubError, WeightsError: The earlier weights could not be loaded.
    """
    outputs = len(splits.classes) if splits.classes else 1
    if config.init_from is not None:
        folder = locate(config.init_from, also=(SPLIT_FILE,)).folder
        refuse_leak(folder, splits)
        model, earlier = load_weights(folder)
        wanted = (config.encoder or model.encoder, config.widths or model.widths)
        if wanted != (model.encoder, model.widths):
            raise TrainingError(
                f"--init-from {config.init_from} holds {model.encoder} with widths {list(model.widths)}, "
                f"not {wanted[0]} with {list(wanted[1])}"
            )
        if _task(earlier.classes) != _task(splits.classes):
            model = with_outputs(model, outputs)
    else:
        encoder = config.chosen_encoder
        model = UNet(
            out_channels=outputs, widths=config.widths or encoder_class(encoder).default_widths, encoder=encoder
        )
        model.contracting.pretrained()
    if config.clicks:
        return with_click_layer(model)
    if model.clicks:  # no step uses it, and several processes wait for each other's gradients of all that learns
        model.click_layer.requires_grad_(False)
    return model


def _task(table: ClassTable | None) -> list[tuple[int, str]]:
    """What the outputs of a network mean."""
    return [(c.id, c.name) for c in table.classes] if table else []


def check_deepest(config: TrainConfig, model: UNet, processes: int) -> None:
    """Refuse micro-batches of one picture whose deepest feature map is one pixel: batch norm cannot train on it.

    Raises:
        ConfigError: They are.
    """
    stride = model.contracting.strides[-1]
    if config.batch_size == config.accumulate * processes and max(config.train_size) <= stride:
        raise ConfigError(
            f"--size {size_name(config.size)} leaves one pixel of the deepest feature map, and --batch-size "
            f"{config.batch_size} one picture at a time: batch norm needs more; take a --size above {stride}, or a "
            "larger --batch-size"
        )


def _restore(
    config: TrainConfig, splits: Splits, model: DeeplySupervised, ema: UNet, optimizer: torch.optim.Optimizer
) -> tuple[RunProgress, Any]:
    """Load model, average, optimizer and stream from the run's checkpoint; returns its progress and best weights.

    Raises:
        TrainingError: The checkpoint is missing or damaged, or the run had other options or pictures.
    """
    path = config.run_folder / CHECKPOINT
    saved = read_checkpoint(path)
    now = config.as_json()
    before = {**TrainConfig().as_json(), **saved["config"]}  # options that came later had their defaults
    progress = RunProgress(**saved["progress"])
    if progress.epoch == before["epochs"] < config.epochs:  # a finished run goes on: with a new cosine
        progress.first_epoch, before["epochs"] = progress.epoch, config.epochs
    changed = [
        f"--{k.replace('_', '-')} was {before[k]!r}, is {v!r}"
        for k, v in now.items()
        if k not in FREE_ON_RESUME and before[k] != v
    ]
    if changed:
        raise TrainingError(f"{path}: not resumed, the options differ: {'; '.join(changed)}")
    refuse_changed_pictures(saved.get("pictures"), splits.pictures())
    if saved.get("classes") != (splits.classes and splits.classes.as_json()):
        raise TrainingError(
            f"{path}: not resumed, the classes are not those that the run began with; restore their list"
        )
    model.load_state_dict(saved["model"])
    ema.load_state_dict(saved["ema"])
    optimizer.load_state_dict(saved["optimizer"])
    if splits.stream:
        splits.stream.restore(saved["stream"])
    return progress, saved["best"]


def save_checkpoint(run: Run) -> None:
    """Write the checkpoint of `run`, whole or not at all; only the main process does."""
    if run.accelerator.is_main_process:
        content = {
            "model": run.supervised.state_dict(),
            "ema": run.ema.state_dict(),
            "best": run.best,
            "optimizer": run.optimizer.state_dict(),
            "progress": asdict(run.progress),
            "stream": run.splits.stream.state() if run.splits.stream else None,
            "pictures": run.splits.pictures(),
            "classes": run.splits.classes and run.splits.classes.as_json(),
            "config": run.config.as_json(),
        }
        write_atomically(content, run.config.run_folder / CHECKPOINT)


def start_run(config: TrainConfig, accelerator: Accelerator) -> Run:
    """Pictures, network and optimizer, new or from the checkpoint.

    Raises:
        UnetError: Pictures, earlier weights or the checkpoint cannot be used.
    """
    splits = make_splits(config)
    set_seed(config.seed)
    model = build_model(config, splits)
    if model.clicks and not config.clicks:
        accelerator.print(f"clicks: the click layer stays as it is in {config.init_from}; --clicks trains it")
    check_deepest(config, model, accelerator.num_processes)
    supervised = DeeplySupervised(model)
    ema = copy.deepcopy(model).eval()
    reading = {name: reading.as_json() for name, reading in splits.readings().items()}
    settings = WeightsConfig(
        size=config.served_size, flip=config.flip, data=splits.names, reading=reading, classes=splits.classes
    )
    optimizer: Any = make_optimizer(supervised, config)
    progress, best = RunProgress(), ema.state_dict()
    if config.resume:
        progress, best = _restore(config, splits, supervised, ema, optimizer)
        accelerator.print(f"resumed after epoch {progress.epoch} and {progress.batch} batches")
    elif accelerator.is_main_process:
        keep_previous(config.run_folder / CHECKPOINT)
    ema = ema.to(accelerator.device)
    return Run(config, accelerator, splits, settings, model, supervised, ema, optimizer, progress, best)

"""The options of a training run: one frozen dataclass, from which train.py's command line is generated."""

import json
import os
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from unet.data.options import DataOptions
from unet.errors import ConfigError
from unet.evaluation.simulated_clicks import opencv
from unet.network.encoders import ENCODERS, encoder_class
from unet.network.onnx_export import check_packages
from unet.network.sizes import Size, height_and_width, parse_size, size_name
from unet.training.augment import JITTER, MIN_CROP
from unet.training.batches import LONGEST_SIDE
from unet.training.loss import CLASS_LOSSES, LOSSES

if TYPE_CHECKING:
    Encoder = str
    LossName = str
else:  # the choices of the command line
    Encoder = Literal[tuple(ENCODERS)]
    LossName = Literal[tuple(dict.fromkeys((*LOSSES, *CLASS_LOSSES)))]


def _shown(metavar: str, default: str = "") -> Any:
    """How --help shows an option whose default, None, stands for something else."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})" if default else "")


def _data_path(text: str) -> Path:
    """The folder or dataset. What can only be a folder, ./cats or data/cats/, stays one if it does not exist."""
    path = Path(text)
    only_folder = text.startswith((".", "~", os.sep)) or text.endswith(("/", os.sep))
    return path.absolute() if only_folder and not path.exists() else path


_DATA = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="DIR",
    instance_from_str=lambda words: _data_path(words[0]),
    is_instance=lambda value: isinstance(value, Path),
    str_from_instance=lambda path: [str(path)],
)


_SIZE = tyro.constructors.PrimitiveConstructorSpec(
    nargs=1,
    metavar="N|HxW",
    instance_from_str=lambda words: parse_size(words[0]),
    is_instance=lambda value: isinstance(value, int | tuple),
    str_from_instance=lambda size: [size_name(size)],
)


@dataclass(frozen=True)
class TrainConfig:
    """Options of a training run."""

    data: Annotated[Annotated[Path, _DATA] | None, _shown("DIR")] = None
    """Folder of photographs with masks, or USER/NAME of a Hub dataset with image and mask columns, to be streamed; by
    default the Interactive Segmentation set is downloaded from Kaggle."""
    stream_pictures: int = 1000
    """Number of pictures that make an epoch of a streamed dataset."""
    extra_data: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Another folder of training pictures. What the options below say of masks and names holds for it as far as it has
    such values and names; the rest is found out. A tenth of it is kept out, half of that tenth (at most a hundred) for
    validation and the rest as extra_test."""
    extra_repeats: Annotated[tuple[int, ...], _shown("N ...", "once")] = ()
    """How often an epoch shows each picture of each extra folder, in the order of --extra-data."""
    groups: Annotated[Path | None, _shown("FILE", "DATA/groups.txt")] = None
    """File of near-duplicates, one group per line, that stay in one part of the split."""
    images: Annotated[str | None, _shown("FOLDER_OR_AFFIX", "found out")] = None
    """Folder of the pictures within the data folders, or prefix or suffix of their names."""
    masks: Annotated[str | None, _shown("FOLDER_OR_AFFIX", "found out")] = None
    """Folder of the masks within the data folders, or prefix or suffix of their names."""
    split_file: Annotated[Path | None, _shown("FILE", "train, val and test folders, or random")] = None
    """JSON of the names under train, val and test, as split.json has them, to use instead of a random split."""
    foreground: Annotated[tuple[str, ...], _shown("VALUE_OR_COLOUR ...", "found out")] = ()
    """What is foreground in the masks: values, R,G,B or #rrggbb. The rest is background."""
    unknown: Annotated[tuple[str, ...], _shown("VALUE_OR_COLOUR ...", "found out")] = ()
    """What counts neither as foreground nor as background in the masks: values, R,G,B or #rrggbb."""
    invert_masks: bool = False
    """Foreground and background of the masks change places."""
    upright_masks: bool = False
    """The masks of pictures that EXIF turns lie as the pictures are seen, not as their rows are stored."""
    classes: Annotated[str | None, _shown("auto|FILE", "foreground and background")] = None
    """The masks tell classes: those that a file lists, or those of a list in the data folder, or else of its masks
    (auto)."""
    output: Annotated[Path | None, _shown("DIR", "runs/weights-NAME-OF-DATA")] = None
    """Weights folder to write."""
    encoder: Annotated[Encoder | None, _shown("{" + ",".join(ENCODERS) + "}", "lite0")] = None
    """Contracting path: the reference's (plain), or EfficientNet-lite0 with ImageNet weights (lite0)."""
    widths: Annotated[tuple[int, ...] | None, _shown("N ...", "those of the encoder")] = None
    """Channels of the levels, finest first. Without --encoder, this option selects the plain encoder."""
    size: Annotated[Size, _SIZE] = 240
    """Height and width of the training pictures, in pixels: one number, or two such as 360x480."""
    serve_size: Annotated[Annotated[Size, _SIZE] | None, _shown("N|HxW", "the same as --size")] = None
    """Height and width, in pixels, of the finished network's input."""
    flip: bool = False
    """The finished network also sees the mirror image, of foreground only where it has doubts, and averages both."""
    epochs: int = 30
    """Number of passes over the training pictures."""
    validate_every: int = 1
    """Number of epochs from one validation to the next; the last epoch is always validated."""
    batch_size: int = 16
    """Number of pictures per optimizer step, over all processes."""
    accumulate: int = 1
    """Number of micro-batches per optimizer step."""
    workers: Annotated[int | None, _shown("N", "beside a GPU one for each core but one, else 0")] = None
    """Number of processes that read and augment pictures while the network learns. It does not change the result."""
    main_repeats: int = 2
    """How often an epoch shows each picture of the main folder, --data."""
    min_crop: float = MIN_CROP
    """Smallest share of a picture's area that a random crop keeps; 1 always shows the whole picture."""
    jitter: float = JITTER
    """How far the brightness, contrast and saturation of a training picture are changed at most, as factors from 1."""
    clicks: bool = False
    """Train with simulated clicks, so that the network can use a visitor's; needs an encoder such as lite0."""
    loss: LossName = "dice"
    """What training minimises: cross-entropy plus Dice (dice); of foreground and background also plus IoU with the
    edges weighted (edge); of classes also with the pixels of rare ones weighted (balanced)."""
    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    encoder_lr: float = 1.0
    """Learning rate of a contracting path from ImageNet, as a share of --lr; below 1 it changes less."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW."""
    warmup_steps: int = 100
    """Number of steps over which the learning rate rises to its peak; afterwards it falls along a cosine."""
    ema_decay: float = 0.998
    """Decay of the moving average of the weights. The averaged weights are validated and saved."""
    seed: int = 0
    """Seed of the initial weights, the order of the pictures and their augmentation."""
    split_seed: int = 0
    """Seed of the split into train, val and test. Runs with the same value have the same test pictures."""
    init_from: Annotated[str | None, _shown("DIR_OR_REPO", "ImageNet weights, or none for plain")] = None
    """Weights to start from: a folder, USER/NAME or USER/NAME@REVISION."""
    resume: bool = False
    """Continue from the last checkpoint of the run with the same --output. A finished run with more --epochs than it
    had starts a new cosine from its last weights."""
    run_dir: Annotated[Path | None, _shown("DIR", "runs/NAME-OF-OUTPUT, or of the data")] = None
    """Folder for checkpoints, history and prediction sheets."""
    skip_broken: bool = False
    """Skip pictures that cannot be used, and name each of them, instead of stopping."""
    track: Literal["trackio", "tensorboard", "wandb"] | None = None
    """Log the run to this tracker, whose package must be installed. An error of the tracker does not stop the run."""
    push_to_hub: Annotated[str | None, _shown("USER/NAME")] = None
    """Publish the weights folder as this Hub repo."""
    private: bool = False
    """Make the published repo private."""
    onnx: bool = False
    """Write the network as an ONNX file, too, for programs without torch; --push-to-hub publishes it with the rest."""

    @property
    def data_options(self) -> DataOptions:
        """What the options say of the data folders."""
        return DataOptions(
            images=self.images,
            masks=self.masks,
            split_file=self.split_file,
            foreground=self.foreground,
            unknown=self.unknown,
            invert_masks=self.invert_masks,
            upright_masks=self.upright_masks,
            classes=self.classes,
        )

    @property
    def train_size(self) -> tuple[int, int]:
        """Height and width of the training pictures."""
        return height_and_width(self.size)

    @property
    def longest_side(self) -> int:
        """Pixels of the longer side at which larger training pictures are kept: no fewer than the network sees."""
        return max(LONGEST_SIDE, *self.train_size)

    @property
    def served_size(self) -> tuple[int, int]:
        """Height and width of the finished network's input."""
        return height_and_width(self.serve_size or self.size)

    @property
    def _data_name(self) -> str:
        """The data's name in the names of folders."""
        if self.data is None:
            return "iseg"
        name = self.data.resolve().name if self.data.exists() else self.data.as_posix()
        return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "data"

    @property
    def weights_folder(self) -> Path:
        """The weights folder to write; without --output never the one that is shipped."""
        return self.output or Path("runs", f"weights-{self._data_name}")

    @property
    def run_folder(self) -> Path:
        """Folder of this run's checkpoints."""
        if self.run_dir is not None:
            return self.run_dir
        if self.output is None:
            return Path("runs", self._data_name)
        output, here = self.output.resolve(), Path.cwd()
        if output.is_relative_to(here) and output != here:
            return Path("runs", "-".join(output.relative_to(here).parts))
        return Path("runs", f"{output.name}-{sha256(str(output).encode()).hexdigest()[:8]}")

    def as_json(self) -> dict[str, Any]:
        """The options as JSON values, for checkpoints."""
        return json.loads(json.dumps(asdict(self), default=str))

    @property
    def chosen_encoder(self) -> str:
        """Name of the encoder after the defaults are applied."""
        return self.encoder or ("plain" if self.widths else "lite0")


# What may differ between a run and its resumption: none changes the result, but `accumulate` what BatchNorm sees at
# once, as another number of processes does.
FREE_ON_RESUME = frozenset(
    {"resume", "run_dir", "output", "push_to_hub", "private", "onnx"}
    | {"accumulate", "workers", "track", "skip_broken"}
)
_POSITIVE = ("epochs", "validate_every", "batch_size", "accumulate", "main_repeats", "stream_pictures")


def check_config(config: TrainConfig, processes: int = 1) -> None:
    """Refuse values that cannot work when `processes` share each step.

    Raises:
        ConfigError: A value cannot be used; names the option, its value and what it may be.
    """
    for name in _POSITIVE:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    for name, sides in (("size", config.train_size), ("serve-size", config.served_size)):
        if min(sides) < 1:
            raise ConfigError(f"--{name} must be at least 1, not {min(sides)}")
    c, repeats, encoder = config, list(config.extra_repeats), config.chosen_encoder
    widths = None if c.widths is None else list(c.widths)
    unequal = f"--extra-repeats gives {len(repeats)} numbers for {len(c.extra_data)} --extra-data folders"
    clickless = c.clicks and not encoder_class(encoder).takes_clicks
    negative = any(value < 0 for value in (c.weight_decay, c.warmup_steps, c.seed, c.split_seed, c.workers or 0))
    parts = f"{processes} processes times --accumulate {c.accumulate} equal micro-batches"
    for wrong, message in (
        (repeats and len(repeats) != len(c.extra_data), unequal),
        (min(repeats, default=1) < 1, f"--extra-repeats must be at least 1, not {repeats}"),
        (widths is not None and min(widths, default=0) < 1, f"--widths must be whole numbers from 1 up, not {widths}"),
        (not 0 < c.min_crop <= 1, f"--min-crop must lie in 0..1 (0 excluded), not {c.min_crop}"),
        (not 0 <= c.jitter <= 1, f"--jitter must lie in 0..1, not {c.jitter}"),
        (not c.lr > 0, f"--lr must be above 0, not {c.lr}"),
        (not c.encoder_lr >= 0, f"--encoder-lr must not be negative, not {c.encoder_lr}"),
        (not 0 <= c.ema_decay < 1, f"--ema-decay must lie in 0..1 (1 excluded), not {c.ema_decay}"),
        (clickless, f"--clicks needs an encoder that takes clicks; {encoder} does not"),
        (negative, "--weight-decay, --warmup-steps, --seed, --split-seed and --workers must not be negative"),
        (c.batch_size % (c.accumulate * processes), f"--batch-size {c.batch_size} does not divide into {parts}"),
        (c.classes and c.clicks, "--clicks mean one object; with --classes they mean nothing"),
        (c.classes and c.loss not in CLASS_LOSSES, f"--loss {c.loss} is for foreground and background, not --classes"),
        (not c.classes and c.loss not in LOSSES, f"--loss {c.loss} is for classes; give --classes, or another --loss"),
        (c.private and not c.push_to_hub, "--private goes with --push-to-hub USER/NAME"),
    ):
        if wrong:
            raise ConfigError(message)
    if c.clicks:
        opencv()
    if c.onnx:
        check_packages()
    _ = c.data_options  # refuses what is no value

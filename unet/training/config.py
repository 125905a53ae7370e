"""What a training run can be told: one frozen dataclass, from which train.py's command line is made."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from unet.errors import ConfigError
from unet.evaluation.simulated_clicks import opencv
from unet.network.contracting import ENCODERS, encoder_class
from unet.training.augment import MIN_CROP

if TYPE_CHECKING:
    Encoder = str
else:
    Encoder = Literal[tuple(ENCODERS)]  # the choices of the command line


@dataclass(frozen=True)
class TrainConfig:
    """Options of a training run."""

    data: Path | None = None
    """Folder of photographs with masks, or USER/NAME of a Hub dataset with image and mask columns, which is streamed;
    without it, the Interactive Segmentation set comes from Kaggle."""
    stream_pictures: int = 1000
    """Pictures of a streamed dataset that make an epoch."""
    extra_data: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """A further folder of training pictures; a tenth of it is kept out: half of that tenth, at most a hundred
    pictures, for validation, the rest as extra_test. May be given repeatedly."""
    extra_repeats: tuple[int, ...] = ()
    """How often an epoch shows each picture of each extra folder, in the order of --extra-data (default: once)."""
    groups: Path | None = None
    """File of near-duplicates that stay on one side of the split, a group a line (default: DATA/groups.txt)."""
    output: Path = Path("weights")
    """Weights folder to write."""
    encoder: Encoder | None = None
    """Contracting path: the reference's, or EfficientNet-lite0 from ImageNet weights (default lite0)."""
    widths: tuple[int, ...] | None = None
    """Channels of the levels, finest first; implies --encoder plain unless an encoder is named."""
    size: int = 240
    """Height and width, in pixels, of the training pictures."""
    serve_size: int | None = None
    """Height and width at which the finished network sees pictures (default: those it was trained at)."""
    flip: bool = False
    """Let the finished network average over a picture and its mirror image, at twice the time."""
    epochs: int = 30
    """Passes over the training pictures."""
    batch_size: int = 16
    """Pictures to an optimizer step, over all processes."""
    accumulate: int = 1
    """Micro-batches that a step is computed in."""
    main_repeats: int = 2
    """How often an epoch shows each picture of DATA."""
    min_crop: float = MIN_CROP
    """Smallest share of a picture's area that a random crop keeps; 1 shows whole pictures, as they are served."""
    clicks: bool = False
    """Teach the network, by simulated clicks, to answer a visitor's (lite0 only)."""
    lr: float = 1e-3
    """Peak learning rate of AdamW."""
    encoder_lr: float = 1.0
    """Share of --lr that lite0's contracting path learns at; below 1 it keeps more of what ImageNet taught it."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW."""
    warmup_steps: int = 100
    """Steps over which the learning rate rises to its peak; it falls as a cosine afterwards."""
    ema_decay: float = 0.998
    """Decay of the moving average of the weights, which is what is validated and kept."""
    seed: int = 0
    """Of initial weights, order and augmentation."""
    split_seed: int = 0
    """Of the split into train, val and test; apart from --seed, so that runs share their test pictures."""
    init_from: str | None = None
    """Weights to start from: a folder, USER/NAME or USER/NAME@REVISION."""
    blend_with: str | None = None
    """Earlier weights, a folder or repo, that the finished ones are averaged with, to keep what those could do."""
    blend_share: float = 0.15
    """Share of the --blend-with weights in the average, 0..1."""
    resume: bool = False
    """Go on from the last checkpoint of the run with the same --output."""
    run_dir: Path | None = None
    """Folder of checkpoints, history and prediction sheets (default: runs/NAME-OF-OUTPUT)."""
    skip_broken: bool = False
    """Leave out pictures that cannot be used instead of stopping; each is named."""
    track: Literal["trackio", "tensorboard", "wandb"] | None = None
    """Tell the run to this tracker (its package must be installed); errors of the tracker never stop a run."""
    push_to_hub: str | None = None
    """Publish the weights folder as this Hub repo, USER/NAME."""
    private: bool = False
    """Make the published repo private."""

    @property
    def run_folder(self) -> Path:
        """Where this run keeps its checkpoints."""
        if self.run_dir is not None:
            return self.run_dir
        output, here = self.output.resolve(), Path.cwd()
        if output.is_relative_to(here) and output != here:
            return Path("runs", "-".join(output.relative_to(here).parts))
        return Path("runs", f"{output.name}-{sha256(str(output).encode()).hexdigest()[:8]}")

    def as_json(self) -> dict[str, Any]:
        """The options as JSON values, for checkpoints."""
        return json.loads(json.dumps(asdict(self), default=str))

    @property
    def chosen_encoder(self) -> str:
        """The encoder after the defaults are applied."""
        return self.encoder or ("plain" if self.widths else "lite0")


# What may differ between a run and its resumption without changing the result.
FREE_ON_RESUME = frozenset(
    {"resume", "run_dir", "output", "push_to_hub", "private", "accumulate", "track"}
    | {"serve_size", "flip", "blend_with", "blend_share"}  # of the finished network
)

_POSITIVE = ("size", "epochs", "batch_size", "accumulate", "main_repeats", "stream_pictures")


def check_config(config: TrainConfig, processes: int = 1) -> None:
    """Refuse values that cannot work.

    Args:
        config: of the run.
        processes: that share each step.

    Raises:
        ConfigError: names the option, its value and what it may be.
    """
    for name in _POSITIVE:
        if getattr(config, name) < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(config, name)}")
    if config.serve_size is not None and config.serve_size < 1:
        raise ConfigError(f"--serve-size must be at least 1, not {config.serve_size}")
    if config.extra_repeats and len(config.extra_repeats) != len(config.extra_data):
        raise ConfigError(
            f"--extra-repeats gives {len(config.extra_repeats)} numbers for "
            f"{len(config.extra_data)} --extra-data folders"
        )
    if config.extra_repeats and min(config.extra_repeats) < 1:
        raise ConfigError(f"--extra-repeats must be at least 1, not {list(config.extra_repeats)}")
    if config.widths is not None and (not config.widths or min(config.widths) < 1):
        raise ConfigError(f"--widths must be whole numbers from 1 up, not {list(config.widths)}")
    if not 0 < config.min_crop <= 1:
        raise ConfigError(f"--min-crop must lie in 0..1 (0 excluded), not {config.min_crop}")
    if not config.lr > 0:
        raise ConfigError(f"--lr must be above 0, not {config.lr}")
    if not config.encoder_lr >= 0:
        raise ConfigError(f"--encoder-lr must not be negative, not {config.encoder_lr}")
    if not 0 <= config.ema_decay < 1:
        raise ConfigError(f"--ema-decay must lie in 0..1 (1 excluded), not {config.ema_decay}")
    if not 0 <= config.blend_share <= 1:
        raise ConfigError(f"--blend-share must lie in 0..1, not {config.blend_share}")
    if config.clicks and not encoder_class(config.chosen_encoder).takes_clicks:
        raise ConfigError(f"--clicks needs an encoder that takes clicks; {config.chosen_encoder} does not")
    if config.clicks:
        opencv()
    if config.weight_decay < 0 or config.warmup_steps < 0 or config.seed < 0 or config.split_seed < 0:
        raise ConfigError("--weight-decay, --warmup-steps, --seed and --split-seed must not be negative")
    if config.batch_size % (config.accumulate * processes):
        raise ConfigError(
            f"--batch-size {config.batch_size} does not divide into {processes} processes times "
            f"--accumulate {config.accumulate} equal micro-batches"
        )
    if config.private and not config.push_to_hub:
        raise ConfigError("--private goes with --push-to-hub USER/NAME")

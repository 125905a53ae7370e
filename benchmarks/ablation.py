"""Train `lite0` at a small size with one thing changed at a time, and write what each change gives.

    python benchmarks/ablation.py --data DIR --ecssd DIR --duts DIR --people DIR --train

The runs train on the Interactive Segmentation set's training pictures and on what the shipped weights did not keep for
tests: on all of ECSSD's, and on samples of DUTS's and people's. No test picture takes part. Scored are Interactive
Segmentation's validation pictures and a tenth of each other folder's, which these runs keep out.

`--train` makes the weights that are not there yet, in runs/ablation/, in about eight minutes each on two cores; it can
be ended and begun again. Without weights, a change has no row.
"""

import argparse
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import common
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import train
from unet import Predictor
from unet.data.masks import UNKNOWN
from unet.data.pairs import Pair, find_pairs, select_pairs
from unet.data.split import load_split
from unet.evaluation.evaluate import evaluate_pairs
from unet.hub.file_names import SPLIT_FILE, WEIGHTS_FILE
from unet.network.weights import load_weights
from unet.training.config import TrainConfig

Scores = dict[int, list[float]]
"""Of each set, by the run's seed."""

RUNS = common.ROOT / "runs" / "ablation"
TITLES = {"ecssd": "ECSSD", "duts": "DUTS", "people": "people"}
SAMPLES = {"duts": 3333, "people": 833}  # pictures drawn of these folders, a tenth of which is kept out
BASE_RUN = "the base run"
BASE: dict[str, Any] = {
    "encoder": "lite0",
    "size": 160,
    "serve_size": 192,
    "epochs": 2,
    "validate_every": 2,
    "main_repeats": 3,
    "encoder_lr": 0.3,
    "ema_decay": 0.99,
}


def bce_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy without Dice, the mean over each picture's known pixels."""
    known = (target != UNKNOWN).float()
    truth = (target == 1).float()
    bce = F.binary_cross_entropy_with_logits(logits.squeeze(1).float(), truth, reduction="none") * known
    return (bce.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)).mean()


def no_weights(path: torch.nn.Module) -> None:
    """In place of the ImageNet weights."""


def no_box(*view: Any) -> None:
    """In place of the closer look."""


def not_refined(prob: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """In place of the refinement."""
    return prob


@dataclass(frozen=True)
class Change:
    """What differs from the base run."""

    options: dict[str, Any] = field(default_factory=dict)  # of train.py
    functions: dict[str, Any] = field(default_factory=dict)  # what stands in the place of what, by its name
    served: dict[str, Any] = field(default_factory=dict)  # settings of the finished weights
    scored_only: bool = False  # whether the functions are those of prediction, and the weights the base run's

    @property
    def trained(self) -> bool:
        """Whether it takes a training of its own."""
        return not (self.served or self.scored_only)


CHANGES = {
    BASE_RUN: Change(),
    "no ImageNet weights": Change(functions={"unet.network.lite0.Lite0Path.pretrained": no_weights}),
    "no deep supervision": Change(functions={"unet.training.deep_supervision.LEVELS": 0}),
    "ImageNet layers at the full learning rate": Change({"encoder_lr": 1.0}),
    "edge-weighted BCE + IoU": Change({"loss": "edge"}),
    "BCE without Dice": Change(functions={"train.LOSSES": {"dice": bce_loss}}),
    "whole pictures": Change({"min_crop": 1.0}),
    "no jitter of brightness contrast and saturation": Change({"jitter": 0.0}),
    "no average of the weights": Change({"ema_decay": 0.0}),
    "Interactive Segmentation once an epoch": Change({"main_repeats": 1}),
    "served at 160 pixels": Change(served={"size": (160, 160)}),
    "served at 256 pixels": Change(served={"size": (256, 256)}),
    "the mirror image where in doubt": Change(served={"flip": True}),
    "no closer look": Change(functions={"unet.prediction.predictor.focus_box": no_box}, scored_only=True),
    "not refined": Change(functions={"unet.prediction.predictor.refine": not_refined}, scored_only=True),
}


@contextmanager
def replaced(functions: dict[str, Any]) -> Iterator[None]:
    """The named functions replaced by others meanwhile."""
    with ExitStack() as stack:
        for name, function in functions.items():
            stack.enter_context(patch(name, function))
        yield


def sample(folder: Path, name: str) -> Path:
    """A folder of links to the pictures of `folder` that the shipped weights did not keep for tests, or of some."""
    every = find_pairs(folder)
    tested = set(select_pairs(every, load_split(common.ROOT / "weights" / SPLIT_FILE), "extra_test"))
    pairs = [pair for pair in every if pair not in tested]
    if name in SAMPLES:
        pairs = random.Random(0).sample(pairs, SAMPLES[name])
    return common.link_pictures(pairs, RUNS / "data" / name)


def score(folder: Path, change: Change, sets: list[list[Pair]]) -> list[float]:
    """Mean IoU on each set, at the threshold of the weights."""
    model, config = load_weights(folder)
    predictor = Predictor(model, replace(config, **change.served), precision="fp32")
    with replaced(change.functions if change.scored_only else {}):
        every = [evaluate_pairs(predictor, pairs, predictor.threshold) for pairs in sets]
    return [float(np.mean([evaluated.scores.iou for evaluated in one])) for one in every]


def weights_folder(name: str, seed: int) -> Path:
    """Where the weights of a change, or those that it is scored with, lie."""
    label = name if CHANGES[name].trained else BASE_RUN
    return RUNS / f"{label.replace(' ', '-')}-{seed}"


def train_missing(data: Path, extra: tuple[Path, ...], seeds: list[int]) -> None:
    """Make the weights that are not there yet."""
    for seed in seeds:
        for name, change in CHANGES.items():
            folder = weights_folder(name, seed)
            if not (folder / WEIGHTS_FILE).exists():
                config = TrainConfig(data=data, extra_data=extra, output=folder, seed=seed, **(BASE | change.options))
                with replaced(change.functions):
                    train.train(config)


def row(name: str, scores: Scores, base: Scores) -> list[str]:
    """A row of the table: the scores of its seeds, and how far they lie above the base run's with the same seeds."""
    values = np.array(list(scores.values()))  # (seeds, sets)
    means = values.mean(axis=1)  # (seeds,)
    spread = ", ".join(f"{value:.3f}" for value in means)
    gain = "" if name == BASE_RUN else f"{np.mean([np.subtract(scores[seed], base[seed]) for seed in scores]):+.3f}"
    return [name, *(f"{value:.3f}" for value in values.mean(axis=0)), f"{means.mean():.3f} ({spread})", gain]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Interactive Segmentation set")
    for name, title in TITLES.items():
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR", help=f"the training set {title}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="N", help="seeds (default: 0 1)")
    parser.add_argument("--train", action="store_true", help="train the rows whose weights are not there (hours)")
    options = parser.parse_args()

    extra = tuple(sample(getattr(options, name), name) for name in TITLES)
    if options.train:
        train_missing(options.data, extra, options.seeds)
    split = load_split(weights_folder(BASE_RUN, options.seeds[0]) / SPLIT_FILE)  # the same of all runs
    main_pairs, *others = (find_pairs(data) for data in (options.data, *extra))
    held = [[pair for part in ("val", "extra_test") for pair in select_pairs(o, split, part)] for o in others]
    sets = [select_pairs(main_pairs, split, "val"), *held]
    results: dict[str, Scores] = {}
    for name, seed in product(CHANGES, options.seeds):
        folder = weights_folder(name, seed)
        if (folder / WEIGHTS_FILE).exists():
            scores = results.setdefault(name, {})[seed] = score(folder, CHANGES[name], sets)
            print(name, seed, *(f"{value:.4f}" for value in scores), flush=True)

    titles = ["Interactive Segmentation", *TITLES.values()]
    header = ["change", *(f"{t}, {len(pairs)}" for t, pairs in zip(titles, sets, strict=True)), "mean (each)", "gain"]
    counts = {name: len(o) - len(h) for name, o, h in zip(TITLES.values(), others, held, strict=True)}
    report = (
        "Mean IoU of pictures kept out of training, and the mean of the four sets, in brackets of each seed. The "
        f"base run:\n`lite0` from ImageNet weights, {BASE['size']} pixels, {BASE['epochs']} epochs of "
        + ", ".join(f"{count} of {name}" for name, count in counts.items())
        + f" once\nand {len(split['train'])} of Interactive Segmentation {BASE['main_repeats']} times, layers of "
        f"ImageNet at {BASE['encoder_lr']} of the learning rate, BCE + Dice, served at\n{BASE['serve_size']} pixels "
        "without the mirror image. One thing is changed at a time.\n\n"
        + common.markdown_table(header, [row(name, scores, results[BASE_RUN]) for name, scores in results.items()])
        + f"\n\n{common.machine()}\n\n`{common.command_line()}`"
    )
    common.write_report("ablation", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

"""Train `lite0` at a small size with one thing changed at a time, and write what each change gives.

    python benchmarks/ablation.py --data DIR --extra-data DIR

No test picture takes part. Scored are the validation pictures of the Interactive Segmentation set and a tenth of the
training pictures of the extra folder, which these runs keep out. A run that is there already is not repeated; all of
them take half an hour on two cores.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
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
from unet.evaluation.evaluate import calibrate_threshold, evaluate_pairs
from unet.hub.file_names import SPLIT_FILE, WEIGHTS_FILE
from unet.network.weights import load_weights
from unet.training.config import TrainConfig

RUNS = common.ROOT / "runs" / "ablation"
SEEDS = (0, 1)
BASE: dict[str, Any] = {"encoder": "lite0", "size": 112, "epochs": 3, "warmup_steps": 50, "ema_decay": 0.99}


def bce_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy without Dice, the mean over each picture's known pixels."""
    known = (target != UNKNOWN).float()
    truth = (target == 1).float()
    bce = F.binary_cross_entropy_with_logits(logits.squeeze(1).float(), truth, reduction="none") * known
    return (bce.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)).mean()


def same_colours(rng: np.random.Generator, rgb: np.ndarray, jitter: float) -> np.ndarray:
    """In place of the colour jitter."""
    return rgb


def no_weights(path: torch.nn.Module) -> None:
    """In place of the ImageNet weights."""


@dataclass(frozen=True)
class Change:
    """What differs from the base run: train.py's options, functions in the place of others, or the predictor."""

    options: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    served: dict[str, Any] = field(default_factory=dict)


CHANGES = {
    "the base run": Change(),
    "no ImageNet weights": Change(functions={"unet.network.lite0.Lite0Path.pretrained": no_weights}),
    "no random crop": Change({"min_crop": 1.0}),
    "no colour jitter": Change(functions={"unet.training.augment.jitter_colours": same_colours}),
    "copy-paste of foregrounds into 30 %": Change(functions={"unet.training.batches.paste_share": lambda pointed: 0.3}),
    "BCE without Dice": Change(functions={"train.LOSSES": {"dice": bce_loss}}),
    "no average of the weights": Change({"ema_decay": 0.0}),
    "iseg pictures once an epoch, not twice": Change({"main_repeats": 1}),
    "iseg pictures four times an epoch": Change({"main_repeats": 4}),
    "144 pixels in training": Change({"size": 144}),
    "served at 144 pixels": Change(served={"size": (144, 144)}),
    "averaged with the mirror image": Change(served={"flip": True}),
}


@contextmanager
def replaced(functions: dict[str, Any]) -> Iterator[None]:
    """The named functions replaced by others meanwhile."""
    with ExitStack() as stack:
        for name, function in functions.items():
            stack.enter_context(patch(name, function))
        yield


def score(folder: Path, served: dict[str, Any], sets: list[list[Pair]]) -> list[float]:
    """Mean IoU on each set, at the threshold that is best on the first."""
    model, config = load_weights(folder)
    predictor = Predictor(model, replace(config, **served), precision="fp32")
    threshold = calibrate_threshold([evaluate_pairs(predictor, sets[0], 0.5)])
    return [float(np.mean([e.scores.iou for e in evaluate_pairs(predictor, pairs, threshold)])) for pairs in sets]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Interactive Segmentation set")
    parser.add_argument("--extra-data", type=Path, required=True, metavar="DIR", help="ECSSD")
    options = parser.parse_args()

    shipped = load_split(common.ROOT / "weights" / SPLIT_FILE)
    every = find_pairs(options.extra_data)
    tested = set(select_pairs(every, shipped, "extra_test"))
    extra = common.link_pictures([pair for pair in every if pair not in tested], RUNS / "extra")
    results: dict[str, list[list[float]]] = {name: [] for name in CHANGES}
    for seed in SEEDS:
        for name, change in CHANGES.items():
            trained = Change() if change.served else change
            label = "the base run" if change.served else name
            folder = RUNS / f"{label.replace(' ', '-').replace('%', 'percent').replace(',', '')}-{seed}"
            config = TrainConfig(
                data=options.data, extra_data=(extra,), output=folder, seed=seed, **{**BASE, **trained.options}
            )
            if not (folder / WEIGHTS_FILE).exists():
                with replaced(trained.functions):
                    train.train(config)
            split = load_split(folder / SPLIT_FILE)
            sets = [
                select_pairs(find_pairs(options.data), split, "val"),
                select_pairs(find_pairs(extra), split, "extra_test"),
            ]
            results[name].append(score(folder, change.served, sets))
            print(name, seed, *(f"{value:.4f}" for value in results[name][-1]), flush=True)

    base = np.array(results["the base run"])  # (seeds, sets)
    rows = []
    for name, values in results.items():
        scores = np.array(values)
        gains = (scores - base).mean(axis=0)
        cells = [name]
        for column, gain in zip(scores.T, gains, strict=True):
            cells.append(f"{column.mean():.3f} ({', '.join(f'{value:.3f}' for value in column)})")
            cells.append(f"{gain:+.3f}" if name in list(CHANGES)[1:] else "")
        rows.append(cells)
    header = ["change", f"iseg val, {len(sets[0])}", "gain", f"ECSSD held out, {len(sets[1])}", "gain"]
    report = (
        f"Mean IoU over {len(SEEDS)} seeds, each in brackets. Base: `lite0` from ImageNet weights, "
        f"{BASE['size']} pixels, {BASE['epochs']} epochs, crops,\ncolour jitter, BCE + Dice, averaged weights, iseg "
        "pictures twice an epoch. One thing is changed at a time.\n\n"
        + common.markdown_table(header, rows)
        + f"\n\n{common.machine()}\n\n`{common.command_line()}`"
    )
    common.write_report("ablation", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

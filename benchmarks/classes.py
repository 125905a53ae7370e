"""Score networks that tell classes on the same pictures, and write benchmarks/classes.md.

    python benchmarks/classes.py --data DIR [--train]

DIR is CamVid as SegNet's authors laid it out: train/, val/ and test/ of 367, 101 and 233 pictures with 11 classes.
Scored is its test part, at the pictures' own size; validation chose the epoch of each row. `--train` makes the weights
that are not there yet, in runs/classes/ (hours); a row without weights says so.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import common
import numpy as np

from unet import Predictor
from unet.data.options import DataOptions
from unet.data.pairs import Pair, find_pairs, load_resized, select_pairs
from unet.data.split import load_split
from unet.evaluation.confusion import METRIC_LABELS, ClassScores, class_scores, confusion
from unet.hub.file_names import SPLIT_FILE, WEIGHTS_FILE
from unet.network.unet import count_parameters
from unet.network.weights import load_weights

RUNS = common.ROOT / "runs" / "classes"


@dataclass(frozen=True)
class Row:
    """Weights to score, and what makes them if they are not there: train.py's options."""

    folder: Path
    options: str = ""


ROWS = {
    "`plain`, width 32, from scratch": Row(
        RUNS / "plain",
        "--widths 32 64 128 256 --size 240x320 --serve-size 360x480 --min-crop 0.25 --loss balanced "
        "--main-repeats 10 --warmup-steps 200 --epochs 5 --validate-every 5 --flip",
    ),
    "`lite0` (weights/camvid)": Row(common.ROOT / "weights" / "camvid"),
}
PUBLISHED = (
    ("FC-DenseNet103, 9.4 M parameters (Jégou et al. 2017, arXiv:1611.09326), this size and split", "0.669"),
    ("ICNet, 26.7 M parameters (OpenVINO's model zoo), 720 x 960, validation", "0.754"),
)


@dataclass(frozen=True)
class Measured:
    """What one row came to."""

    scores: ClassScores
    milliseconds: float  # a picture, without decoding; the median


def train_row(row: Row, data: Path) -> None:
    """Make the weights of a row, if this benchmark trains it and they are not there."""
    if (row.folder / WEIGHTS_FILE).exists() or not row.options:
        return
    folders = ["--data", str(data.resolve()), "--classes", "auto", "--output", str(row.folder)]
    subprocess.run([sys.executable, "train.py", *folders, *row.options.split()], cwd=common.ROOT, check=True)


def test_pairs(folder: Path, data: Path) -> list[Pair]:
    """The test part of the split that the weights in `folder` were trained with."""
    return select_pairs(find_pairs(data, options=DataOptions(classes="auto")), load_split(folder / SPLIT_FILE), "test")


def measure(predictor: Predictor, pairs: list[Pair]) -> Measured:
    """Scores over all pixels of `pairs`."""
    matrix = np.zeros((len(predictor.table),) * 2, np.int64)
    seconds = []
    for pair in pairs:
        rgb, target = load_resized(pair)
        started = time.perf_counter()
        labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
        seconds.append(time.perf_counter() - started)
        matrix += confusion(labels, target, len(predictor.table))
    return Measured(class_scores(matrix), 1000 * float(np.median(seconds)))


def cell(value: float | None) -> str:
    """A score, or a dash for a class that has no pixel."""
    return "-" if value is None else f"{value:.3f}"


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="CamVid")
    parser.add_argument("--train", action="store_true", help="train the rows whose weights are not there (hours)")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    options = parse_options()
    rows: list[list[str]] = []
    classes: dict[str, ClassScores] = {}
    pictures, names = 0, list[str]()
    for name, row in ROWS.items():
        if options.train:
            train_row(row, options.data)
        if not (row.folder / WEIGHTS_FILE).exists():
            rows.append([name, "weights not there", "", "", "", ""])
            continue
        predictor = Predictor.load(row.folder, precision="fp32")
        pairs = test_pairs(row.folder, options.data)
        measured = measure(predictor, pairs)
        size = f"{(row.folder / WEIGHTS_FILE).stat().st_size / 1e6:.1f}"
        parameters = count_parameters(load_weights(row.folder)[0])
        scores = [cell(getattr(measured.scores, metric)) for metric in METRIC_LABELS]
        rows.append([name, *scores, f"{parameters / 1e6:.1f} M", size, f"{measured.milliseconds:.0f}"])
        classes[name], pictures, names = measured.scores, len(pairs), predictor.table.names
        print(*rows[-1], sep=" | ", flush=True)
    header = [f"test, {pictures} pictures", *METRIC_LABELS.values(), "parameters", "MB", "ms a picture"]
    of_classes = [[label, *(cell(scores.iou[n]) for scores in classes.values())] for n, label in enumerate(names)]
    report = "\n\n".join(
        [
            common.markdown_table(header, rows),
            common.markdown_table(["published", "mean IoU"], PUBLISHED),
            common.markdown_table(["IoU of a class", *classes], of_classes),
            f"{common.machine()}; float32",
            f"`{common.command_line()}`",
        ]
    )
    common.write_report("classes", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

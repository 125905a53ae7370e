"""Score every method on the same test pictures, and write one table.

    python benchmarks/quality.py --data DIR --extra-data DIR --peers DIR_OF_ONNX [--train]

The test pictures are those of weights/split.json, which every trained row kept out of training. `--train` makes
the weights of the rows that it can train and that are not there yet, in runs/quality/ (hours); a row without weights
says so.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import common
import numpy as np
from reference_recipe import train_reference
from rivals import Segment, U2Net, all_foreground, centred_ellipse, grabcut_box

from unet import Predictor
from unet.data.pairs import Pair, find_pairs, load_resized, select_pairs
from unet.data.split import load_split
from unet.evaluation.metrics import PictureScores, Spread, score_picture, summarise
from unet.network.weights import WEIGHTS_FILE

RUNS = common.ROOT / "runs" / "quality"
METRICS = {"iou": "IoU", "dice": "Dice", "mae": "MAE", "boundary_f": "boundary F"}


@dataclass(frozen=True)
class Trained:
    """Weights of this project, and what makes them if they are not there: train.py's options."""

    folder: Path
    options: str
    extra: bool


PLAIN_ISEG = "--widths 16 32 64 128 128 --size 160 --epochs 40 --lr 1.5e-3 --main-repeats 4 --flip"
LITE0_ISEG = "--size 160 --epochs 20 --serve-size 192 --flip"
TRAINED = {
    "the reference's recipe, iseg only": Trained(RUNS / "reference-recipe", "", False),
    "`plain`, iseg only": Trained(RUNS / "plain-iseg", PLAIN_ISEG, False),
    "`plain`, iseg + ECSSD": Trained(common.ROOT / "weights" / "reference", "", True),
    "`lite0`, iseg only": Trained(RUNS / "lite0-iseg", LITE0_ISEG, False),
    "`lite0`, iseg + ECSSD": Trained(common.ROOT / "weights", "", True),
}
FIXED: dict[str, Segment] = {
    "all foreground": all_foreground,
    "a centred ellipse": centred_ellipse,
    "`cv2.grabCut` from a central box": grabcut_box,
}
PEERS = {
    "u2netp (rembg; 10,553 DUTS photographs)": "u2netp.onnx",
    "u2net (rembg; 10,553 DUTS photographs)": "u2net.onnx",
}


def train_row(name: str, row: Trained, data: Path, pairs: list[Pair]) -> None:
    """Make the weights of a row, if this benchmark trains it."""
    if (row.folder / WEIGHTS_FILE).exists() or not row.folder.is_relative_to(RUNS):
        return
    print(f"training: {name}", flush=True)
    if row.folder.name == "reference-recipe":
        train_reference(pairs, row.folder)
        return
    folders = ["--data", str(data.resolve()), "--output", str(row.folder)]
    subprocess.run([sys.executable, "train.py", *folders, *row.options.split()], cwd=common.ROOT, check=True)


def score_all(segment: Segment, threshold: float, pairs: list[Pair]) -> list[PictureScores]:
    """Scores of one method on each picture, at the picture's own size."""
    scores = []
    for pair in pairs:
        rgb, target = load_resized(pair)
        scores.append(score_picture(segment(rgb), target, threshold))
    return scores


def cell(spread: Spread | None) -> str:
    """A mean with its 95 % interval."""
    return f"{spread.mean:.3f} [{spread.low:.3f}, {spread.high:.3f}]" if spread else "-"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Interactive Segmentation set")
    parser.add_argument("--extra-data", type=Path, metavar="DIR", help="ECSSD")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="folder with u2netp.onnx and u2net.onnx")
    parser.add_argument("--train", action="store_true", help="train the rows whose weights are not there (hours)")
    options = parser.parse_args()

    split = load_split(common.ROOT / "weights" / "split.json")
    iseg = find_pairs(options.data)
    sets = {"iseg test": select_pairs(iseg, split, "test")}
    sets["iseg val + test"] = sets["iseg test"] + select_pairs(iseg, split, "val")
    if options.extra_data:
        sets["ECSSD extra_test"] = select_pairs(find_pairs(options.extra_data), split, "extra_test")
    if options.train:
        for name, row in TRAINED.items():
            train_row(name, row, options.data, select_pairs(iseg, split, "train"))

    methods: dict[str, tuple[Segment, float] | None] = {name: (method, 0.5) for name, method in FIXED.items()}
    for name, row in TRAINED.items():
        methods[name] = None
        if (row.folder / WEIGHTS_FILE).exists():
            predictor = Predictor.load(row.folder)
            methods[name] = (predictor.prob8, predictor.threshold)
    for name, file in PEERS.items():
        there = options.peers is not None and (options.peers / file).exists()
        methods[name] = (U2Net(options.peers / file), 0.5) if there else None

    tables = []
    for set_name, pairs in sets.items():
        rows = []
        for name, method in methods.items():
            if method is None:
                rows.append([name, "weights not there", *[""] * (len(METRICS) - 1)])
                continue
            summary = summarise(score_all(*method, pairs))
            rows.append([name, *(cell(summary[metric]) for metric in METRICS)])
            print(set_name, *rows[-1], sep=" | ", flush=True)
        # Most masks of iseg have an unknown band along the contours, where boundary F is not defined.
        columns = len(METRICS) + (set_name.startswith("ECSSD"))
        header = [f"{set_name}, {len(pairs)} pictures", *METRICS.values()]
        tables.append(common.markdown_table(header[:columns], [row[:columns] for row in rows]))
    report = (
        "Means over pictures at their own size, with 95 % bootstrap intervals; unknown pixels are left out, so "
        "boundary F needs\nECSSD's masks. The validation pictures chose epoch and threshold of the trained rows.\n\n"
        + "\n\n".join(tables)
        + f"\n\n`{common.command_line()}`"
    )
    common.replace_block(common.ROOT / "README.md", "quality", report)
    (common.ROOT / "benchmarks" / "quality.md").write_text(f"# Quality\n\n{report}\n", encoding="utf-8")
    print(f"\n{report}")


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()

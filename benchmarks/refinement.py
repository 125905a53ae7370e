"""Masks before and after their maps are refined by the photograph's edges (unet/prediction/refinement.py).

    python benchmarks/refinement.py --data DIR/people-test:eg* --data DIR/people-test:ccp* --data DIR/ecssd

Of a folder that the weights know from training, the validation pictures are scored; of others the first half by name,
which the constants were chosen on, and the rest apart. Writes benchmarks/refinement.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import common
import numpy as np
from quality import test_only

from unet.data.pairs import Pair, find_pairs, load_resized, select_pairs
from unet.data.split import load_split
from unet.evaluation.metrics import boundary_f, iou, mae
from unet.hub.file_names import SPLIT_FILE
from unet.pictures.draw import mask_from_prob
from unet.prediction.predictor import Predictor
from unet.prediction.refinement import refine

WEIGHTS = common.ROOT / "weights"
RADII = (1, 2)  # pixels


def score(prob8: np.ndarray, target: np.ndarray, threshold: float) -> list[float | None]:
    """IoU, boundary F at each of RADII, and mean absolute error."""
    mask = mask_from_prob(prob8, threshold)
    return [iou(mask, target), *(boundary_f(mask, target, radius) for radius in RADII), mae(prob8, target)]


def cells(before: Sequence[float | None], after: Sequence[float | None]) -> str:
    """Both means of one measure, if the masks of all pictures have it."""
    values = [value for value in (*before, *after) if value is not None]
    if len(values) < len(before) + len(after):
        return "-"
    return " → ".join(f"{np.mean([v for v in part if v is not None]):.4f}" for part in (before, after))


def row(name: str, pairs: Sequence[Pair], predictor: Predictor) -> list[str]:
    """A line of the table."""
    both = []
    for pair in pairs:
        rgb, target = load_resized(pair)
        rough = common.unrefined(predictor, rgb)
        maps = (predictor.upsample(prob, rgb.shape[:2]) for prob in (rough, refine(rough, rgb)))
        both.append([score(prob8, target, predictor.threshold) for prob8 in maps])
    before, after = (list(zip(*scores, strict=True)) for scores in zip(*both, strict=True))
    line = [f"{name}, {len(pairs)} pictures", *(cells(*values) for values in zip(before, after, strict=True))]
    print(*line, sep=" | ", flush=True)
    return line


def parts(argument: str, predictor: Predictor) -> dict[str, list[Pair]]:
    """The pictures of a `--data` argument, DIR or DIR:PATTERN, by the name of their row."""
    name, pairs = test_only(argument)
    if name in predictor.config.data:
        return {
            f"{name}, validation": select_pairs(find_pairs(Path(argument)), load_split(WEIGHTS / SPLIT_FILE), "val")
        }
    half = len(pairs) // 2
    return {f"{name}, first half by name": pairs[:half], f"{name}, the rest": pairs[half:]}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", required=True, metavar="DIR[:PATTERN]", help="pictures and masks")
    options = parser.parse_args()
    predictor = Predictor.load(WEIGHTS, precision="fp32")
    rows = [
        row(name, pairs, predictor) for argument in options.data for name, pairs in parts(argument, predictor).items()
    ]
    header = ["before → after", "IoU", *(f"boundary F within {r} px" for r in RADII), "MAE"]
    report = f"{common.markdown_table(header, rows)}\n\n`{common.command_line()}`"
    common.write_report("refinement", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

"""Score every method on the same pictures, which no trained row has seen, and write one table.

    python benchmarks/quality.py --data DIR --extra-data DIR --test-data DIR --peers DIR_OF_ONNX [--train]

Scored are val and test of the main folder, extra_test of each extra folder, both by weights/split.json, and every
picture of each test-only folder; `--test-data DIR:eg*` takes those whose names match. The whole of DUTS-TE:

    python benchmarks/quality.py --data DIR/iseg --test-data DIR/DUTS-TE --peers DIR_OF_ONNX --measures --report FILE.md

`--train` makes the weights of the rows that it can train and that are not there yet, in runs/quality/ (hours); a row
without weights says so. Scores of a method on a set are kept in runs/quality/scores/ with its milliseconds, and not
computed again while weights, code and pictures are the same.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import common
import numpy as np
from reference_recipe import train_reference
from rivals import Segment, U2Net, all_foreground, centred_ellipse, grabcut_box
from saliency_measures import MEASURES, SaliencyMeasures, published_foreground
from size_plot import Point, plot_sizes

from unet import Predictor
from unet.data.pairs import Pair, find_pairs, load_resized, select_pairs
from unet.data.split import Split, load_split
from unet.evaluation.metrics import score_picture, spread
from unet.hub.file_names import SPLIT_FILE, WEIGHTS_FILE

RUNS = common.ROOT / "runs" / "quality"
REPORT = common.ROOT / "benchmarks" / "quality.md"
MOST_CUT = 50  # pictures of a set up to which GrabCut is scored, which takes seconds for each
METRICS = {"iou": "IoU", "dice": "Dice", "mae": "MAE", "boundary_f": "boundary F"}


INTRODUCTION = """\
Means over pictures at their own size, with 95 % bootstrap intervals; unknown pixels are left out, and boundary F is
given only where no mask of a set has any. `lite0` and `plain` were trained on other pictures of all these sets except
duts-te, and on DUTS-TR, the only data that u2net and u2netp were trained on, so most sets are nearer to ours.
people-test has 60 portraits of EG1800 (eg*) and 60 photographs of Clothing Co-Parsing (ccp*) at their original size,
none of which is among the training pictures. The validation pictures chose epoch and threshold of the trained rows, and
half of the pictures of people-test how their contours are refined ([refinement](refinement.md)); the networks of rembg
are read at 0.5. Milliseconds are the median of the set, in float32. `--train` adds rows of networks that were trained
on iseg alone, `--measures` columns of salient object detection's measures, by PySODMetrics; there greys of a mask above
128 are foreground, as in published tables. `--report` writes another file than this one: with
`--test-data DIR/DUTS-TE --measures`, the scores of the whole of DUTS-TE."""

# The code that scores depend on, besides that of the method.
SCORING = [
    *(common.ROOT / "benchmarks" / name for name in ("rivals.py", "saliency_measures.py")),
    *(common.ROOT / "unet" / name for name in ("data/masks.py", "data/pairs.py", "evaluation/metrics.py")),
]
OURS = ("network", "pictures", "prediction")  # folders of what makes masks of our weights


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of the contents of `files`, in their order."""
    return sha256("".join(sha256(file.read_bytes()).hexdigest() for file in files).encode()).hexdigest()


@dataclass(frozen=True)
class SetScores:
    """One method on one set."""

    pictures: list[dict[str, float | None]]
    """Scores of each picture, by metric."""
    measures: dict[str, float]
    """The set's measures of salient object detection; empty unless asked for, and where masks are trimaps."""
    milliseconds: float
    """A picture, without decoding; the median."""


@dataclass(frozen=True)
class Trained:
    """Weights of this project, and what makes them if they are not there: train.py's options."""

    folder: Path
    options: str = ""


TRAINED = {
    "the reference's recipe, iseg only": Trained(RUNS / "reference-recipe"),
    "`plain`, iseg only": Trained(
        RUNS / "plain-iseg", "--widths 16 32 64 128 128 --size 160 --epochs 40 --lr 1.5e-3 --main-repeats 4 --flip"
    ),
    "`lite0`, iseg only": Trained(RUNS / "lite0-iseg", "--size 160 --epochs 20 --serve-size 192 --flip"),
    "`plain` (weights/reference)": Trained(common.ROOT / "weights" / "reference"),
    "`lite0` (weights)": Trained(common.ROOT / "weights"),
}
FIXED: dict[str, Segment] = {
    "all foreground": all_foreground,
    "a centred ellipse": centred_ellipse,
    "`cv2.grabCut` from a central box": grabcut_box,
}
PEERS = {"u2netp (rembg)": "u2netp.onnx", "u2net (rembg)": "u2net.onnx"}


class Method:
    """One row of the tables: what segments a picture, loaded when it is first needed.

    Args:
        name: Label of the row.
        threshold: Of the mask, 0..1; None takes the weights' own.
        file: Its weights, for the size of the row; None if it has none.
    """

    def __init__(self, name: str, threshold: float | None = 0.5, file: Path | None = None) -> None:
        self.name, self.file = name, file
        self._threshold = threshold

    @cached_property
    def segment(self) -> Segment:
        """(H, W, 3) uint8 -> prob8 (H, W) uint8."""
        if self.file is None:
            return FIXED[self.name]
        if self.file.suffix == ".onnx":
            return U2Net(self.file)
        predictor = Predictor.load(self.file.parent, precision="fp32")
        self._threshold = predictor.threshold
        return predictor.prob8

    @property
    def threshold(self) -> float:
        """Of the mask, 0..1."""
        if self._threshold is None:
            _ = self.segment
        assert self._threshold is not None
        return self._threshold

    @property
    def megabytes(self) -> str:
        """Size of the weights file."""
        return f"{self.file.stat().st_size / 1e6:.1f}" if self.file else ""

    @cached_property
    def fingerprint(self) -> str:
        """What scores depend on besides the pictures: the weights, and the code that segments, reads and scores."""
        files = [*SCORING, *([self.file] if self.file else [])]
        if self.file and self.file.suffix != ".onnx":
            files += [file for part in OURS for file in sorted((common.ROOT / "unet" / part).glob("*.py"))]
        return digest(files)


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


def score_all(method: Method, pairs: list[Pair], with_measures: bool) -> SetScores:
    """Scores of one method on each picture, at the picture's own size."""
    measures = SaliencyMeasures() if with_measures else None
    scores, seconds = [], []
    for pair in pairs:
        rgb, target = load_resized(pair)
        started = time.perf_counter()
        prob8 = method.segment(rgb)
        seconds.append(time.perf_counter() - started)
        scores.append(asdict(score_picture(prob8, target, method.threshold)))
        if measures and (foreground := published_foreground(pair, target)) is not None:
            measures.add(prob8, foreground)
    results = measures.results() if measures and measures.pictures == len(pairs) else {}
    return SetScores(scores, results, 1000 * float(np.median(seconds)))


def kept_scores(method: Method, pairs: list[Pair], contents: str, with_measures: bool) -> SetScores:
    """`score_all`, or what it gave earlier for the same weights, code, and `contents`, the digest of their files."""
    key = sha256(f"{method.name} {method.fingerprint} {with_measures} {contents}".encode()).hexdigest()[:16]
    path = RUNS / "scores" / f"{key}.json"
    if path.exists():
        return SetScores(**json.loads(path.read_text(encoding="utf-8")))
    scores = score_all(method, pairs, with_measures)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(scores)), encoding="utf-8")
    return scores


def cell(values: Iterable[float | None]) -> str:
    """A mean with its 95 % interval; "-" if a picture lacks the value."""
    given = list(values)
    known = [value for value in given if value is not None]
    summary = spread(known) if len(known) == len(given) else None
    return f"{summary.mean:.3f} [{summary.low:.3f}, {summary.high:.3f}]" if summary else "-"


def test_only(argument: str) -> tuple[str, list[Pair]]:
    """Name and pictures of a `--test-data` argument, DIR or DIR:PATTERN."""
    folder, _, pattern = argument.partition(":")
    pairs = [pair for pair in find_pairs(Path(folder)) if fnmatch(pair.stem, pattern or "*")]
    if not pairs:
        raise SystemExit(f"--test-data {argument}: no picture of {folder} has a name like {pattern}")
    return f"{Path(folder).resolve().name}{f', {pattern}' if pattern else ''}", pairs


def picture_sets(options: argparse.Namespace, split: Split, main: list[Pair]) -> dict[str, list[Pair]]:
    """The pictures to score, by the name of their set."""
    name = options.data.resolve().name
    test = select_pairs(main, split, "test")
    sets = {f"{name} test": test, f"{name} val + test": test + select_pairs(main, split, "val")}
    for folder in options.extra_data:
        sets[f"{folder.resolve().name} extra_test"] = select_pairs(find_pairs(folder), split, "extra_test")
    return sets | dict(map(test_only, options.test_data))


def all_methods(peers: Path | None) -> list[Method]:
    """Every row, those without weights too."""
    methods = [Method(name) for name in FIXED]
    methods += [Method(name, None, row.folder / WEIGHTS_FILE) for name, row in TRAINED.items()]
    return methods + [Method(name, 0.5, (peers or RUNS) / file) for name, file in PEERS.items()]


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Interactive Segmentation set")
    parser.add_argument(
        "--extra-data", type=Path, action="append", default=[], metavar="DIR", help="a folder that was trained on"
    )
    parser.add_argument(
        "--test-data", action="append", default=[], metavar="DIR[:PATTERN]", help="a folder that is only scored"
    )
    parser.add_argument("--peers", type=Path, metavar="DIR", help="folder with u2netp.onnx and u2net.onnx")
    parser.add_argument("--train", action="store_true", help="train the rows whose weights are not there (hours)")
    parser.add_argument(
        "--report",
        type=Path,
        default=REPORT,
        metavar="FILE",
        help="default: benchmarks/quality.md, which comes with the plot docs/quality.png",
    )
    parser.add_argument(
        "--measures", action="store_true", help="also max F-beta, weighted F, S- and E-measure (slow, PySODMetrics)"
    )
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    options = parse_options()
    split = load_split(common.ROOT / "weights" / SPLIT_FILE)
    pictures = find_pairs(options.data)
    if options.train:
        for name, row in TRAINED.items():
            train_row(name, row, options.data, select_pairs(pictures, split, "train"))

    methods = all_methods(options.peers)
    means: dict[str, dict[str, float]] = {}
    tables = []
    for set_name, pairs in picture_sets(options, split, pictures).items():
        rows, contents = [], digest(file for pair in pairs for file in (pair.image, pair.mask))
        for method in methods:
            if method.file is not None and not method.file.exists():
                continue
            if FIXED.get(method.name) is grabcut_box and len(pairs) > MOST_CUT:
                continue
            scores = kept_scores(method, pairs, contents, options.measures)
            cells = [cell(score[metric] for score in scores.pictures) for metric in METRICS]
            cells += [f"{value:.3f}" for value in scores.measures.values()] or ["-"] * len(MEASURES)
            rows.append([method.name, *cells, f"{scores.milliseconds:.0f}", method.megabytes])
            if set_name != f"{options.data.resolve().name} test":  # which is a part of another set
                means.setdefault(method.name, {})[set_name] = float(np.mean([s["iou"] for s in scores.pictures]))
            print(set_name, *rows[-1], sep=" | ", flush=True)
        # Columns that no method has, such as boundary F where a set's contours are unknown, are left out.
        header = [f"{set_name}, {len(pairs)} pictures", *METRICS.values(), *MEASURES.values(), "ms a picture", "MB"]
        rows = [row + [""] * (len(header) - len(row)) for row in rows]
        used = [c for c in range(len(header)) if any(row[c] not in ("-", "") for row in rows)]
        tables.append(common.markdown_table([header[c] for c in used], [[row[c] for c in used] for row in rows]))
    report = "\n\n".join([INTRODUCTION, *tables, common.machine(), f"`{common.command_line()}`"])
    options.report.write_text(f"# Quality\n\n{report}\n", encoding="utf-8")
    print(f"\n{report}")
    if options.report != REPORT:
        return
    points = [
        Point(m.name, m.file.stat().st_size / 1e6, float(np.mean(list(means[m.name].values()))), m.name in TRAINED)
        for m in methods
        if m.file is not None and m.name in means
    ]
    plot_sizes(points, len(next(iter(means.values()))), common.ROOT / "docs" / "quality.png")


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()

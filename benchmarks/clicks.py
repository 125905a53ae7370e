"""Score clicks by the field's protocol, and write one table.

    python benchmarks/clicks.py --data DIR [--extra-data DIR] ... [--train]

A simulated user starts with an empty mask, clicks the centre of the largest wrong region, looks at the new mask, and
goes on, at most 20 times (Sofiiuk et al. 2021, arXiv:2102.06583). NoC@90 is the mean number of clicks to an IoU of
0.90, 20 where it is never reached. The pictures are the Interactive Segmentation set's test pictures and, for a
network that saw none of them, those which the set took from GrabCut; `--train` makes that network's weights in
runs/quality/ (minutes on a GPU, many hours without).
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import common
import cv2
import numpy as np
from skimage.segmentation import random_walker

from unet import Predictor
from unet.data.pairs import Pair, find_pairs, load_resized, select_pairs
from unet.data.split import load_split
from unet.evaluation.metrics import iou, spread
from unet.evaluation.simulated_clicks import click_session
from unet.hub.file_names import CARD_FILE, SPLIT_FILE, WEIGHTS_FILE
from unet.pictures.clicks import DISK_RADIUS, FOREGROUND, Click

MOST = 20
COUNTS = (0, 1, 2, 3, 5, 10)
LEVELS = (0.85, 0.90)
RIVAL_SIDE = 200  # pixels; the rivals see pictures no longer than this, as they take seconds a click otherwise
NOT_GRABCUT = re.compile(r"_20\d\d_|^GT")  # names of the pictures that are not from GrabCut
WITHOUT_GRABCUT = common.ROOT / "runs" / "quality" / "clicks-without-grabcut"
TRAINING: tuple[str, ...] = (
    "--clicks",
    "--loss",
    "edge",
    "--size",
    "256",
    "--serve-size",
    "288",
    "--flip",
    "--batch-size",
    "64",
)
TRAINING += ("--lr", "1.5e-3", "--encoder-lr", "0.3", "--warmup-steps", "200", "--epochs", "2", "--validate-every", "2")
MAIN_REPEATS, EXTRA_REPEATS = 24, (8, 4, 4)  # of ECSSD, DUTS-TR and people, in this order
# NoC@85 and NoC@90 on GrabCut's 50 pictures, from the table of pretrained models in the README of
# github.com/SamsungLabs/ritm_interactive_segmentation
PUBLISHED = {
    "RITM, HRNet18, trained on SBD (published, all 50 pictures)": ("1.76", "2.04"),
    "RITM, HRNet18, trained on COCO + LVIS (published, all 50 pictures)": ("1.42", "1.54"),
}

Answer = Callable[[Sequence[Click]], np.ndarray]
Method = Callable[[np.ndarray], Answer]


def network(predictor: Predictor) -> Method:
    """The U-Net at its own threshold."""

    def open_picture(rgb: np.ndarray) -> Answer:
        return lambda clicks: predictor.prob8(rgb, clicks) >= 255 * predictor.threshold

    return open_picture


def _seeds(clicks: Sequence[Click], size: tuple[int, int], scale: float) -> np.ndarray:
    """(h, w) uint8: 0 where nothing is known, 1 in disks around foreground clicks, 2 around background clicks."""
    seeds = np.zeros(size, dtype=np.uint8)
    for click in clicks:
        centre = (round(click.x * scale), round(click.y * scale))
        cv2.circle(seeds, centre, DISK_RADIUS, 1 if click.label == FOREGROUND else 2, thickness=-1)
    return seeds


def _small(method: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Method:
    """A rival that works from seeds on a picture of at most `RIVAL_SIDE` pixels, its mask brought back by nearest."""

    def open_picture(rgb: np.ndarray) -> Answer:
        height, width = rgb.shape[:2]
        scale = min(1.0, RIVAL_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)

        def answer(clicks: Sequence[Click]) -> np.ndarray:
            mask = method(small, _seeds(clicks, small.shape[:2], scale))
            return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)

        return answer

    return open_picture


def grabcut(rgb: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """`cv2.grabCut` (Rother et al. 2004), 5 iterations, from certain seeds; all else is probably background."""
    mask = np.full(seeds.shape, cv2.GC_PR_BGD, dtype=np.uint8)
    mask[seeds == 1], mask[seeds == 2] = cv2.GC_FGD, cv2.GC_BGD
    if not (seeds == 1).any():
        return np.zeros(seeds.shape, dtype=bool)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(np.ascontiguousarray(rgb[..., ::-1]), mask, (0, 0, 1, 1), *models, 5, cv2.GC_INIT_WITH_MASK)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def walker(rgb: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """scikit-image's random walker (Grady 2006); before the first background click the picture's border is one."""
    seeds = seeds.copy()
    if not (seeds == 2).any():
        border = np.ones(seeds.shape, dtype=bool)
        border[1:-1, 1:-1] = False
        seeds[border & (seeds == 0)] = 2
    if not (seeds == 1).any():
        return np.zeros(seeds.shape, dtype=bool)
    return random_walker(rgb / 255.0, seeds.astype(np.int32), mode="cg_j", tol=1e-3, channel_axis=-1) == 1


def run_sessions(method: Method, pairs: list[Pair], automatic: bool) -> tuple[np.ndarray, list[list[Click]], float]:
    """The sessions of one method.

    Args:
        method: to click with.
        pairs: the pictures.
        automatic: whether it has an answer to no clicks.

    Returns:
        IoU (pictures, 1 + MOST) after 0, 1, ... clicks, NaN without an automatic answer; the clicks of each
        picture; the median seconds an answer takes.
    """
    rows, sessions, seconds = [], [], []
    for pair in pairs:
        rgb, target = load_resized(pair)
        answer = method(rgb)

        def timed(clicks: Sequence[Click], answer: Answer = answer) -> np.ndarray:
            started = time.perf_counter()
            mask = answer(clicks)
            seconds.append(time.perf_counter() - started)
            return mask

        ious = [iou(answer([]), target) if automatic else np.nan]
        session = list(click_session(timed, target, MOST))
        ious += [iou(mask, target) for _, mask in session]
        rows.append(ious + [ious[-1]] * (1 + MOST - len(ious)))
        sessions.append(session[-1][0] if session else [])
    return np.array(rows), sessions, float(np.median(seconds))


def replay(method: Method, pairs: list[Pair], sessions: list[list[Click]]) -> np.ndarray:
    """IoU (pictures, 1 + MOST) of a method that is given another one's clicks, NaN after none."""
    rows = []
    for pair, clicks in zip(pairs, sessions, strict=True):
        rgb, target = load_resized(pair)
        answer = method(rgb)
        ious = [np.nan] + [iou(answer(clicks[:count]), target) for count in range(1, len(clicks) + 1)]
        rows.append(ious + [ious[-1]] * (1 + MOST - len(ious)))
    return np.array(rows)


def clicks_to(ious: np.ndarray, level: float) -> np.ndarray:
    """(pictures,): clicks until `ious` (pictures, 1 + MOST) reach `level`, at least 1, at most MOST."""
    reached = ious[:, 1:] >= level
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, MOST)


def row(name: str, ious: np.ndarray) -> list[str]:
    """A row of the table."""
    cells = []
    for count in COUNTS:
        known = spread([value for value in ious[:, count] if not np.isnan(value)])
        cells.append(f"{known.mean:.3f} [{known.low:.3f}, {known.high:.3f}]" if known else "-")
    return [name, *cells, *(f"{clicks_to(ious, level).mean():.2f}" for level in LEVELS)]


def table(title: str, predictor: Predictor, pairs: list[Pair]) -> str:
    """All methods on one set of pictures."""
    rivals = {"`cv2.grabCut`": _small(grabcut), "random walker": _small(walker)}
    ious, sessions, seconds = run_sessions(network(predictor), pairs, automatic=True)
    rows = [row("U-Net, `lite0`", ious)]
    print(title, *rows[-1], sep=" | ", flush=True)
    for name, method in rivals.items():
        own, _, rival_seconds = run_sessions(method, pairs, automatic=False)
        rows.append(row(f"{name}, own clicks ({rival_seconds / seconds:.1f} times as long)", own))
        rows.append(row(f"{name}, the U-Net's clicks", replay(method, pairs, sessions)))
        print(title, *rows[-2], *rows[-1], sep=" | ", flush=True)
    if "GrabCut" in title:
        rows += [[name, *["-"] * len(COUNTS), *values] for name, values in PUBLISHED.items()]
    header = [f"{title}, {len(pairs)} pictures", *(f"{count} clicks" for count in COUNTS)]
    header[2] = "1 click"
    return common.markdown_table([*header, *(f"NoC@{round(100 * level)}" for level in LEVELS)], rows)


def earlier_table(title: str) -> str:
    """The table `title` as benchmarks/clicks.md has it, while the network that would make it anew is not there."""
    report = (common.ROOT / "benchmarks" / "clicks.md").read_text(encoding="utf-8")
    kept = [block for block in report.split("\n\n") if block.startswith(f"| {title}, ")]
    if not kept:
        return f"{title}: not measured, as there are no weights that saw none of them (`--train` makes them)."
    return f"{title}, as an earlier run measured them with a network that is no longer there:\n\n{kept[0]}"


def train_without_grabcut(pairs: list[Pair], extra: Sequence[Path]) -> None:
    """Train on the Interactive Segmentation set without its GrabCut pictures, from ImageNet weights."""
    data = common.link_pictures(pairs, WITHOUT_GRABCUT.parent / "iseg-without-grabcut")
    command = [sys.executable, "train.py", "--data", str(data), *TRAINING, "--output", str(WITHOUT_GRABCUT)]
    command += ["--main-repeats", str(MAIN_REPEATS)]
    for folder in extra:
        command += ["--extra-data", str(folder.resolve())]
    if extra:
        command += ["--extra-repeats", *map(str, EXTRA_REPEATS[: len(extra)])]
    subprocess.run(command, cwd=common.ROOT, check=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Interactive Segmentation set")
    parser.add_argument(
        "--extra-data",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="ECSSD, DUTS-TR and people, in this order, for --train",
    )
    parser.add_argument("--weights", default="weights", metavar="DIR_OR_REPO", help="default: weights")
    parser.add_argument("--train", action="store_true", help="train the network that saw no GrabCut picture")
    options = parser.parse_args()

    pairs = find_pairs(options.data)
    predictor = Predictor.load(options.weights, precision="fp32")
    assert predictor.location is not None
    test = select_pairs(pairs, load_split(predictor.location.folder / SPLIT_FILE), "test")
    tables = [table("iseg test", predictor, test)]
    grabcut_pairs = [pair for pair in pairs if not NOT_GRABCUT.search(pair.stem)]
    title = "GrabCut pictures of iseg"
    if options.train and not (WITHOUT_GRABCUT / WEIGHTS_FILE).exists():
        train_without_grabcut([pair for pair in pairs if NOT_GRABCUT.search(pair.stem)], options.extra_data)
    if (WITHOUT_GRABCUT / WEIGHTS_FILE).exists():
        tables.append(table(title, Predictor.load(WITHOUT_GRABCUT, precision="fp32"), grabcut_pairs))
    else:
        tables.append(earlier_table(title))
    report = (
        "Mean IoU at the pictures' own size with 95 % bootstrap intervals; unknown pixels are left out. Each click "
        "is the centre of the\nlargest wrong region, the first the object's own centre; NoC is the mean number of "
        f"clicks to that IoU, {MOST} where\n{MOST} do not reach it. The rivals work at {RIVAL_SIDE} pixels, once "
        "correcting themselves, once with the clicks that the U-Net got.\nThe GrabCut pictures are scored with a "
        "network that was trained without them.\n\n" + "\n\n".join(tables) + f"\n\n`{common.command_line()}`"
    )
    card = predictor.location.folder / CARD_FILE
    if card.exists() and "<!-- clicks:begin -->" in card.read_text(encoding="utf-8"):
        common.replace_block(card, "clicks", report)
    if options.weights == "weights":
        common.write_report("clicks", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

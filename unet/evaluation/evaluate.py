"""Scores of a predictor on pictures with masks, the calibrated threshold and the reliability of probabilities."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from unet.data.pairs import Pair, load_resized
from unet.evaluation.confusion import class_scores, confusion
from unet.evaluation.metrics import PictureScores, score_picture
from unet.prediction.predictor import Predictor
from unet.prediction.threads import use_cores

T = TypeVar("T")
R = TypeVar("R")

THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.01), 2)  # candidates for calibration


@dataclass(frozen=True)
class Evaluated:
    """The scores of one picture, and the histogram of its known pixels over the 256 levels of prob8."""

    stem: str
    scores: PictureScores
    histogram: np.ndarray  # (2, 256) int64: background, foreground


def side_by_side(function: Callable[[T], R], items: Iterable[T], threads: int) -> list[R]:
    """`function` of each of `items`, in their order, on so many threads; of several, each uses one core for torch."""
    if threads == 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads, initializer=use_cores, initargs=(1,)) as pool:
        return list(pool.map(function, items))


def evaluate_pairs(
    predictor: Predictor,
    pairs: Iterable[Pair],
    threshold: float,
    threads: int = 1,
    seen: Callable[[Evaluated, np.ndarray, np.ndarray, np.ndarray], None] | None = None,
) -> list[Evaluated]:
    """Predict each picture at its own size and score it at `threshold` (0..1).

    More `threads` than one help a predictor on a GPU, which would wait for reading and scoring. `seen` is called with
    each result and the picture (H, W, 3), the target (H, W) and the prob8 (H, W) that it is of.

    Raises:
        DataError, ImageError: A file cannot be read.
    """

    def evaluate(pair: Pair) -> Evaluated:
        rgb, target = load_resized(pair)
        prob8 = predictor.prob8(rgb)
        # Known background and foreground pixels at each level.
        histogram = np.stack([np.bincount(prob8[target == label], minlength=256) for label in (0, 1)])
        result = Evaluated(pair.stem, score_picture(prob8, target, threshold), histogram)
        if seen:
            seen(result, rgb, target, prob8)
        return result

    return side_by_side(evaluate, pairs, threads)


@dataclass(frozen=True)
class EvaluatedClasses:
    """The scores of one picture, 0..1; None where it has no pixel that counts."""

    stem: str
    mean_iou: float | None  # over the classes that occur in it
    pixel_accuracy: float | None


@dataclass(frozen=True)
class ClassCounts:
    """The counts of several pictures together, and the scores of each."""

    matrix: np.ndarray  # (classes, classes) int64 as `unet.evaluation.confusion.confusion` gives them
    pictures: list[EvaluatedClasses]


def evaluate_classes(
    predictor: Predictor,
    pairs: Iterable[Pair],
    threads: int = 1,
    seen: Callable[[EvaluatedClasses, np.ndarray, np.ndarray, np.ndarray], None] | None = None,
) -> ClassCounts:
    """Predict the class of each pixel of each picture at its own size, and count; otherwise as `evaluate_pairs`.

    `seen` gets the labels (H, W) in the place of the prob8.

    Raises:
        DataError, ImageError: A file cannot be read.
    """

    classes, lock = len(predictor.table), threading.Lock()
    total = np.zeros((classes, classes), np.int64)

    def evaluate(pair: Pair) -> EvaluatedClasses:
        rgb, target = load_resized(pair)
        labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
        matrix = confusion(labels, target, classes)
        with lock:  # one matrix in all: those of 250 classes take half a megabyte each
            np.add(total, matrix, out=total)
        scores = class_scores(matrix)
        result = EvaluatedClasses(pair.stem, scores.mean_iou, scores.pixel_accuracy)
        if seen:
            seen(result, rgb, target, labels)
        return result

    return ClassCounts(total, side_by_side(evaluate, pairs, threads))


def iou_at_thresholds(histogram: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """IoU of one picture at each of `thresholds` (n,) in 0..1, from its (2, 256) histogram: (n,) float64."""
    levels = np.searchsorted(np.arange(256), 255 * thresholds)  # the lowest level inside the mask
    above = histogram[:, ::-1].cumsum(axis=1)[:, ::-1]  # (2, 256): pixels at this level or higher
    false_positive, true_positive = above[0, levels], above[1, levels]
    union = histogram[1].sum() + false_positive
    return np.where(union > 0, true_positive / np.maximum(union, 1), 1.0)


def calibrate_threshold(sets: Sequence[Sequence[Evaluated]]) -> float:
    """The one of `THRESHOLDS` nearest to 0.5 whose mean IoU is within one standard error of the best.

    A few dozen pictures cannot distinguish the best threshold from its neighbours. Among those that cannot be
    distinguished, the one nearest to the neutral 0.5 is chosen (the one-standard-error rule of Breiman et al. 1984, on
    paired differences). The mean IoU is the mean over `sets`, so all sets weigh the same.
    """
    ious = [np.array([iou_at_thresholds(e.histogram) for e in evaluated]) for evaluated in sets]
    best = np.mean([values.mean(axis=0) for values in ious], axis=0).argmax()
    lost = [values[:, [best]] - values for values in ious]  # (pictures, thresholds) for each set
    variances = [x.var(axis=0, ddof=1) / len(x) if len(x) > 1 else np.zeros(x.shape[1]) for x in lost]
    error = np.sqrt(np.sum(variances, axis=0)) / len(sets)
    mean_lost = np.mean([x.mean(axis=0) for x in lost], axis=0)
    equal = np.flatnonzero(mean_lost <= error + 1e-12)
    return float(THRESHOLDS[equal[np.abs(THRESHOLDS[equal] - 0.5).argmin()]])


def mask_confusion(evaluated: Sequence[Evaluated], threshold: float) -> np.ndarray:
    """(2, 2) int64: known pixels by truth (row) and mask at `threshold` (column), background first."""
    total = np.sum([e.histogram for e in evaluated], axis=0)  # (2, 256)
    level = int(np.searchsorted(np.arange(256), 255 * threshold))
    return np.stack([total[:, :level].sum(axis=1), total[:, level:].sum(axis=1)], axis=1)


def reliability(evaluated: Sequence[Evaluated], bins: int = 10) -> list[tuple[float, float, int]]:
    """How well probabilities match the share of foreground, in each of `bins` equal ranges of probability.

    For each range that has pixels: the mean probability, the share of foreground, and the number of pixels.
    """
    total = np.sum([e.histogram for e in evaluated], axis=0)  # (2, 256)
    rows = []
    for levels in np.array_split(np.arange(256), bins):
        weight = total[:, levels].sum(axis=0)
        if pixels := int(weight.sum()):
            mean = float((weight * levels).sum() / pixels / 255)
            rows.append((mean, float(total[1, levels].sum() / pixels), pixels))
    return rows

"""How good a prediction is: scores of one picture at its own size, and their spread over many.

`target` is (H, W) uint8 of 0 background, 1 foreground, 255 unknown, as `unet.data.masks.read_mask` returns it; unknown
pixels are ignored. `mask` is (H, W), bool or uint8, foreground where it is not 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unet.data.masks import UNKNOWN
from unet.pictures.draw import mask_from_prob

BOUNDARY_TOLERANCE = 0.0075  # relative to the picture's diagonal
RESAMPLES = 2000  # bootstrap samples
DRAWN = 2**20  # scores that are drawn at a time
# The fields of `PictureScores` as they are shown to users.
METRIC_LABELS = {
    "iou": "IoU",
    "dice": "Dice",
    "mae": "MAE",
    "pixel_accuracy": "pixel accuracy",
    "boundary_f": "boundary F",
}


@dataclass(frozen=True)
class PictureScores:
    """Scores of one picture, each 0..1. Higher is better, except for `mae`."""

    iou: float
    dice: float
    mae: float
    pixel_accuracy: float
    boundary_f: float | None  # None where the target has unknown pixels
    empty: bool = False  # whether the target has no foreground; IoU and Dice are 1 then if the mask has none either


@dataclass(frozen=True)
class Spread:
    """A metric over several pictures: mean, standard deviation and confidence interval."""

    mean: float
    sd: float  # between pictures (n - 1); 0 for a single picture
    low: float  # 95 % bootstrap interval of the mean
    high: float
    pictures: int  # number of pictures that have this metric


Summary = dict[str, Spread | None]


@dataclass(frozen=True)
class Empties:
    """The pictures whose truth has no foreground, told apart so that emptiness can't pass for quality."""

    pictures: int
    right: int  # those whose mask has none either: their IoU counts as 1
    iou_of_others: float | None  # mean over the other pictures; None if there are none

    def __str__(self) -> str:
        others = "there are no others" if self.iou_of_others is None else f"IoU of the others {self.iou_of_others:.4f}"
        return f"{self.pictures} pictures without foreground, {self.right} of them answered so; {others}"


def count_empties(scores: Sequence[PictureScores]) -> Empties | None:
    """The pictures without foreground, or None if there are none."""
    empty = [score for score in scores if score.empty]
    others = [score.iou for score in scores if not score.empty]
    if not empty:
        return None
    return Empties(len(empty), sum(s.iou == 1 for s in empty), float(np.mean(others)) if others else None)


def _region_scores(mask: np.ndarray, target: np.ndarray) -> tuple[float, float, float]:
    """IoU, Dice coefficient and pixel accuracy from one count of the known pixels."""
    inside, foreground, background = mask != 0, target == 1, target == 0
    true_positives, false_positives = int((inside & foreground).sum()), int((inside & background).sum())
    false_negatives = int(foreground.sum()) - true_positives
    right, wrong = true_positives + int(background.sum()) - false_positives, false_positives + false_negatives
    counts = (true_positives, 2 * true_positives, right)
    iou, dice, accuracy = (count / (count + wrong) if count + wrong else 1.0 for count in counts)
    return iou, dice, accuracy


def iou(mask: np.ndarray, target: np.ndarray) -> float:
    """Intersection over union (Jaccard index) of the foreground, 0..1; 1.0 if neither has any."""
    return _region_scores(mask, target)[0]


def dice(mask: np.ndarray, target: np.ndarray) -> float:
    """Dice coefficient (F1 of the foreground pixels), 0..1; 1.0 if neither has any."""
    return _region_scores(mask, target)[1]


def pixel_accuracy(mask: np.ndarray, target: np.ndarray) -> float:
    """Share of the known pixels that `mask` classifies correctly, 0..1; 1.0 if no pixel is known."""
    return _region_scores(mask, target)[2]


def mae(prob8: np.ndarray, target: np.ndarray) -> float:
    """Mean absolute error of the probability `prob8 / 255` (H, W, uint8) over the known pixels; 0.0 without any."""
    inverted = prob8 ^ np.uint8(255)  # = 255 - prob8
    error = int(prob8[target == 0].sum(dtype=np.int64)) + int(inverted[target == 1].sum(dtype=np.int64))
    known = int(np.count_nonzero(target != UNKNOWN))
    return error / (255 * known) if known else 0.0


def boundary_f(mask: np.ndarray, target: np.ndarray, radius: float | None = None) -> float | None:
    """F-measure of the contour, 0..1: precision and recall of contour pixels within a tolerance.

    A contour pixel is a foreground pixel with background above, below, left or right of it; the edge of the
    picture is not a contour. It is matched if the other contour has a pixel at most 0.75 % of the picture's
    diagonal away. This is the F of the DAVIS benchmark (Perazzi et al. 2016, section 4.1) with the tolerance of
    the Berkeley boundary benchmark (Martin et al. 2004); each pixel is matched independently. `radius` is another
    tolerance, in pixels.

    Returns:
        The F-measure: 1.0 if neither has a contour, 0.0 if only one has; None if `target` has unknown pixels,
        because these usually cover the contour.
    """
    if (target == UNKNOWN).any():
        return None
    predicted, true = _contour(mask != 0), _contour(target == 1)
    if not len(predicted) or not len(true):
        return float(len(predicted) == len(true))
    radius = BOUNDARY_TOLERANCE * math.hypot(*target.shape) if radius is None else radius
    precision = _near(predicted, true, radius) / len(predicted)
    recall = _near(true, predicted, radius) / len(true)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _contour(mask: np.ndarray) -> np.ndarray:
    """Contour pixels of `mask` (H, W) bool: (n, 2) int64 of column and row, in ascending order."""
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return np.argwhere((mask & ~inner).T)


def _near(points: np.ndarray, others: np.ndarray, radius: float) -> int:
    """Number of `points` (n, 2) within `radius` of one of `others` (m, 2), both in ascending order.

    Each pixel becomes one number, its column times a stride plus its row, where the stride keeps columns more than
    the radius apart. The nearest number is therefore the nearest pixel of the same column, or too far away. The
    disk is searched column by column, from its centre outwards.
    """
    reach = math.floor(radius)
    stride = int(max(points[:, 1].max(), others[:, 1].max())) + reach + 2
    numbers = others[:, 0] * stride + others[:, 1]
    left = points[:, 0] * stride + points[:, 1]  # those not matched yet
    for dx in sorted(range(-reach, reach + 1), key=abs):
        half = math.floor(math.sqrt(radius * radius - dx * dx))  # of the disk's height in this column
        wanted = left + dx * stride
        after = np.searchsorted(numbers, wanted)
        below = np.abs(numbers[np.minimum(after, len(numbers) - 1)] - wanted)
        above = np.abs(numbers[np.maximum(after - 1, 0)] - wanted)
        left = left[np.minimum(below, above) > half]
    return len(points) - len(left)


def score_picture(prob8: np.ndarray, target: np.ndarray, threshold: float) -> PictureScores:
    """All metrics of one picture, for its `prob8` (H, W) uint8, 255 times the probability, at `threshold`, 0..1.

    Raises:
        ValueError: The shapes differ.
        ConfigError: The threshold is outside 0..1.
    """
    if prob8.shape != target.shape:
        raise ValueError(f"prob8 has shape {prob8.shape}, but target has shape {target.shape}")
    mask = mask_from_prob(prob8, threshold)
    iou, dice, accuracy = _region_scores(mask, target)
    empty = not bool((target == 1).any())
    return PictureScores(iou, dice, mae(prob8, target), accuracy, boundary_f(mask, target), empty)


def summarise(scores: Sequence[PictureScores], seed: int = 0) -> Summary:
    """The spread of each metric over pictures by its name, or None for a metric that no picture has.

    `seed` is that of the bootstrap, which draws the same pictures for every metric.
    """
    columns = {name: [getattr(score, name) for score in scores] for name in METRIC_LABELS}
    return {name: spread([value for value in column if value is not None], seed) for name, column in columns.items()}


def spread(values: Sequence[float], seed: int = 0) -> Spread | None:
    """Mean, standard deviation and 95 % percentile bootstrap interval (Efron 1979) of `values`; None without any."""
    if not values:
        return None
    sample, count = np.asarray(values), len(values)
    generator, most = np.random.default_rng(seed), max(1, DRAWN // count)
    sizes = [min(most, RESAMPLES - done) for done in range(0, RESAMPLES, most)]
    means = [sample[generator.integers(count, size=(size, count))].mean(axis=1) for size in sizes]
    low, high = np.quantile(np.concatenate(means), (0.025, 0.975))
    sd = sample.std(ddof=1) if count > 1 else 0.0
    return Spread(float(sample.mean()), float(sd), float(low), float(high), count)

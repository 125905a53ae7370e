"""Scores of classes from one confusion matrix over all pixels of a set, as the field measures them.

The mean IoU of classes comes from the counts of the whole set, not from pictures (Everingham et al. 2015, "The Pascal
Visual Object Classes Challenge: A Retrospective", section 2.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unet.data.masks import UNKNOWN

CLASS_METRICS = ("iou", "precision", "recall")
COLLAPSED = 0.02  # pixels with rarer answers, as a share of those whose truth they are, up to which they count as none
METRIC_LABELS = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy"}


@dataclass(frozen=True)
class ClassScores:
    """Scores 0..1 of a set; those of single classes by label, None of a class that has no pixel to measure."""

    mean_iou: float | None  # over the classes that occur in truth or answer; None without any pixel
    pixel_accuracy: float | None  # share of the known pixels that have the right class; None without any
    iou: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]

    def as_row(self, names: Sequence[str], pictures: int) -> dict[str, float | int | None]:
        """The scores as config.json keeps them: those of a class as `iou/NAME`."""
        row: dict[str, float | int | None] = {
            "pictures": pictures,
            "mean_iou": self.mean_iou,
            "pixel_accuracy": self.pixel_accuracy,
        }
        for metric in CLASS_METRICS:
            row |= {f"{metric}/{name}": value for name, value in zip(names, getattr(self, metric), strict=True)}
        return row


def confusion(labels: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes) int64: known pixels by true (row) and predicted class (column).

    `labels` and `target` are (H, W) uint8; 255 in `target` is unknown.

    Raises:
        ValueError: The shapes differ.
    """
    if labels.shape != target.shape:
        raise ValueError(f"labels have shape {labels.shape}, but target has shape {target.shape}")
    known = target != UNKNOWN
    places = target[known].astype(np.int64) * classes + labels[known]
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def class_scores(matrix: np.ndarray) -> ClassScores:
    """The scores of a confusion matrix."""
    right, true, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    union = true + predicted - right
    ious = _shares(right, union)
    present = [value for value in ious if value is not None]
    total = int(matrix.sum())
    return ClassScores(
        mean_iou=float(np.mean(present)) if present else None,
        pixel_accuracy=int(right.sum()) / total if total else None,
        iou=ious,
        precision=_shares(right, predicted),
        recall=_shares(right, true),
    )


def describe_collapse(matrix: np.ndarray, names: Sequence[str], check: str) -> str | None:
    """A sentence if nearly every pixel of a confusion matrix gets one answer, although the truth has others; else None.

    `check` is the command that shows how the masks are read.
    """
    total, only = int(matrix.sum()), int(matrix.sum(axis=0).argmax())
    predicted, true = int(matrix[:, only].sum()), int(matrix[only].sum())
    if true == total or total - predicted > COLLAPSED * (total - true):
        return None
    return (
        f"The network answers {names[only]} everywhere: {predicted / total:.2%} of the validation pictures' pixels, "
        f"where {true / total:.1%} are in truth. It learned nothing of use. Likely causes: too few epochs or pictures, "
        "a learning rate that is too high, or masks that do not belong to their pictures or are read otherwise than "
        f"they are meant ({check} shows it)."
    )


def _shares(counts: np.ndarray, totals: np.ndarray) -> tuple[float | None, ...]:
    pairs = zip(counts.tolist(), totals.tolist(), strict=True)
    return tuple(count / total if total else None for count, total in pairs)

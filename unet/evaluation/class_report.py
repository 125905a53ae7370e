"""What `unet evaluate` says of weights with classes: scores over all pixels, of each class, and the worst pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unet.evaluation.base_report import WORST, BaseReport
from unet.evaluation.confusion import METRIC_LABELS, ClassScores, class_scores
from unet.evaluation.evaluate import ClassCounts
from unet.pictures.classes import ClassTable


@dataclass(frozen=True, kw_only=True)
class ClassReport(BaseReport):
    """The result of an evaluation of classes."""

    table: ClassTable
    matrix: np.ndarray  # (classes, classes) int64: pixels by true (row) and predicted class (column)
    worst: dict[str, float]  # the lowest mean IoU of a picture's own classes, by stem, in ascending order

    @property
    def scores(self) -> ClassScores:
        """The scores of all pixels."""
        return class_scores(self.matrix)

    def _scores_json(self) -> dict[str, Any]:
        scores, true = self.scores, self.matrix.sum(axis=1) / max(int(self.matrix.sum()), 1)
        columns = zip(self.table.classes, true.tolist(), scores.iou, scores.precision, scores.recall, strict=True)
        return {
            "metrics": {name: getattr(scores, name) for name in METRIC_LABELS},
            "classes": [
                {"id": c.id, "name": c.name, "pixels": share, "iou": iou, "precision": precision, "recall": recall}
                for c, share, iou, precision, recall in columns
            ],
            "confusion": self.matrix.tolist(),
            "worst": [{"stem": stem, "mean_iou": value} for stem, value in self.worst.items()],
        }

    def _kind(self) -> str:
        return f"{len(self.table)} classes"

    def _scores_text(self) -> list[str]:
        content = self._scores_json()
        width = max(14, *(len(name) for name in self.table.names))
        lines = [
            *(f"{label:<{width}}{_cell(content['metrics'][name]):>9}" for name, label in METRIC_LABELS.items()),
            "",
            f"{'class':<{width}}{'pixels':>9}{'IoU':>9}{'precision':>11}{'recall':>9}",
        ]
        for row in content["classes"]:
            iou, precision, recall = (_cell(row[name]) for name in ("iou", "precision", "recall"))
            lines.append(f"{row['name']:<{width}}{row['pixels']:9.2%}{iou:>9}{precision:>11}{recall:>9}")
        return lines

    def _worst(self) -> tuple[tuple[str, ...], dict[str, tuple[float, ...]]]:
        return ("mean IoU",), {stem: (value,) for stem, value in self.worst.items()}


def class_report(counts: Sequence[ClassCounts], table: ClassTable, **told: str) -> ClassReport:
    """The report of pictures that several processes counted; `told` are the report's first fields."""
    pictures = [picture for count in counts for picture in count.pictures]
    ranked = sorted((picture.mean_iou, picture.stem) for picture in pictures if picture.mean_iou is not None)
    return ClassReport(
        **told,
        pictures=len(pictures),
        table=table,
        matrix=np.sum([count.matrix for count in counts], axis=0),
        worst={stem: value for value, stem in ranked[:WORST]},
    )


def _cell(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"

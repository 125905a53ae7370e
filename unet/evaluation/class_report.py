"""What `unet evaluate` says of weights with classes: scores over all pixels, of each class, and the worst pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unet.evaluation.confusion import METRIC_LABELS, ClassScores, class_scores
from unet.evaluation.evaluate import EvaluatedClasses
from unet.pictures.classes import ClassTable

WORST = 10


@dataclass(frozen=True)
class ClassReport:
    """The result of an evaluation."""

    weights: str  # as given, with the Hub revision
    precision: str  # of the network's arithmetic
    data: str  # the data folder as given
    split: str  # part of the weights' split, or all
    reading: str  # how the masks are read, in words
    pictures: int  # number of pictures
    table: ClassTable
    matrix: np.ndarray  # (classes, classes) int64: pixels by true (row) and answered class (column)
    worst: list[tuple[str, float]]  # the pictures with the lowest mean IoU of their own classes, in ascending order

    @property
    def scores(self) -> ClassScores:
        """The scores of all pixels."""
        return class_scores(self.matrix)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        kept = ("weights", "precision", "data", "split", "reading", "pictures")
        scores, true = self.scores, self.matrix.sum(axis=1) / max(int(self.matrix.sum()), 1)
        columns = zip(self.table.classes, true.tolist(), scores.iou, scores.precision, scores.recall, strict=True)
        return {
            **{name: getattr(self, name) for name in kept},
            "metrics": {name: getattr(scores, name) for name in METRIC_LABELS},
            "classes": [
                {"id": c.id, "name": c.name, "pixels": share, "iou": iou, "precision": precision, "recall": recall}
                for c, share, iou, precision, recall in columns
            ],
            "confusion": self.matrix.tolist(),
            "worst": [{"stem": stem, "mean_iou": value} for stem, value in self.worst],
        }


def class_report(evaluated: Sequence[EvaluatedClasses], table: ClassTable, **told: Any) -> ClassReport:
    """The report of pictures that were counted one by one; `told` are the report's first fields."""
    empty = np.zeros((len(table), len(table)), np.int64)
    means = ((class_scores(e.matrix).mean_iou, e.stem) for e in evaluated)
    ranked = sorted((mean, stem) for mean, stem in means if mean is not None)
    return ClassReport(
        **told,
        pictures=len(evaluated),
        table=table,
        matrix=sum((e.matrix for e in evaluated), empty),
        worst=[(stem, value) for value, stem in ranked[:WORST]],
    )


def class_text(report: ClassReport) -> str:
    """The report as tables of plain text."""
    content = report.as_json()
    width = max(14, *(len(name) for name in report.table.names))
    lines = [
        f"weights   {report.weights} ({report.precision}, {len(report.table)} classes)",
        f"data      {report.data}, {report.split}: {report.pictures} pictures",
        f"masks     {report.reading}",
        "",
        *(f"{label:<{width}}{_cell(content['metrics'][name]):>9}" for name, label in METRIC_LABELS.items()),
        "",
        f"{'class':<{width}}{'pixels':>9}{'IoU':>9}{'precision':>11}{'recall':>9}",
    ]
    for row in content["classes"]:
        iou, precision, recall = (_cell(row[name]) for name in ("iou", "precision", "recall"))
        lines.append(f"{row['name']:<{width}}{row['pixels']:9.2%}{iou:>9}{precision:>11}{recall:>9}")
    wide = max([14, *(len(stem) for stem, _ in report.worst)])
    lines += ["", f"{'worst pictures':<{wide}}{'mean IoU':>10}"]
    lines += [f"{stem:<{wide}}{value:10.4f}" for stem, value in report.worst]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"

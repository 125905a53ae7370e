"""What `unet evaluate` says of masks: scores of the pictures with their spread, and the worst pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unet.evaluation.base_report import WORST, BaseReport
from unet.evaluation.evaluate import Evaluated
from unet.evaluation.metrics import METRIC_LABELS, Empties, Summary, count_empties, summarise


@dataclass(frozen=True, kw_only=True)
class MaskReport(BaseReport):
    """The result of an evaluation of masks."""

    threshold: float  # of the masks, 0..1
    metrics: Summary  # the spread of each metric, or None for a metric that no picture has
    empties: Empties | None  # the pictures without foreground, if there are any
    worst: list[Evaluated]  # the pictures with the lowest IoU, in ascending order

    def _scores_json(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "metrics": {name: spread and asdict(spread) for name, spread in self.metrics.items()},
            "empties": self.empties and asdict(self.empties),
            "worst": [{"stem": e.stem, **asdict(e.scores)} for e in self.worst],
        }

    def _kind(self) -> str:
        return f"threshold {self.threshold:g}"

    def _scores_text(self) -> list[str]:
        lines = [f"{'':<15}{'mean':>8}{'sd':>9}{'95 % interval':>19}{'pictures':>11}"]
        for name, spread in self.metrics.items():
            values = f"{'n/a':>8}  (every mask has unknown pixels)"
            if spread:
                interval = f"{spread.low:.4f} - {spread.high:.4f}"
                values = f"{spread.mean:8.4f}{spread.sd:9.4f}{interval:>19}{spread.pictures:>11}"
            lines.append(f"{METRIC_LABELS[name]:<15}{values}")
        return [*lines, "", str(self.empties)] if self.empties else lines

    def _worst(self) -> tuple[tuple[str, ...], dict[str, tuple[float, ...]]]:
        return ("IoU", "Dice"), {e.stem: (e.scores.iou, e.scores.dice) for e in self.worst}


def mask_report(evaluated: Sequence[Evaluated], threshold: float, **told: str) -> MaskReport:
    """The report of pictures that were scored one by one at `threshold`; `told` are the report's first fields."""
    scores = [e.scores for e in evaluated]
    return MaskReport(
        **told,
        pictures=len(evaluated),
        threshold=threshold,
        metrics=summarise(scores),
        empties=count_empties(scores),
        worst=sorted(evaluated, key=lambda e: (e.scores.iou, e.stem))[:WORST],
    )

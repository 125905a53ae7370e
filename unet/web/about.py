"""What the page says about itself: the weights in use, their scores and data, and what is kept of an upload."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

from unet.data.known_sets import describe_data
from unet.web.cache import KEEP, STATE_SECONDS, SWEEP_EVERY

TITLE = "U-Net background remover"
HEADER = """
<header class="page-header">
  <h1>Cut out what matters</h1>
  <p>Drop a photograph: a U-Net finds the main object and separates it from the background. Then set the threshold
  until the edge sits right, and take away the cut-out or the mask.</p>
</header>
"""
THRESHOLD_HINT = "Starts where it was calibrated on photographs kept out of training. Lower takes in more, higher less."

SPLITS = {"val": "Validation", "test": "Test", "extra_test": "Test, additional data"}
MEASURES = {
    "pictures": "Pictures",
    "iou": "IoU",
    "dice": "Dice",
    "mae": "Mean absolute error",
    "pixel_accuracy": "Pixel accuracy",
    "boundary_f": "Boundary F",
}


class WeightsFacts(Protocol):
    """The part of `unet.network.weights.WeightsConfig` that is told."""

    @property
    def threshold(self) -> float: ...  # noqa: D102

    @property
    def scores(self) -> Mapping[str, Mapping[str, Any]]: ...  # noqa: D102

    @property
    def data(self) -> Sequence[str]: ...  # noqa: D102


def notices_html(notices: Sequence[str]) -> str:
    """What a visitor should know about this start of the page, such as weights that were a second choice."""
    lines = "".join(f"<p>{escape(notice)}</p>" for notice in notices)
    return f'<div class="page-notice" role="status">{lines}</div>'


def facts_html(name: str, revision: str | None, config: WeightsFacts) -> str:
    """The weights in use, their data and measured scores, and what is kept of an upload."""
    rows = [("Weights in use", f"<code>{escape(name)}</code>")]
    if revision and revision not in name:
        rows.append(("Revision", f"<code>{escape(revision)}</code>"))
    rows += [
        ("Trained on", escape(", ".join(describe_data(folder).name for folder in config.data)) or "not stated"),
        ("Calibrated threshold", f"{config.threshold:.2f}"),
        ("Scores", _scores_html(config.scores)),
        ("What is kept of a picture", _kept()),
    ]
    return f'<dl class="facts">{"".join(f"<dt>{term}</dt><dd>{told}</dd>" for term, told in rows)}</dl>'


def _part_name(split: str) -> str:
    part, _, folder = split.partition("/")
    name = SPLITS.get(part, part)
    return f"{name}: {folder}" if folder else name


def _scores_html(scores: Mapping[str, Mapping[str, Any]]) -> str:
    if not scores:
        return "None were measured for these weights."
    head = "".join(f'<th scope="col">{escape(_part_name(split))}</th>' for split in scores)
    body = ""
    for measure, label in MEASURES.items():
        cells = "".join(f"<td>{_shown(row.get(measure))}</td>" for row in scores.values())
        body += f'<tr><th scope="row">{label}</th>{cells}</tr>'
    return (
        f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        "<p>Means over the pictures, each at its own size. "
        "The best epoch was chosen on the validation pictures.</p>"
    )


def _shown(value: float | int | None) -> str:
    if value is None:
        return '<span aria-label="not measured">–</span>'  # noqa: RUF001
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _kept() -> str:
    hour = (KEEP + 2 * SWEEP_EVERY) // 60  # what Gradio misses, the page's own sweeping finds the next time
    return (
        f"The upload and its results lie on this server as temporary files and are deleted after an hour (at the "
        f"latest after {hour} minutes, or when the server ends). The network's answer, a small map of probabilities, "
        f"stays in memory for {STATE_SECONDS // 60} minutes, so that exports are quick. Nothing else is stored, "
        "nothing is passed on, and nothing is used for training."
    )

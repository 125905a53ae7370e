"""What the page says about itself: the weights in use, their scores and data, and what is kept of an upload."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

from unet.web.cache import KEEP, STATE_SECONDS, SWEEP_EVERY

TITLE = "U-Net background remover"
HEADER = """
<header class="page-header">
  <h1>Cut out what matters</h1>
  <p>Drop a photograph: a U-Net finds the main object and separates it from the background. Then set the threshold
  until the edge sits right, and take away the cut-out or the mask.</p>
</header>
"""
THRESHOLD_HINT = (
    "How sure the network must be of a pixel. Lower takes in more of the picture, higher keeps only what is certain."
)

SPLITS = {
    "val": "Validation (the best epoch was chosen on these)",
    "test": "Test",
    "extra_test": "Test, additional data",
}
MEASURES = {
    "iou": "IoU",
    "dice": "Dice",
    "mae": "MAE",
    "pixel_accuracy": "Pixel accuracy",
    "boundary_f": "Boundary F",
}


class WeightsFacts(Protocol):
    """The part of `unet.weights.WeightsConfig` that is told."""

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


def weights_markdown(name: str, revision: str | None, config: WeightsFacts) -> str:
    """The weights in use, with their measured scores as a table."""
    lines = [f"**Weights in use:** {_code(name)}"]
    if revision and revision not in name:
        lines.append(f"**Revision:** {_code(revision)}")
    lines.append(f"**Trained on:** {', '.join(_plain(entry) for entry in config.data) or 'not stated'}")
    lines.append(f"**Calibrated threshold:** {config.threshold:.2f}")
    return "\n\n".join([*lines, _scores_table(config.scores)])


def _scores_table(scores: Mapping[str, Mapping[str, Any]]) -> str:
    if not scores:
        return "No scores were measured for these weights."
    head = ["Pictures of", "Count", *MEASURES.values()]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for split, row in scores.items():
        values = [row.get(measure) for measure in MEASURES]
        shown = ["–" if value is None else f"{value:.3f}" for value in values]  # noqa: RUF001
        rows.append([SPLITS.get(split, _plain(split)), str(row.get("pictures", "–")), *shown])  # noqa: RUF001
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def kept_markdown() -> str:
    """What is kept of an upload, where, and for how long."""
    hour = (KEEP + SWEEP_EVERY) // 60
    return (
        f"**What is kept of a picture:** the upload and its results lie on this server as temporary files and are "
        f"deleted after an hour (at the latest after {hour} minutes, or when the server ends). The network's answer, "
        f"a small map of probabilities, stays in memory for {STATE_SECONDS // 60} minutes, so that exports are quick. "
        "Nothing else is stored, nothing is passed on, and nothing is used for training."
    )


def _plain(text: str) -> str:
    return escape(str(text)).replace("|", "&#124;").replace("[", "&#91;").replace("*", "&#42;")


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>"

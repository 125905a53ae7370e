"""What the page says about itself: the model, its scores and data, and privacy."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from unet.data.known_sets import describe_data
from unet.evaluation import confusion
from unet.evaluation.metrics import METRIC_LABELS
from unet.web.cache import CLOSED_SECONDS, KEEP, STATE_SECONDS, SWEEP_EVERY
from unet.web.recent import RECENT_SECONDS

if TYPE_CHECKING:
    from unet.network.weights import WeightsConfig

TITLE = "U-Net background remover"
HEADER = """
<header class="page-header">
  <h1>Cut out what matters</h1>
  <p>Drop a photograph: a U-Net finds the main object and separates it from the background. Then adjust the
  threshold until the edge is right, and download the cut-out or the mask.</p>
</header>
"""
THRESHOLD_HINT = "Starts at the value calibrated on photographs kept out of training. Lower includes more, higher less."
CLASSES_TITLE = "U-Net semantic segmentation"
CLASSES_HEADER = """
<header class="page-header">
  <h1>See what is where</h1>
  <p>Drop a photograph: a U-Net tells the class of each pixel. Switch classes on and off, or pick one: then adjust the
  threshold of its probability, and download the cut-out or the mask.</p>
</header>
"""
CLASS_THRESHOLD_HINT = "Of the class that is picked. Lower includes more, higher less."
LARGEST_THRESHOLD_HINT = "Of the class that is largest in each picture. Lower includes more, higher less."

PRECISION_NAMES = {
    "fp32": "32-bit floating point",
    "mixed": "bfloat16, in the contracting path and one layer 32-bit floating point; the fastest on this server with "
    "the same masks",
    "bf16": "bfloat16, which this server's processor has in hardware",
}
PART_NAMES = {"val": "Validation", "test": "Test", "extra_test": "Additional test"}


def notices_html(notices: Sequence[str]) -> str:
    """Sentences for the top of the page, such as a fallback to other weights."""
    lines = "".join(f"<p>{escape(notice)}</p>" for notice in notices)
    return f'<div class="page-notice" role="status">{lines}</div>'


def facts_html(name: str, revision: str | None, config: "WeightsConfig", precision: str) -> str:
    """The weights in use, their data and measured scores, and the privacy note."""
    rows = [("Weights in use", f"<code>{escape(name)}</code>")]
    if revision and revision not in name:
        rows.append(("Revision", f"<code>{escape(revision)}</code>"))
    told = (
        ("Calibrated threshold", f"{config.threshold:.2f}")
        if config.classes is None
        else ("Classes", escape(", ".join(config.classes.names)))
    )
    rows += [
        ("Trained on", escape(", ".join(describe_data(folder).name for folder in config.data)) or "not stated"),
        ("Arithmetic", PRECISION_NAMES[precision]),
        told,
        ("Scores", _scores_html(config.scores, config.classes is not None)),
        ("Privacy", _privacy()),
    ]
    return f'<dl class="facts">{"".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in rows)}</dl>'


def _part_name(part: str) -> str:
    """`val` or `val/ecssd`, the data folder's share of it, in words."""
    part, _, folder = part.partition("/")
    name = PART_NAMES.get(part, part)
    return f"{name}, {describe_data(folder).name}" if folder else name


def _scores_html(scores: Mapping[str, Mapping[str, Any]], of_classes: bool) -> str:
    if not scores:
        return "These weights come without scores."
    metrics = confusion.METRIC_LABELS if of_classes else METRIC_LABELS
    labels = {"pictures": "Pictures", **{name: label[0].upper() + label[1:] for name, label in metrics.items()}}
    head = "".join(f'<th scope="col">{label}</th>' for label in labels.values())
    body = ""
    for part, row in scores.items():
        cells = "".join(f'<td data-label="{label}">{_figure(row.get(name))}</td>' for name, label in labels.items())
        body += f'<tr><th scope="row">{escape(_part_name(part))}</th>{cells}</tr>'
    how = (
        "Counted over all pixels of a part; the mean IoU is that of the classes that occur."
        if of_classes
        else "Means over the pictures, each at its own size; MAE is the mean absolute error of the probability."
    )
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table><p>{how}</p>"


def _figure(value: float | int | None) -> str:
    if value is None:
        return '<span aria-label="not measured">–</span>'  # noqa: RUF001
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _privacy() -> str:
    latest = (KEEP + 2 * SWEEP_EVERY) // 60  # the page's own sweep finds what Gradio misses, one round later
    return (
        "Your upload and its results are temporary files on this server. They are deleted after an hour (at the latest "
        f"after {latest} minutes, or when the server stops). So that clicks and downloads are quick, the decoded "
        f"photograph stays in memory for up to {RECENT_SECONDS // 60} minutes after its last use, and the network's "
        f"result, a map of probabilities, for {STATE_SECONDS // 60} minutes, or {CLOSED_SECONDS // 60} once the page "
        "is closed. Nothing else is stored, nothing is passed on, and nothing is used for training."
    )

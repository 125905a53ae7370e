"""Figures of a training run: learning curves, reliability of the probabilities, sheets of predictions.

Curves and reliability are drawn by matplotlib, which only training needs; it is imported inside the functions.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unet.errors import TrainingError

# Okabe and Ito's palette: distinguishable in every common form of colour blindness.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B7280"
DOTS_PER_INCH = 160
_STYLE: Any = {  # matplotlib types the keys of such a dict one by one
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#9CA3AF",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.8,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}

TILE = 240  # pixels of the longer side of a sheet's pictures
MOST_NAMED = 60  # classes of a confusion whose names and numbers can be read
_CAPTION = 22  # pixels of text above each row
_GAP = 8


class SheetRow(NamedTuple):
    """A picture on a sheet of predictions, as it is drawn."""

    caption: str
    rgb: np.ndarray  # (H, W, 3) uint8
    truth: np.ndarray  # (H, W) or (H, W, 3) uint8
    result: np.ndarray  # (H, W, 3) uint8


def sheet_row(caption: str, rgb: np.ndarray, truth: np.ndarray, result: np.ndarray) -> SheetRow:
    """A row of a sheet, its pictures no larger than they are drawn; arguments as the fields of `SheetRow`."""
    tiles = (_tile(rgb), _tile(truth, Image.Resampling.NEAREST), _tile(result))
    return SheetRow(caption, *map(np.asarray, tiles))


@contextmanager
def _written(path: str | Path, what: str) -> Iterator[Path]:
    """Around writing `path`: its folder is made, and an error names the file."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
    except OSError as error:
        raise TrainingError(f"{path}: the {what} could not be written ({error.strerror or error})") from error


@contextmanager
def _figure(path: str | Path, width: float, height: float) -> Iterator[Any]:
    """A figure in this module's style, `width` x `height` inches, that needs no display; written as PNG at the end."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError(
            "figures are drawn by matplotlib, which is not installed; pip install -r requirements-dev.txt"
        ) from error
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with _written(path, "figure") as file:  # without the metadata that would make equal figures differ
            figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def plot_curves(history: Sequence[Mapping[str, float]], kept: int, path: str | Path) -> None:
    """Draw the training loss and the validation scores over the epochs, the one whose weights were kept marked.

    Args:
        history: A row an epoch with `epoch` (from 1), `loss`, and where it was validated `val_iou` and `val_dice` or
            `val_pixel_accuracy`.
        kept: Number of the epoch whose weights were kept, one that was validated.
        path: PNG file to write.

    Raises:
        TrainingError: No epoch was validated, matplotlib is not installed, or the file cannot be written.
    """
    validated = [row for row in history if "val_iou" in row]
    if not validated:
        raise TrainingError(f"{path}: no epoch has been validated, so there are no curves to draw")
    epochs = [int(row["epoch"]) for row in history]
    marker = "o" if len(epochs) <= 15 else None  # few epochs: points, as a line of one point does not show
    best = next(row for row in validated if row["epoch"] == kept)
    with _figure(path, 9.0, 3.4) as figure:
        from matplotlib.ticker import MaxNLocator

        left, right = figure.subplots(1, 2)
        left.plot(epochs, [row["loss"] for row in history], color=GREY, marker=marker, markersize=4)
        left.set_title("Training loss")
        left.set_ylim(bottom=0)
        others = (("val_dice", "Dice", GREEN), ("val_pixel_accuracy", "pixel accuracy", GREEN))
        drawn = [other for other in others if other[0] in validated[0]]
        for name, label, colour in (*drawn, ("val_iou", "IoU", BLUE)):
            points = [row["epoch"] for row in validated], [row[name] for row in validated]
            right.plot(*points, color=colour, label=label, marker=marker, markersize=4)
        label = f"kept: epoch {best['epoch']:.0f}, IoU {best['val_iou']:.3f}"
        right.plot([best["epoch"]], [best["val_iou"]], "o", color=ORANGE, markersize=8, label=label)
        at_threshold = " at threshold 0.5" * ("val_dice" in validated[0])
        right.set_title(f"Validation scores{at_threshold}")
        right.set_ylim(0, 1)
        right.legend(loc="lower right")
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def plot_reliability(rows: Sequence[tuple[float, float, int]], threshold: float, path: str | Path) -> None:
    """Draw how often pixels of a given probability are foreground, and how many such pixels there are.

    Args:
        rows: Mean probability (0..1), share that is foreground (0..1), pixels; as from `evaluation.reliability`.
        threshold: The calibrated mask threshold, 0..1.
        path: PNG file to write.

    Raises:
        TrainingError: No rows, matplotlib is not installed, or the file cannot be written.
    """
    if not rows:
        raise TrainingError(f"{path}: no pixels were evaluated, so there is no reliability to draw")
    probability, foreground, pixels = zip(*rows, strict=True)
    with _figure(path, 5.6, 5.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
        upper.plot(probability, foreground, color=BLUE, marker="o", markersize=5, label="measured")
        upper.set_title("Reliability on the validation pictures")
        upper.set_ylabel("share of pixels that are foreground")
        upper.set_ylim(0, 1)
        lower.bar(probability, np.array(pixels) / sum(pixels), width=0.07, color=BLUE)
        lower.set_yscale("log")
        lower.set_ylabel("share of all pixels")
        lower.set_xlabel("predicted probability")
        lower.set_xlim(0, 1)
        upper.axvline(threshold, color=ORANGE, linewidth=1.5, label=f"mask threshold {threshold:g}")
        lower.axvline(threshold, color=ORANGE, linewidth=1.5)
        upper.legend(loc="lower right")


def plot_confusion(matrix: np.ndarray, names: Sequence[str], path: str | Path) -> None:
    """Draw which classes are taken for which: the share of each true class's pixels, so that rows add up to 1.

    Args:
        matrix: (classes, classes) pixels by true (row) and predicted class (column).
        names: Names of the classes.
        path: PNG file to write.

    Raises:
        TrainingError: No pixels, matplotlib is not installed, or the file cannot be written.
    """
    if not matrix.sum():
        raise TrainingError(f"{path}: no pixels were evaluated, so there is no confusion to draw")
    count = len(names)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    readable = count <= MOST_NAMED
    side = 2.5 + 0.45 * min(count, MOST_NAMED)
    with _figure(path, side + 0.5, side) as figure:
        axes = figure.subplots()
        axes.grid(False)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        if readable:  # else the axes tell places in the list of classes
            axes.set_xticks(range(count), names, rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(count), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.set_title("Share of each true class's pixels, %")
        for true, predicted in np.argwhere(shares >= 0.005) if readable else ():
            share = shares[true, predicted]
            colour = "white" if share > 0.5 else "black"
            axes.text(predicted, true, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=8)


def _tile(array: np.ndarray, resample: Image.Resampling = Image.Resampling.BILINEAR) -> Image.Image:
    """(H, W) or (H, W, 3) uint8, scaled so that its longer side is `TILE` pixels."""
    scale = TILE / max(array.shape[:2])
    size = max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale))
    return Image.fromarray(array).convert("RGB").resize(size, resample)


def prediction_sheet(rows: Sequence[SheetRow], path: str | Path) -> None:
    """Write a contact sheet as PNG: a row a picture with the picture, its truth and its result.

    Such sheets show the data itself: they belong under runs/, not into a repository.

    Raises:
        TrainingError: No rows, or the file cannot be written.
    """
    if not rows:
        raise TrainingError(f"{path}: no pictures to put on the sheet")
    font = ImageFont.load_default(14)
    row_height = _CAPTION + TILE + _GAP
    sheet = Image.new("RGB", (3 * TILE + 4 * _GAP, len(rows) * row_height + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (caption, rgb, truth, result) in enumerate(rows):
        top = _GAP + row * row_height
        draw.text((_GAP, top), caption, fill="black", font=font)
        for column, tile in enumerate((_tile(rgb), _tile(truth, Image.Resampling.NEAREST), _tile(result))):
            sheet.paste(tile, (_GAP + column * (TILE + _GAP), top + _CAPTION))
    with _written(path, "sheet") as file:
        sheet.save(file, format="PNG")

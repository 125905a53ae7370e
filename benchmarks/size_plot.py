"""The plot of quality over the size of the weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

LABEL_PLACES = tuple((right, up, side) for up in (0, -12, 12) for right, side in ((9, "left"), (-9, "right")))


class Point(NamedTuple):
    """A method of the plot."""

    name: str
    megabytes: float  # of its weights
    iou: float  # mean over the sets
    own: bool  # whether the weights are this project's


def plot_sizes(points: Sequence[Point], sets: int, path: Path) -> None:
    """Draw the mean IoU over so many sets against the size of the weights, on a logarithmic axis, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for point in points:
        axes.plot([point.megabytes], [point.iou], "o", color="#0072B2" if point.own else "#D55E00", markersize=9)
    axes.set_xscale("log")
    axes.set_xlim(3, 700)
    axes.set_xticks([5, 10, 20, 50, 100, 200, 500], ["5", "10", "20", "50", "100", "200", "500"])
    axes.minorticks_off()
    axes.margins(y=0.15)
    axes.set_xlabel("weights, MB (logarithmic)")
    axes.set_ylabel(f"IoU, mean of {sets} sets")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.draw_without_rendering()
    _label(axes, points)
    figure.savefig(path, dpi=160, metadata={"Software": None})


def _label(axes: Any, points: Sequence[Point]) -> None:
    """Write the names beside the points, so that none covers another or a point."""
    taken = [axes.transData.transform((point.megabytes, point.iou)) for point in points]  # in pixels
    boxes: list[Any] = []
    for point in points:
        for right, up, side in LABEL_PLACES:
            name, place = point.name.replace("`", ""), (point.megabytes, point.iou)
            options = {"textcoords": "offset points", "fontsize": 9, "ha": side, "va": "center"}
            text = axes.annotate(name, place, xytext=(right, up), **options)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in boxes) and not any(box.contains(*at) for at in taken):
                break
            text.remove()
        else:
            raise ValueError(f"no place for the label of {point.name}")
        boxes.append(box)

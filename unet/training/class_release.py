"""The figures of a finished network with classes: its scores by part, the confusion of classes and a sheet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unet.data.pairs import Pair, load_resized
from unet.evaluation.confusion import class_scores, confusion
from unet.prediction.predictor import Predictor
from unet.training.plots import ClassRow, class_sheet, plot_confusion

SHEET_PICTURES = 20
COLLAPSED = 0.9995  # share of pixels with one answer from which a network has only one


def measure_classes(
    predictor: Predictor, sets: Mapping[str, Sequence[Pair]], confusion_path: Path, sheet_path: Path
) -> tuple[dict[str, dict[str, float | int | None]], str | None]:
    """Measure each of `sets`, which have a `val`, and draw the confusion of `test`, or of `val` where it tells nothing.

    Returns:
        The scores as config.json keeps them, and a sentence if the network answers one class everywhere.

    Raises:
        DataError, ImageError: A file cannot be read.
        TrainingError: A figure cannot be drawn or written.
    """
    table, matrices = predictor.table, {}
    rows: list[ClassRow] = []
    for name, pairs in sets.items():
        total = np.zeros((len(table), len(table)), np.int64)
        for pair in pairs:
            rgb, target = load_resized(pair)
            labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
            matrix = confusion(labels, target, len(table))
            total += matrix
            if name == "val" and len(rows) < SHEET_PICTURES:
                rows.append(ClassRow(pair.stem, rgb, target, labels, class_scores(matrix).pixel_accuracy))
        matrices[name] = total
    drawn = next(matrices[part] for part in ("test", "val") if part in matrices and matrices[part].any())
    plot_confusion(drawn, table.names, confusion_path)
    class_sheet(rows, table, sheet_path)
    scores = {name: class_scores(m).as_row(table.names, len(sets[name])) for name, m in matrices.items()}
    return scores, describe_class_collapse(matrices["val"], table.names)


def describe_class_collapse(matrix: np.ndarray, names: Sequence[str]) -> str | None:
    """A sentence if nearly every pixel gets one class, although the truth (rows) has several; else None."""
    answered, true = matrix.sum(axis=0) / max(matrix.sum(), 1), matrix.sum(axis=1) / max(matrix.sum(), 1)
    only = int(answered.argmax())
    if answered[only] < COLLAPSED or true[only] >= COLLAPSED:
        return None
    return (
        f"The network answers {names[only]} everywhere: {answered[only]:.2%} of the validation pictures' pixels, where "
        f"{true[only]:.1%} are in truth. It learned nothing of use. Likely causes: too few epochs or pictures, a "
        "learning rate that is too high, or masks that do not belong to their pictures or are read otherwise than they "
        "are meant (python -m unet check DIR --classes auto --sheet sheet.png shows it)."
    )

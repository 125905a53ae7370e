"""The figures of a finished network with classes: its scores by part, the confusion of classes and a sheet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from unet.data.pairs import Pair
from unet.evaluation.confusion import class_scores, describe_collapse
from unet.evaluation.evaluate import EvaluatedClasses, evaluate_classes
from unet.prediction.predictor import Predictor
from unet.training.plots import SheetRow, plot_confusion, prediction_sheet, sheet_row

SHEET_PICTURES = 20
CHECK = "python -m unet check DIR --classes auto --sheet sheet.png"


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
    colours = np.full((256, 3), 128, np.uint8)  # unknown in grey
    colours[: len(table)] = table.colours
    rows: list[SheetRow] = []

    def show(result: EvaluatedClasses, rgb: np.ndarray, target: np.ndarray, labels: np.ndarray) -> None:
        if len(rows) < SHEET_PICTURES:
            accuracy = result.pixel_accuracy
            score = "nothing that counts" if accuracy is None else f"pixel accuracy {accuracy:.3f}"
            rows.append(sheet_row(f"{result.stem}   {score}", rgb, colours[target], colours[labels]))

    for name, pairs in sets.items():
        matrices[name] = evaluate_classes(predictor, pairs, seen=show if name == "val" else None).matrix
    drawn = next(matrices[part] for part in ("test", "val") if part in matrices and matrices[part].any())
    plot_confusion(drawn, table.names, confusion_path)
    prediction_sheet(rows, sheet_path)
    scores = {name: class_scores(m).as_row(table.names, len(sets[name])) for name, m in matrices.items()}
    return scores, describe_collapse(matrices["val"], table.names, CHECK)

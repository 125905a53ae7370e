"""The end of a training run: from the best weights to the folder that is served, every figure measured."""

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np

from unet.data.masks import UNKNOWN
from unet.data.pairs import Pair
from unet.data.split import save_split
from unet.evaluation.confusion import describe_collapse
from unet.evaluation.evaluate import Evaluated, calibrate_threshold, evaluate_pairs, mask_confusion, reliability
from unet.evaluation.metrics import count_empties, summarise
from unet.hub.file_names import CONFUSION_FILE, CURVES_FILE, ONNX_FILE, SPLIT_FILE, WEIGHTS_FILE
from unet.network.onnx_export import export_onnx
from unet.network.unet import UNet, count_parameters
from unet.network.weights import WeightsConfig, save_config, save_weights
from unet.pictures.draw import mask_from_prob, overlay
from unet.prediction.predictor import Predictor
from unet.training.card import CardFacts, write_card
from unet.training.class_release import SHEET_PICTURES, measure_classes
from unet.training.config import TrainConfig
from unet.training.datasets import Splits
from unet.training.plots import SheetRow, plot_curves, plot_reliability, prediction_sheet, sheet_row
from unet.training.run import RunProgress

VALIDATION_SHEET = "validation.png"
CHECK = "python -m unet check DIR --sheet sheet.png"


_GREYS = np.zeros(256, np.uint8)  # of labels on a sheet
_GREYS[1], _GREYS[UNKNOWN] = 255, 128


def command_line(arguments: Sequence[str]) -> str:
    """The train.py command of `arguments` without the folders of this machine: a data folder becomes its name."""
    words, option = ["python", "train.py"], ""
    for word in arguments:
        flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        option = flag.replace("_", "-") or option
        if option == "--resume":  # a resumed run makes the same weights as an undisturbed one
            continue
        data = option in ("--data", "--extra-data") and Path(value).is_dir() and bool(value)
        words.append(shlex.quote(flag + equals + (Path(value).resolve().name if data else public_path(value))))
    return " ".join(words)


def public_path(text: str) -> str:
    """`text`, or the last part of a path that says where things lie on this machine."""
    return Path(text).name if os.path.isabs(text) or ".." in Path(text).parts else text


def measure(
    predictor: Predictor, pairs: Sequence[Pair], threshold: float, sheet: list[SheetRow] | None = None
) -> dict[str, float | int | None]:
    """Mean scores over `pairs` at `threshold` (0..1), as config.json keeps them.

    Pictures without foreground, if there are some, are counted apart, with the mean IoU of the others. A metric that
    some picture lacks is None, since the mean of the rest would pass for that of all.

    The first `SHEET_PICTURES` are added to `sheet`, with their true masks (unknown in grey) and overlays.
    """

    def show(result: Evaluated, rgb: np.ndarray, target: np.ndarray, prob8: np.ndarray) -> None:
        if sheet is not None and len(sheet) < SHEET_PICTURES:
            caption = f"{result.stem}   IoU {result.scores.iou:.3f}"
            sheet.append(sheet_row(caption, rgb, _GREYS[target], overlay(rgb, mask_from_prob(prob8, threshold))))

    scores = [e.scores for e in evaluate_pairs(predictor, pairs, threshold, seen=show)]
    summary = summarise(scores)
    row = {
        "pictures": len(pairs),
        **{name: s.mean if s and s.pictures == len(pairs) else None for name, s in summary.items()},
    }
    if empties := count_empties(scores):
        row |= {"empty": empties.pictures, "empty_right": empties.right, "iou_of_others": empties.iou_of_others}
    return row


def write_onnx(config: TrainConfig) -> None:
    """Write the ONNX file of the weights in `config.weights_folder` if it is wanted; else remove an earlier one.

    Raises:
        ConfigError: The file cannot be written.
    """
    file = config.weights_folder / ONNX_FILE
    if config.onnx:
        export_onnx(config.weights_folder, file, name=config.push_to_hub)
    else:
        file.unlink(missing_ok=True)  # it would be that of other weights


def release(config: TrainConfig, model: UNet, settings: WeightsConfig, splits: Splits, progress: RunProgress) -> None:
    """Calibrate on validation, write weights, split, curves and card into `config.weights_folder`, and measure them.

    `model` has the best weights and is on the CPU; threshold and scores are filled into `settings`.
    """
    folder = config.weights_folder
    save_weights(folder, model, settings)
    # Calibrated and measured as `evaluate` will: with the values of half precision, computed with in float32.
    predictor = Predictor.load(folder, precision="fp32")
    if settings.classes:
        sheet_path = config.run_folder / VALIDATION_SHEET
        scores, collapse = measure_classes(predictor, splits.scored_sets(), folder / CONFUSION_FILE, sheet_path)
        settings = replace(settings, scores=scores)
    else:
        sheet: list[SheetRow] = []
        threshold, scores, validated, collapse = measure_masks(predictor, splits.scored_sets(), sheet)
        plot_reliability(reliability(validated), threshold, config.run_folder / "reliability.png")
        prediction_sheet(sheet, config.run_folder / VALIDATION_SHEET)
        settings = replace(settings, threshold=threshold, scores=scores)
    save_config(folder, model, settings)
    write_onnx(config)
    save_split(folder / SPLIT_FILE, splits.stems())
    plot_curves(progress.history, progress.best_epoch, folder / CURVES_FILE)
    versions = {"python": platform.python_version(), **{p: version(p) for p in ("torch", "numpy", "pillow")}}
    write_card(
        folder,
        CardFacts(
            command=command_line(sys.argv[1:]),
            config=settings,
            network=model.init_config,
            parameters=count_parameters(model),
            split_counts=splits.counts(),
            data=list(splits.names),
            seed=config.seed,
            epochs=progress.epoch,
            best_epoch=progress.best_epoch,
            validated=sum("val_iou" in row for row in progress.history),
            seconds=progress.seconds,
            loss=config.loss,
            init_from=config.init_from and public_path(config.init_from),
            versions=versions,
            collapse=collapse,
            onnx=config.onnx,
            file_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        ),
        repo_id=config.push_to_hub,
    )
    print_scores(settings.scores)
    print(f"weights written to {folder}" + f", threshold {settings.threshold}" * (not settings.classes))
    if collapse:
        print(collapse)


def print_scores(scores: Mapping[str, Mapping[str, float | int | None]]) -> None:
    """Print the scores of each set in a line."""
    for name, row in scores.items():
        print(f"{name}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None))


def measure_masks(
    predictor: Predictor, sets: Mapping[str, Sequence[Pair]], sheet: list[SheetRow] | None = None
) -> tuple[float, dict[str, dict[str, float | int | None]], list[Evaluated], str | None]:
    """Calibrate the threshold on the validation pictures of `sets`, by name as in config.json, and measure all.

    `sheet` is filled as by `measure`.

    Returns:
        The threshold, the scores of each set, the results on the validation pictures, and a sentence if the network has
        one answer for everything.
    """
    predictor.config = replace(predictor.config, threshold=0.5)  # it says where the network looks closer
    validated = [evaluate_pairs(predictor, pairs, 0.5) for name, pairs in sets.items() if name.split("/")[0] == "val"]
    threshold, pictures = calibrate_threshold(validated), list(chain(*validated))
    collapse = describe_collapse(mask_confusion(pictures, threshold), predictor.table.names, CHECK)
    predictor.config = replace(predictor.config, threshold=threshold)
    scores = {
        name: measure(predictor, pairs, threshold, sheet if name == "val" else None) for name, pairs in sets.items()
    }
    return threshold, scores, pictures, collapse

"""The end of a training run: from the best weights to the folder that is served, every figure measured."""

import platform
import shlex
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from unet.data.pairs import Pair, load_resized
from unet.data.split import save_split
from unet.evaluation.evaluate import calibrate_threshold, evaluate_pairs, reliability
from unet.evaluation.metrics import summarise
from unet.hub.names import CURVES_FILE, SPLIT_FILE, WEIGHTS_FILE
from unet.network.unet import UNet, count_parameters
from unet.network.weights import WeightsConfig, save_config, save_weights
from unet.prediction.predictor import Predictor
from unet.training.card import CardFacts, write_card
from unet.training.config import TrainConfig
from unet.training.plots import plot_curves, plot_reliability, prediction_sheet
from unet.training.splits import Splits

VALIDATION_SHEET = "validation.png"
SHEET_PICTURES = 20


def measure(folder: Path, pairs: list[Pair]) -> dict[str, float | int | None]:
    """Scores of the weights in `folder`, as config.json keeps them: means over `pairs` at their threshold."""
    predictor = Predictor.load(folder)
    summary = summarise([e.scores for e in evaluate_pairs(predictor, pairs, predictor.threshold)])
    return {"pictures": len(pairs), **{name: s.mean if s else None for name, s in summary.items()}}


def release(
    config: TrainConfig, model: UNet, settings: WeightsConfig, splits: Splits, progress: dict[str, Any]
) -> None:
    """Calibrate on validation, write weights, split, curves and card into `config.output`, and measure them.

    Args:
        config: of the run.
        model: with the best weights, on the CPU.
        settings: preprocessing; threshold and scores are filled in here.
        splits: the run's pictures.
        progress: its history, best epoch and seconds.
    """
    folder = config.output
    save_weights(folder, model, settings)
    # Calibrated and measured on the file as written, in half precision, as `evaluate` will find it.
    predictor = Predictor.load(folder)
    validated = [evaluate_pairs(predictor, pairs, 0.5) for pairs in splits.validation_sets()]
    settings = replace(settings, threshold=calibrate_threshold(validated))
    save_config(folder, model, settings)
    settings = replace(settings, scores={name: measure(folder, pairs) for name, pairs in splits.scored_sets().items()})
    save_config(folder, model, settings)
    save_split(folder / SPLIT_FILE, splits.stems())
    plot_curves(progress["history"], folder / CURVES_FILE)
    plot_reliability(
        reliability([e for evaluated in validated for e in evaluated]),
        settings.threshold,
        config.run_folder / "reliability.png",
    )
    draw_sheet(folder, splits.val, config.run_folder / VALIDATION_SHEET)
    write_card(
        folder,
        CardFacts(
            # A resumed run makes the same weights as an undisturbed one.
            command=" ".join(["python", "train.py", *(shlex.quote(a) for a in sys.argv[1:] if a != "--resume")]),
            config=settings,
            network=model.init_config,
            parameters=count_parameters(model),
            split_counts=splits.counts(),
            data=list(splits.names),
            seed=config.seed,
            epochs=config.epochs,
            best_epoch=progress["best_epoch"],
            seconds=progress["seconds"],
            init_from=config.init_from,
            versions={
                "python": platform.python_version(),
                **{p: version(p) for p in ("torch", "numpy", "pillow")},
            },
            file_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        ),
        repo_id=config.push_to_hub,
    )
    for name, row in settings.scores.items():
        print(f"{name}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None))
    print(f"weights written to {folder}, threshold {settings.threshold}")


def draw_sheet(folder: Path, pairs: list[Pair], path: Path) -> None:
    """A contact sheet of the first pictures of `pairs`: picture, truth and prediction."""
    predictor = Predictor.load(folder)
    items: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, float]] = []
    for pair in pairs[:SHEET_PICTURES]:
        rgb, target = load_resized(pair)
        prob8 = predictor.prob8(rgb)
        (evaluated,) = evaluate_pairs(predictor, [pair], predictor.threshold)
        items.append((pair.stem, rgb, target, prob8, evaluated.scores.iou))
    prediction_sheet(items, predictor.threshold, path)

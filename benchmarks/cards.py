"""Measure weights again, as train.py did at their release, and put the figures into their card and config.json.

For weights that stay while the way from a network's answer to a mask changes:

    python benchmarks/cards.py --data DIR/iseg --extra-data DIR/ecssd --extra-data DIR/duts --extra-data DIR/people

The pictures are those of split.json in the weights folder; the threshold is calibrated on its validation pictures. What
the card says of training, data and clicks stays.
"""

import argparse
from dataclasses import replace
from itertools import chain
from pathlib import Path

import common

from unet.data.pairs import Pair, find_pairs, select_pairs
from unet.data.split import load_split
from unet.evaluation.confusion import describe_collapse
from unet.evaluation.evaluate import calibrate_threshold, evaluate_pairs, mask_confusion
from unet.hub.file_names import SPLIT_FILE, WEIGHTS_FILE
from unet.network.unet import count_parameters
from unet.network.weights import load_weights, save_config
from unet.prediction.predictor import Predictor
from unet.training.card_facts import Measured
from unet.training.card_renewal import renew_card
from unet.training.release import CHECK, measure


def scored_sets(folders: list[Path], split: dict[str, list[str]]) -> dict[str, list[Pair]]:
    """The pictures of each row of the card, by the name that config.json gives it."""
    main, *extra = map(find_pairs, folders)
    sets = {"val": select_pairs(main, split, "val")}
    sets |= {f"val/{pairs[0].root.name}": select_pairs(pairs, split, "val") for pairs in extra}
    sets["test"] = select_pairs(main, split, "test")
    return sets | {f"extra_test/{pairs[0].root.name}": select_pairs(pairs, split, "extra_test") for pairs in extra}


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the main data folder")
    parser.add_argument("--extra-data", type=Path, action="append", default=[], help="each of the others, in order")
    parser.add_argument("--weights", type=Path, default=common.ROOT / "weights", help="folder of the weights")
    options = parser.parse_args()
    folder, split = options.weights, load_split(options.weights / SPLIT_FILE)
    model, settings = load_weights(folder)
    predictor = Predictor.load(folder, precision="fp32")
    sets = scored_sets([options.data, *options.extra_data], split)
    validated = [evaluate_pairs(predictor, sets[name], 0.5) for name in sets if name.partition("/")[0] == "val"]
    threshold = calibrate_threshold(validated)
    collapse = describe_collapse(mask_confusion(list(chain(*validated)), threshold), predictor.table.names, CHECK)
    predictor.config = replace(settings, threshold=threshold)
    scores = {name: measure(predictor, pairs, threshold) for name, pairs in sets.items()}
    for name, row in scores.items():
        print(f"{name}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items() if v is not None))
    settings = replace(settings, threshold=threshold, scores=scores)
    save_config(folder, model, settings)
    facts = Measured(
        config=settings,
        network=model.init_config,
        parameters=count_parameters(model),
        split_counts={part: len(names) for part, names in split.items()},
        data=list(settings.data),
        file_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        collapse=collapse,
    )
    renew_card(folder, facts)
    print(f"{folder}: threshold {threshold}")


if __name__ == "__main__":
    main()

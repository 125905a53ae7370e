"""Measure weights again, as train.py does at their release, and put the figures into their card and config.json.

For weights that stay while the way from a network's answer to a mask changes:

    python benchmarks/cards.py --data DIR/iseg --extra-data DIR/ecssd --extra-data DIR/duts --extra-data DIR/people

The pictures are those of split.json in the weights folder, and the rows those of config.json; the threshold is
calibrated on the validation pictures. What the card says of training, data and clicks stays.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import common

from unet.data.pairs import Pair, find_pairs, select_pairs
from unet.data.split import load_split
from unet.errors import ConfigError, UnetError
from unet.hub.file_names import SPLIT_FILE, WEIGHTS_FILE
from unet.network.unet import count_parameters
from unet.network.weights import WeightsConfig, load_weights, save_config
from unet.prediction.predictor import Predictor
from unet.training.card_facts import Measured, folders_of
from unet.training.card_renewal import renew_card
from unet.training.release import measure_masks, print_scores


def scored_sets(folders: list[Path], split: dict[str, list[str]], settings: WeightsConfig) -> dict[str, list[Pair]]:
    """The pictures of each row of the card, by the name that config.json gives it.

    Raises:
        ConfigError: The folders are not those of the weights.
    """
    named = {folder.resolve().name: folder for folder in folders}
    if list(named) != list(settings.data):
        raise ConfigError(f"these weights were scored on {', '.join(settings.data)}, in this order; give them all")
    pairs = {name: find_pairs(folder) for name, folder in named.items()}
    owners = {row: folders_of(row, settings.data)[0] for row in settings.scores}
    return {row: select_pairs(pairs[owner], split, row.partition("/")[0]) for row, owner in owners.items()}


def renew(folder: Path, folders: list[Path], repo_id: str | None) -> None:
    """Measure, print, and write card and config.json.

    Raises:
        UnetError: Weights, card or pictures cannot be used.
    """
    model, settings = load_weights(folder)
    if settings.classes:
        raise ConfigError(f"{folder} tells classes, whose labels no later step changes; train.py measures them")
    split = load_split(folder / SPLIT_FILE)
    sets = scored_sets(folders, split, settings)
    threshold, scores, _, collapse = measure_masks(Predictor.load(folder, precision="fp32"), sets)
    settings = replace(settings, threshold=threshold, scores=scores)
    print_scores(scores)
    facts = Measured(
        config=settings,
        network=model.init_config,
        parameters=count_parameters(model),
        split_counts={part: len(names) for part, names in split.items()},
        data=list(settings.data),
        file_bytes=(folder / WEIGHTS_FILE).stat().st_size,
        collapse=collapse,
    )
    renew_card(folder, facts, repo_id)
    save_config(folder, model, settings)
    print(f"{folder}: threshold {threshold}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the main data folder")
    parser.add_argument("--extra-data", type=Path, action="append", default=[], help="each of the others, in order")
    parser.add_argument("--weights", type=Path, default=common.ROOT / "weights", help="folder of the weights")
    parser.add_argument("--repo", metavar="USER/NAME", help="the Hub repo that they are published as, if they are")
    options = parser.parse_args()
    try:
        renew(options.weights, [options.data, *options.extra_data], options.repo)
    except UnetError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

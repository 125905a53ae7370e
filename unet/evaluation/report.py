"""`unet evaluate`: the pictures that are scored, by one process or several, and their report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from unet.data.class_convention import refuse_nameless
from unet.data.inspect import inspect_folder
from unet.data.options import NO_OPTIONS, DataOptions
from unet.data.pairs import Pair, select_pairs
from unet.data.split import load_split
from unet.errors import DataError
from unet.evaluation.base_report import BaseReport
from unet.evaluation.class_report import ClassReport, class_report
from unet.evaluation.evaluate import ClassCounts, Evaluated, evaluate_classes, evaluate_pairs
from unet.evaluation.mask_report import MaskReport, mask_report
from unet.hub.file_names import SPLIT_FILE
from unet.hub.source import Location, locate
from unet.network.weights import read_config
from unet.prediction.predictor import Predictor, agree_on_precision
from unet.processes import Processes

ALONE = Processes()


class _Share:
    """What one process found; it travels between processes, so the predictor itself is not kept."""

    def __init__(self, predictor: Predictor, reading: str) -> None:
        self.name, self.precision, self.threshold = predictor.name, predictor.precision, predictor.threshold
        self.table, self.reading = predictor.config.classes, reading
        self.masks: list[Evaluated] = []
        self.classes: ClassCounts | None = None


def choose_pairs(
    pairs: list[Pair], location: Location, part: str, split: Mapping[str, Sequence[str]] | None = None
) -> list[Pair]:
    """The pairs of one part of the split that the weights were trained with, or all of them.

    With `split`, that is used instead of the weights' own.

    Raises:
        DataError: The weights have no split.json, or it does not match the folder.
    """
    if part == "all":
        return pairs
    if split is not None:
        return select_pairs(pairs, {"extra_test": [], **split}, part)
    path = location.folder / SPLIT_FILE
    if not path.is_file():
        raise DataError(f"the weights {location.name} have no {SPLIT_FILE}; --split all scores every picture")
    return select_pairs(pairs, load_split(path), part)


def evaluate(
    data: Path,
    part: str,
    weights: str,
    precision: str,
    processes: Processes = ALONE,
    options: DataOptions = NO_OPTIONS,
    skip_broken: bool = False,
) -> MaskReport | ClassReport:
    """Score `weights` at their calibrated threshold on the pictures of `data` that `part` names.

    Args:
        data: The folder of pictures with masks.
        part: The part of the weights' split: train, val, test or extra_test; or all for every picture.
        weights: A weights folder, or USER/NAME[@REVISION] of a model on the Hub.
        precision: Of the network's arithmetic, one of PRECISIONS.
        processes: The processes that share the pictures. Each gets the whole report.
        options: Where pictures and masks lie, and what the masks' values mean.
        skip_broken: Leave out unusable files instead of raising.

    Raises:
        DataError, ImageError: The folder or a file in it cannot be used, or does not match the split.
        WeightsError, HubError: The weights could not be loaded.
    """

    def score_share() -> _Share:
        location = locate(weights, also=(SPLIT_FILE,))
        table = read_config(location.folder)[1].classes
        found = inspect_folder(data, replace(options, classes=table), skip_broken=skip_broken)
        refuse_nameless(found.reading, str(data))
        chosen = choose_pairs(found.pairs, location, part, found.split if options.split_file else None)
        predictor = Predictor.from_location(location, precision=used)
        mine, share = processes.share(chosen), _Share(predictor, str(found.reading))
        if table:
            share.classes = evaluate_classes(predictor, mine)
        else:
            share.masks = evaluate_pairs(predictor, mine, predictor.threshold)
        return share

    used = agree_on_precision(weights, precision, processes)
    shares = processes.gather(score_share)
    first = shares[0]
    told = {"weights": first.name, "precision": first.precision, "data": str(data), "split": part}
    if first.table:
        counts = [share.classes for share in shares if share.classes]
        return class_report(counts, first.table, reading=first.reading, **told)
    evaluated = sorted((e for share in shares for e in share.masks), key=lambda e: e.stem)
    return mask_report(evaluated, first.threshold, reading=first.reading, **told)


def as_json(report: BaseReport) -> str:
    """The report as one JSON object, in ASCII, which every console shows and every program reads."""
    return json.dumps(report.as_json(), indent=2)

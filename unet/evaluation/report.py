"""`unet evaluate`: scores with their spread, and the worst pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from unet.data.class_convention import refuse_nameless
from unet.data.inspect import inspect_folder
from unet.data.options import NO_OPTIONS, DataOptions
from unet.data.pairs import Pair, select_pairs
from unet.data.split import load_split
from unet.errors import DataError
from unet.evaluation.class_report import ClassReport, class_report, class_text
from unet.evaluation.evaluate import Evaluated, EvaluatedClasses, evaluate_classes, evaluate_pairs
from unet.evaluation.metrics import METRIC_LABELS, Empties, Summary, count_empties, summarise
from unet.hub.file_names import SPLIT_FILE
from unet.hub.source import Location, locate
from unet.network.weights import read_config
from unet.prediction.predictor import Predictor, agree_on_precision
from unet.processes import Processes

WORST = 10
ALONE = Processes()


@dataclass(frozen=True)
class Report:
    """The result of an evaluation."""

    weights: str  # as given, with the Hub revision
    precision: str  # of the network's arithmetic
    threshold: float  # of the masks, 0..1
    data: str  # the data folder as given
    split: str  # part of the weights' split, or all
    reading: str  # how the masks are read, in words
    pictures: int  # number of pictures
    metrics: Summary  # the spread of each metric, or None for a metric that no picture has
    empties: Empties | None  # the pictures without foreground, if there are any
    worst: list[Evaluated]  # the pictures with the lowest IoU, in ascending order


class _Share:
    """What one process found; it travels between processes, so the predictor itself is not kept."""

    def __init__(self, predictor: Predictor, reading: str) -> None:
        self.name, self.precision, self.threshold = predictor.name, predictor.precision, predictor.threshold
        self.table, self.reading = predictor.config.classes, reading
        self.masks: list[Evaluated] = []
        self.classes: list[EvaluatedClasses] = []


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
) -> Report | ClassReport:
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
        counted = sorted((e for share in shares for e in share.classes), key=lambda e: e.stem)
        return class_report(counted, first.table, reading=first.reading, **told)
    evaluated = sorted((e for share in shares for e in share.masks), key=lambda e: e.stem)
    return Report(
        **told,
        threshold=first.threshold,
        reading=first.reading,
        pictures=len(evaluated),
        metrics=summarise([e.scores for e in evaluated]),
        empties=count_empties([e.scores for e in evaluated]),
        worst=sorted(evaluated, key=lambda e: (e.scores.iou, e.stem))[:WORST],
    )


def as_json(report: Report | ClassReport) -> str:
    """The report as one JSON object."""
    if isinstance(report, ClassReport):
        return json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    content = {
        **vars(report),
        "metrics": {name: spread and asdict(spread) for name, spread in report.metrics.items()},
        "empties": report.empties and asdict(report.empties),
        "worst": [{"stem": e.stem, **asdict(e.scores)} for e in report.worst],
    }
    return json.dumps(content, indent=2)  # in ASCII, which every console shows and every program reads


def as_text(report: Report | ClassReport) -> str:
    """The report as two tables of plain text."""
    if isinstance(report, ClassReport):
        return class_text(report)
    lines = [
        f"weights   {report.weights} ({report.precision}, threshold {report.threshold:g})",
        f"data      {report.data}, {report.split}: {report.pictures} pictures",
        f"masks     {report.reading}",
        "",
        f"{'':<15}{'mean':>8}{'sd':>9}{'95 % interval':>19}{'pictures':>11}",
    ]
    for name, spread in report.metrics.items():
        values = f"{'n/a':>8}  (every mask has unknown pixels)"
        if spread:
            interval = f"{spread.low:.4f} - {spread.high:.4f}"
            values = f"{spread.mean:8.4f}{spread.sd:9.4f}{interval:>19}{spread.pictures:>11}"
        lines.append(f"{METRIC_LABELS[name]:<15}{values}")
    if report.empties:
        lines += ["", str(report.empties)]
    width = max([14, *(len(e.stem) for e in report.worst)])
    lines += ["", f"{'worst pictures':<{width}}{'IoU':>9}{'Dice':>9}"]
    lines += [f"{e.stem:<{width}}{e.scores.iou:9.4f}{e.scores.dice:9.4f}" for e in report.worst]
    return "\n".join(lines)

"""The command line: `python -m unet predict` and `python -m unet evaluate`.

    python -m unet predict photo.jpg photos/ --output masks/
    python -m unet predict photos/ --output cutouts/ --kind cutout --weights user/name
    python -m unet evaluate --data DIR --split test --json
    torchrun --standalone --nproc_per_node 2 -m unet predict photos/ --output masks/    # pictures shared by processes

Errors are one message on stderr and exit status 1; wrong usage is 2; Ctrl-C is 130.
"""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from unet.errors import ConfigError, UnetError
from unet.pictures.clicks import Click
from unet.processes import Processes, sharing

KINDS = ("mask", "prob", "cutout", "overlay")
SPLITS = ("train", "val", "test", "extra_test", "all")
PRECISIONS = ("auto", "fp32", "bf16")


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _click(text: str) -> Click:
    """`X,Y` or `X,Y,LABEL`."""
    parts = text.split(",")
    try:
        x, y = float(parts[0]), float(parts[1])
        label = int(parts[2]) if len(parts) > 2 else 1
    except (ValueError, IndexError):
        parts, x, y, label = [], math.nan, math.nan, 1
    if len(parts) > 3 or not (math.isfinite(x) and math.isfinite(y)) or label not in (0, 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y or X,Y,1 (this) or X,Y,0 (not this), in pixels")
    return Click(x, y, label)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unet", description="Foreground masks of photographs.")
    commands = parser.add_subparsers(dest="command", required=True)

    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--weights",
        default="weights",
        metavar="DIR_OR_REPO",
        help="weights folder, or Hub repo USER/NAME[@REVISION] (default: %(default)s)",
    )
    shared.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="of the network (default: what is fastest here)"
    )

    predict = commands.add_parser(
        "predict",
        parents=[shared],
        help="write a mask, or what is made of it, for each picture",
        description="Write STEM.png, at the picture's own size, for each picture.",
    )
    predict.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="pictures, and folders of pictures")
    predict.add_argument("--output", required=True, metavar="DIR", type=Path, help="folder to write to")
    predict.add_argument(
        "--kind",
        choices=KINDS,
        default="mask",
        help="mask: 0 and 255; prob: 255 times the probability; cutout: picture with transparent background; "
        "overlay: picture with tinted foreground (default: %(default)s)",
    )
    predict.add_argument(
        "--threshold", metavar="T", type=_threshold, help="of the mask, 0 to 1 (default: the weights' calibrated one)"
    )
    predict.add_argument(
        "--click",
        dest="clicks",
        metavar="X,Y[,0|1]",
        type=_click,
        action="append",
        default=[],
        help="a point of the object (1, the default) or of the background (0), in pixels of the upright picture; "
        "may be given repeatedly, for one picture",
    )

    evaluate = commands.add_parser(
        "evaluate",
        parents=[shared],
        help="score the weights on pictures with masks",
        description="Score the weights on the pictures of one part of their split, at their calibrated threshold.",
    )
    evaluate.add_argument("--data", required=True, metavar="DIR", type=Path, help="folder of pictures with masks")
    evaluate.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="part of the weights' split.json, or all pictures of the folder (default: %(default)s)",
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _predict(args: argparse.Namespace, processes: Processes) -> int:
    from unet.prediction.files import find_pictures, plan, predict_pictures
    from unet.prediction.predictor import Predictor

    def write_share() -> int:
        tasks = plan(find_pictures(args.paths), args.output)
        if args.clicks and len(tasks) > 1:
            raise ConfigError(f"--click goes with one picture, not with {len(tasks)}")
        predictor = Predictor.load(args.weights, precision=args.precision)
        threshold = predictor.threshold if args.threshold is None else args.threshold
        mine, status = processes.share(tasks), 0
        for task, error in predict_pictures(predictor, mine, args.kind, threshold, args.clicks):
            if error is None:
                print(task.target, flush=processes.count > 1)
            else:
                print(f"error: {error}", file=sys.stderr)
                status = 1
        return status

    # All processes end with one status, and none before the others are done: torchrun ends all when one fails.
    return max(processes.gather(write_share))


def _evaluate(args: argparse.Namespace, processes: Processes) -> int:
    from unet.evaluation.report import as_json, as_text, evaluate

    report = evaluate(args.data, args.split, args.weights, args.precision, processes)
    if processes.is_main:
        print(as_json(report) if args.json else as_text(report))
    return 0


def _run(args: argparse.Namespace, processes: Processes) -> int:
    try:
        status = _predict(args, processes) if args.command == "predict" else _evaluate(args, processes)
    except UnetError as error:
        if processes.is_main:
            print(f"error: {error}", file=sys.stderr)
        return 1
    sys.stdout.flush()
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        with sharing() as processes:
            return _run(args, processes)
    except UnetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `unet`, or `python -m unet` in a checkout.

    unet predict photo.jpg photos/ --output masks/
    unet predict photo.jpg --output photo-mask.png
    unet predict photos/ --output cutouts/ --kind cutout --weights user/name
    unet check DIR --sheet sheet.png                                                 # before training
    unet evaluate --data DIR --split test --json
    unet export --output unet.onnx                                                   # for programs without torch
    unet app --port 8000                                                             # the page and its API
    torchrun --standalone --nproc_per_node 2 -m unet predict photos/ --output masks/ # shared by two processes

An error is one message on stderr and exit status 1; wrong usage is status 2, Ctrl-C is 130.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from unet.data.command_line import add_data_options, data_options
from unet.data.split import PARTS
from unet.errors import ConfigError, UnetError
from unet.hub.file_names import WEIGHTS_FILE, shipped
from unet.network.command_line import add_export_options
from unet.pictures.draw import Style
from unet.prediction import LABELS
from unet.prediction.command_line import add_precision, add_predict_options
from unet.processes import Processes, sharing
from unet.tuning import let_waiting_threads_sleep, show_any_name, tune_for_pictures

WEIGHTS = "weights"
MOST_NAMED = 20  # files in one line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="unet",
        description="Cut the foreground out of photographs with a U-Net.",
        epilog="`unet COMMAND --help` lists the options of a command.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    weights = argparse.ArgumentParser(add_help=False)
    weights.add_argument(
        "--weights",
        metavar="DIR_OR_REPO",
        help=f"weights folder, or its {WEIGHTS_FILE}, or Hub repo USER/NAME[@REVISION] (default: ./{WEIGHTS} if it "
        "exists, else the weights that come with the program)",
    )
    predict = commands.add_parser(
        "predict",
        parents=[weights],
        help="write the mask of each picture as a PNG file",
        description="Write the result for each picture to DIR/STEM.png, at the picture's own size.",
    )
    add_predict_options(predict)
    add_precision(predict, "auto")

    evaluate = commands.add_parser(
        "evaluate",
        parents=[weights],
        help="score the weights on pictures with masks",
        description="Score the weights on pictures with masks, at the weights' calibrated threshold.",
    )
    evaluate.add_argument("--data", required=True, metavar="DIR", type=Path, help="folder of pictures with masks")
    evaluate.add_argument(
        "--split",
        choices=(*PARTS, "all"),
        default="test",
        help="part of the split that the weights were trained with (split.json), or all pictures of the folder "
        "(default: %(default)s)",
    )
    evaluate.add_argument("--json", action="store_true", help="print the report as JSON")
    add_precision(evaluate, "fp32")
    evaluate.add_argument(
        "--confusion",
        metavar="FILE",
        type=Path,
        help="draw which classes are taken for which, as PNG; needs matplotlib",
    )
    add_data_options(evaluate)

    check = commands.add_parser(
        "check",
        help="show what a data folder holds and how its masks are read",
        description="Show which pictures and masks are found in a data folder and how the masks are read.",
    )
    check.add_argument("data", metavar="DIR", type=Path, help="folder of pictures with masks")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument(
        "--classes",
        metavar="auto|FILE",
        help="the masks tell classes: those that a file lists, or those of a list in DIR, or else of the masks (auto)",
    )
    check.add_argument("--sheet", metavar="FILE", type=Path, help="write a sheet of overlays as PNG")
    add_data_options(check)

    export = commands.add_parser(
        "export",
        parents=[weights],
        help="write the network as one ONNX file",
        description="Write the network as one ONNX file, from a normalised picture to probabilities, for onnxruntime, "
        "rembg and others. It takes no clicks.",
    )
    add_export_options(export)
    commands.add_parser("app", help="serve the page and its API", add_help=False)
    return parser


def _listed(files: Sequence[Path]) -> str:
    """The files' names, the first of them if there are many."""
    names = [file.name for file in files[:MOST_NAMED]]
    return ", ".join(names) + (f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else "")


def _predict(args: argparse.Namespace, processes: Processes) -> int:
    from unet.prediction.files import predict_pictures
    from unet.prediction.predictor import Predictor, agree_on_precision
    from unet.prediction.tasks import find_pictures, plan

    def write_share() -> int:
        found = find_pictures(args.paths, args.recursive, args.output)
        tasks = plan(found, args.output)
        if found.skipped and processes.is_main:
            print(f"skipped, because they do not end like pictures: {_listed(found.skipped)}", file=sys.stderr)
        if found.empty and processes.is_main:
            print(f"skipped, because these folders have no pictures: {_listed(found.empty)}", file=sys.stderr)
        if args.clicks and len(tasks) > 1:
            raise ConfigError(f"--click needs exactly one picture, not {len(tasks)}")
        predictor = Predictor.load(args.weights, precision=precision)
        kind = args.kind or (LABELS if predictor.has_classes else "mask")
        told = (kind, args.threshold, args.clicks, Style(softness=args.softness), args.class_name)
        mine, status = processes.share(tasks), 0
        for task, error, notices in predict_pictures(predictor, mine, *told):
            for notice in notices:
                print(f"note: {task.source}: {notice}", file=sys.stderr)
            if error is None:
                # In one piece, so that the lines of several processes do not mix.
                sys.stdout.write(f"{task.target}\n")
                if processes.count > 1:
                    sys.stdout.flush()
            else:
                print(f"error: {error}", file=sys.stderr)
                status = 1
        return status

    precision = agree_on_precision(args.weights, args.precision, processes)
    # All processes return the same status, and none before the others are done: torchrun ends all when one fails.
    return max(processes.gather(write_share))


def _evaluate(args: argparse.Namespace, processes: Processes) -> int:
    from unet.evaluation.report import as_json, evaluate

    options, skip = data_options(args), args.skip_broken
    report = evaluate(args.data, args.split, args.weights, args.precision, processes, options, skip)
    if processes.is_main:
        print(as_json(report) if args.json else report.as_text(), flush=True)
        if args.confusion:
            _draw_confusion(report, args.confusion)
    return 0


def _draw_confusion(report: object, path: Path) -> None:
    from unet.evaluation.class_report import ClassReport
    from unet.training.plots import plot_confusion

    if not isinstance(report, ClassReport):
        raise ConfigError("--confusion is drawn of classes, and these weights tell foreground and background alone")
    plot_confusion(report.matrix, report.table.names, path)


def _check(args: argparse.Namespace, processes: Processes) -> int:
    from unet.data.check import as_json, as_text, save_sheet
    from unet.data.inspect import inspect_folder

    if processes.is_main:
        options = replace(data_options(args), classes=args.classes)
        found = inspect_folder(args.data, options, skip_broken=args.skip_broken, decode=True)
        if args.sheet:
            save_sheet(found, args.sheet)
        print(as_json(found) if args.json else as_text(found))
    return 0


def _export(args: argparse.Namespace, processes: Processes) -> int:
    from unet.network.onnx_export import export_onnx

    if processes.is_main:
        export_onnx(args.weights, args.output, size=args.size, mirror=args.mirror)
        print(args.output)
    return 0


def _run(args: argparse.Namespace, processes: Processes) -> int:
    run = {"predict": _predict, "evaluate": _evaluate, "check": _check, "export": _export}[args.command]
    try:
        status = run(args, processes)
    except UnetError as error:
        if processes.is_main:
            print(f"error: {error}", file=sys.stderr)
        return 1
    sys.stdout.flush()
    return status


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    show_any_name()
    if words[:1] == ["app"]:
        from unet.web.app import main as serve

        return serve(words[1:])
    args = _parser().parse_args(words)
    tune_for_pictures()
    let_waiting_threads_sleep()
    if args.command != "check":
        args.weights = args.weights or (WEIGHTS if Path(WEIGHTS).is_dir() else str(shipped(WEIGHTS)))
    try:
        with sharing() as processes:
            return _run(args, processes)
    except UnetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads the output any more. Without this, Python would report the same error again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())

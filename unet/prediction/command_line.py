"""The options of `unet predict` on the command line, and the precision, which `unet evaluate` has too."""

import argparse
import math
from pathlib import Path

from unet.errors import ConfigError
from unet.pictures.clicks import Click
from unet.pictures.draw import KINDS, MAX_SOFTNESS, SOFTNESS, check_softness
from unet.prediction import LABELS, PRECISIONS


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unet.prediction.files.predict_pictures`, but weights and precision, to a parser."""
    parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="picture, folder of pictures, or pattern")
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR_OR_PNG",
        type=Path,
        help="folder to write to; with a single picture also the file to write, if it ends in .png",
    )
    parser.add_argument(
        "-r",
        "--recursive",
        action="store_true",
        help="search the folders' subfolders, too; the results lie in subfolders of the same names",
    )
    parser.add_argument(
        "--kind",
        choices=(*KINDS, "prob", LABELS),
        help="what to write. mask: 0 and 255; cutout: the picture with a transparent background; overlay: the "
        "picture with a tinted foreground, or in the colours of its classes; probability or prob: 255 times the "
        "probability of foreground; labels: the ids of the classes (default: mask, or labels of weights with classes)",
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="the class that mask, cutout, overlay and probability show, of weights with classes",
    )
    parser.add_argument(
        "--threshold",
        metavar="T",
        type=_threshold,
        help="probability from which a pixel is foreground, 0 to 1 (default: the weights' calibrated threshold)",
    )
    parser.add_argument(
        "--softness",
        metavar="N",
        type=_softness,
        default=SOFTNESS,
        help=f"half the width of a cut-out's edge, in levels of the probability, 0 to {MAX_SOFTNESS}; 0 is a hard edge "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--click",
        dest="clicks",
        metavar="X,Y[,0|1]",
        type=_click,
        action="append",
        default=[],
        help="a point on the object (1, the default) or on the background (0), in pixels of the upright picture; "
        "repeat the option for more points; only with a single picture",
    )


def add_precision(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the option that chooses from PRECISIONS."""
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=default,
        help="precision of the network's arithmetic; mixed is bf16 but for the contracting path and one layer; auto "
        "times them once and takes the fastest on this processor whose masks are those of fp32 (default: %(default)s)",
    )


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _softness(text: str) -> int:
    try:
        return check_softness(float(text))
    except (ValueError, ConfigError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SOFTNESS}") from None


def _click(text: str) -> Click:
    """`X,Y` or `X,Y,LABEL`."""
    parts = text.split(",")
    try:
        x, y = float(parts[0]), float(parts[1])
        label = int(parts[2]) if len(parts) > 2 else 1
    except (ValueError, IndexError):
        parts, x, y, label = [], math.nan, math.nan, 1
    if len(parts) > 3 or not (math.isfinite(x) and math.isfinite(y)) or label not in (0, 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not X,Y or X,Y,1 (object) or X,Y,0 (background), in pixels")
    return Click(x, y, label)

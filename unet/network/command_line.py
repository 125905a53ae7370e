"""The options of `unet export` on the command line."""

import argparse
from pathlib import Path

from unet.network import ONNX_SIZE


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unet.network.onnx_export.export_onnx`, but the weights, to a parser."""
    parser.add_argument("--output", required=True, metavar="FILE", type=Path, help="file to write; it ends in .onnx")
    parser.add_argument(
        "--size",
        metavar="N",
        type=int,
        default=ONNX_SIZE,
        help="height and width, in pixels, of the pictures it takes (default: %(default)s, which rembg needs)",
    )
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average each picture with its mirror image, which takes twice the time (default: as the weights say)",
    )

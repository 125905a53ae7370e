"""The options of `unet export` on the command line."""

import argparse
from pathlib import Path

from unet.network import ONNX_SIZE
from unet.network.sizes import Size, parse_size


def add_export_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unet.network.onnx_export.export_onnx`, but the weights, to a parser."""
    parser.add_argument("--output", required=True, metavar="FILE", type=Path, help="file to write; it ends in .onnx")
    parser.add_argument(
        "--size",
        metavar="N|HxW",
        type=_size,
        help="height and width, in pixels, of the pictures it takes: one number, or two such as 360x480 (default: "
        f"{ONNX_SIZE}, which rembg needs; of weights with classes, the size that they see)",
    )
    parser.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average each picture with its mirror image, which takes twice the time (default: as the weights say)",
    )


def _size(text: str) -> Size:
    try:
        return parse_size(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be a number of pixels, or HEIGHTxWIDTH, not {text!r}") from None

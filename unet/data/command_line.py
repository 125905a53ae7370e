"""The options of a data folder on the command line, the same for `check` and `evaluate`."""

import argparse
from pathlib import Path

from unet.data.options import DataOptions


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `DataOptions` to a parser."""
    group = parser.add_argument_group("the data folder", "found out by themselves, if not given")
    affix = "or the prefix or suffix of their names"
    group.add_argument("--images", metavar="FOLDER_OR_AFFIX", help=f"folder of the pictures, {affix}")
    group.add_argument("--masks", metavar="FOLDER_OR_AFFIX", help=f"folder of the masks, {affix}")
    group.add_argument(
        "--split-file", metavar="FILE", type=Path, help="JSON of the names under train, val and test, as split.json"
    )
    values = "a value, R,G,B or #rrggbb"
    group.add_argument(
        "--foreground",
        metavar="VALUE_OR_COLOUR",
        nargs="+",
        default=[],
        help=f"what is foreground in the masks ({values}); the rest is background",
    )
    group.add_argument(
        "--unknown",
        metavar="VALUE_OR_COLOUR",
        nargs="+",
        default=[],
        help=f"what counts neither as foreground nor as background ({values})",
    )
    group.add_argument("--invert-masks", action="store_true", help="foreground and background change places")
    group.add_argument(
        "--upright-masks",
        action="store_true",
        help="the masks of pictures that EXIF turns lie as the pictures are seen",
    )
    group.add_argument("--skip-broken", action="store_true", help="leave out files that cannot be used, and name them")


def data_options(args: argparse.Namespace) -> DataOptions:
    """The options that were given.

    Raises:
        ConfigError: A value is neither a value nor a colour.
    """
    return DataOptions(
        images=args.images,
        masks=args.masks,
        split_file=args.split_file,
        foreground=tuple(args.foreground),
        unknown=tuple(args.unknown),
        invert_masks=args.invert_masks,
        upright_masks=args.upright_masks,
    )

"""The names of the files in a weights folder or repo, and the paths of what comes with the program."""

from collections.abc import Iterable
from pathlib import Path

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
SPLIT_FILE = "split.json"
CURVES_FILE = "curves.png"
CARD_FILE = "README.md"
ONNX_FILE = "model.onnx"  # only if asked for
CONFUSION_FILE = "confusion.png"

LOADED_FILES = (WEIGHTS_FILE, CONFIG_FILE)  # what a predictor needs
PUBLISHED_FILES = (*LOADED_FILES, SPLIT_FILE, CURVES_FILE, CARD_FILE)  # what training writes
OPTIONAL_FILES = (CONFUSION_FILE,)  # what it also writes for some tasks, such as those with classes

PICKLED_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def pickled_hint(names: Iterable[str]) -> str:
    """The end of a message that weights are missing, if pickled files are among `names`; else nothing."""
    pickled = sorted(name for name in names if name.endswith(PICKLED_SUFFIXES))
    return f"; not loaded, as pickled files can run code: {', '.join(pickled)}" if pickled else ""


def shipped(name: str) -> Path:
    """The path of a file or folder that comes with the program, such as `weights` or `examples`.

    It lies inside the package once that is installed, and beside the package in a checkout or a Space.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / name
    return installed if installed.exists() else package.parent / name

"""What a model card is written from, and how it calls the parts of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unet.network.weights import WeightsConfig


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the weights themselves say, and what was measured with them."""

    config: WeightsConfig  # preprocessing, threshold and measured scores
    network: dict[str, Any]  # the constructor's arguments (`UNet.init_config`)
    parameters: int  # trainable values
    split_counts: dict[str, int]  # pictures by part: train, extra_train, val, test, extra_test
    data: list[str]  # names of the data folders, the main one first
    file_bytes: int  # size of the weights file
    collapse: str | None = None  # that the network answers one thing everywhere, if it does


@dataclass(frozen=True, kw_only=True)
class CardFacts(Measured):
    """What a training run knows, too."""

    command: str  # the train.py command line that made the weights
    seed: int  # seed of the run
    epochs: int  # passes over the training pictures
    best_epoch: int  # number of the epoch whose weights were kept, from 1
    validated: int  # number of the epochs that were validated
    seconds: float  # time that training took
    loss: str  # one of `unet.training.loss.LOSSES`, or of `CLASS_LOSSES` there
    init_from: str | None  # the weights that the run started from, if any
    versions: dict[str, str]  # versions of Python and the packages, by name
    onnx: bool = False  # whether there is an ONNX file, too


def folders_of(part: str, data: Sequence[str]) -> Sequence[str]:
    """The data folders that the pictures of a part come from: the extra ones have parts of their own."""
    part, _, folder = part.partition("/")
    if folder:
        return [folder]
    return data[1:] if part == "extra_test" else data[:1]


def part_label(part: str) -> str:
    """`val`, `test` or `extra_test`, of one folder or not, in words."""
    part = part.partition("/")[0].replace("_", " ")
    return "validation" if part == "val" else part

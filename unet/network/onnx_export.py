"""The network as one ONNX file, for programs without torch: onnxruntime in any language, rembg, browsers."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unet.errors import ConfigError
from unet.hub.file_names import WEIGHTS_FILE
from unet.hub.source import locate
from unet.network import ONNX_SIZE
from unet.network.folding import fold_batchnorm
from unet.network.sizes import Size, height_and_width, size_name
from unet.network.unet import UNet
from unet.network.weights import MAX_SIDE, WeightsConfig, load_weights, write_whole
from unet.pictures.classes import FOREGROUND_TABLE

SUFFIX = ".onnx"
INPUT, OUTPUT = "image", "prob"  # names of the graph's input and output
PACKAGES = ("onnx", "onnxscript")  # torch's exporter needs both


class ProbabilityGraph(nn.Module):
    """What the file computes: the network without clicks, BatchNorm folded, and the sigmoid or softmax.

    Args:
        network: The network. It is copied, not changed.
        mirror: Whether probabilities are the mean of the picture's and its mirror image's.
        classes: Whether its outputs are classes, one of which each pixel has.
    """

    def __init__(self, network: UNet, mirror: bool, classes: bool) -> None:
        super().__init__()
        self.network, self.mirror, self.classes = fold_batchnorm(network), mirror, classes

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities (B, out_channels, H, W) in 0..1 of normalised pictures (B, in_channels, H, W)."""
        logits = self.network(torch.cat([image, image.flip(3)]) if self.mirror else image)
        looks = logits.softmax(dim=1) if self.classes else logits.sigmoid()  # (B or 2 B, out_channels, H, W)
        prob: Tensor = looks
        if self.mirror:
            straight, mirrored = looks.unflatten(0, (2, -1))  # (B, out_channels, H, W) each
            prob = (straight + mirrored.flip(3)) / 2
        return prob


def check_packages() -> None:
    """Refuse to begin what an export ends if a package for it is missing.

    Raises:
        ConfigError: One is not installed; the message names the command that installs it.
    """
    for name in PACKAGES:
        try:
            import_module(name)
        except ImportError as error:
            install = f"pip install {' '.join(PACKAGES)}"
            raise ConfigError(f"the export to ONNX needs the package {name}: {install} ({error})") from error


def check_output(output: Path) -> None:
    """Refuse a file that cannot be written to.

    Raises:
        ConfigError: `output` does not end in .onnx, is a folder, or lies in none.
    """
    if output.suffix != SUFFIX or output.is_dir():
        raise ConfigError(f"{output}: the output should be a file that ends in {SUFFIX}, such as unet{SUFFIX}")
    if not output.parent.is_dir():
        raise ConfigError(f"{output}: there is no folder {output.parent}; create it first")


def onnx_size(config: WeightsConfig) -> tuple[int, int]:
    """Height and width of the pictures if nothing else is said: what rembg feeds, or with classes what they see."""
    return config.size if config.classes else height_and_width(ONNX_SIZE)


def export_onnx(
    source: str | Path, output: Path, *, size: Size | None = None, mirror: bool | None = None, name: str | None = None
) -> None:
    """Write the network of a weights folder or Hub model as one ONNX file, whole or not at all.

    The file's input `image` is a batch (B, 3, H, W) of pictures in 0..1, less `mean` and divided by `std`; its output
    `prob` (B, 1, H, W) is the probability of foreground, or (B, C, H, W) that of each class. Its metadata hold, as
    JSON, `classes` (their names) and their `ids`, `mean`, `std`, `threshold` and `size`, and as text `source` and the
    `sha256` of the weights file.

    Args:
        source: Weights, as for `unet.hub.source.locate`.
        output: The file to write, which ends in .onnx.
        size: Height and width of the pictures, in pixels; see `onnx_size` for the default.
        mirror: Whether probabilities are the mean of the picture's and its mirror image's, which takes twice the time;
            by default as the weights' config.json says.
        name: What the metadata call the source; by default the folder's name, or the Hub model and its commit.

    Raises:
        ConfigError: A package is missing, the file cannot be written, or the size does not suit the network.
        HubError: The weights could not be downloaded.
        WeightsError: The folder does not exist, or its weights are incomplete or damaged.
    """
    check_output(output)
    check_packages()
    location = locate(source)
    model, config = load_weights(location.folder)
    smallest = model.contracting.strides[-1]
    sides = onnx_size(config) if size is None else height_and_width(size)
    if not smallest <= min(sides) <= max(sides) <= MAX_SIDE:
        raise ConfigError(
            f"size {size_name(sides if size is None else size)}: {location.name} takes pictures of {smallest} to "
            f"{MAX_SIDE} pixels a side"
        )
    local = location.folder.resolve().name if location.revision is None else location.name
    digest = sha256((location.folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    mirror = config.flip if mirror is None else mirror
    graph = ProbabilityGraph(model, mirror, config.classes is not None).eval()
    facts = {**_facts(config, sides), "source": name or local, "sha256": digest}
    content = _onnx_bytes(graph, torch.zeros(2, model.in_channels, *sides), facts)
    try:
        write_whole(output, content)
    except OSError as error:
        raise ConfigError(f"{output}: could not be written ({error.strerror or error})") from error


def _facts(config: WeightsConfig, size: tuple[int, int]) -> dict[str, str]:
    """What a program must know to use the graph, each as JSON."""
    table = config.classes or FOREGROUND_TABLE
    facts = {"mean": config.mean, "std": config.std, "threshold": config.threshold, "size": size}
    return {
        key: json.dumps(value) for key, value in {"classes": table.names, "ids": table.ids.tolist(), **facts}.items()
    }


def _onnx_bytes(graph: ProbabilityGraph, example: Tensor, metadata: dict[str, str]) -> bytes:
    """The file's content; `example` is a batch of two pictures, because the exporter would fix one of one."""
    from onnx.helper import set_model_props

    with _quiet():
        exported = torch.onnx.export(
            graph,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    assert exported is not None
    proto = exported.model_proto
    _forget_sources(proto.graph)
    set_model_props(proto, metadata)
    content: bytes = proto.SerializeToString()
    return content


def _forget_sources(graph: Any) -> None:
    """Remove the exporter's notes, which quote source lines and the paths they have on this machine."""
    graph.ClearField("metadata_props")
    graph.ClearField("value_info")  # shapes in between, which every runtime infers
    for part in (*graph.input, *graph.output, *graph.initializer, *graph.node):
        part.ClearField("metadata_props")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's remarks on a package that the network does not use and on torch's own code."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)

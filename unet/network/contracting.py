"""The contracting path: its interface, and the reference's own.

A contracting path maps a picture (B, C, H, W) to feature maps, finest first. It says beforehand what they will
be: `widths[i]` channels at one `strides[i]`-th of the picture's height and width, rounded up. The expansive path
is built from those two tuples alone (`unet.network.unet.ExpansivePath`), so any module that keeps this promise can
take its place.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class ContractingPath(nn.Module):
    """Interface of every contracting path.

    Attributes:
        widths: channels of each feature map, finest first.
        strides: how many picture pixels one feature pixel spans, finest first; each is double the one before.
        stem_width, stem_stride: channels and stride of the first layer's output, to which clicks are added.
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    stem_width: int
    stem_stride: int

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """Feature maps of `image` (B, C, H, W); `clicks` is added to the first layer's output if given."""
        raise NotImplementedError


class DoubleConv(nn.Sequential):
    """[3x3 convolution without bias, BatchNorm, ReLU] twice, at constant H and W (padding 1)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class PlainPath(ContractingPath):
    """The reference's contracting path: `DoubleConv`, then 2x2 max pooling, once for each of `widths`.

    The deepest map has twice the channels of the last width (512 -> 1024 in the reference).

    Args:
        in_channels: channels of the picture.
        widths: channels of each level above the bottom.
    """

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = (*widths, 2 * widths[-1])
        self.strides = tuple(2**level for level in range(len(self.widths)))
        self.stem_width, self.stem_stride = self.widths[0], 1
        self.levels = nn.ModuleList(
            DoubleConv(below, width) for below, width in zip((in_channels, *self.widths), self.widths, strict=False)
        )

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """Feature maps (B, widths[i], ceil(H / strides[i]), ceil(W / strides[i])) of `image` (B, C, H, W)."""
        if clicks is not None:
            raise NotImplementedError("the plain contracting path takes no clicks")
        x = image
        features: list[Tensor] = []
        for level in self.levels:
            if features:
                # Rounding up keeps odd and one-pixel sizes alive; even sizes pool as in the reference.
                x = F.max_pool2d(x, 2, ceil_mode=True)  # (B, C, ceil(h / 2), ceil(w / 2))
            x = level(x)
            features.append(x)
        return features


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

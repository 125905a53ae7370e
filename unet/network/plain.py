"""The reference's contracting path."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from unet.network.encoders import ContractingPath

REFERENCE_WIDTHS = (64, 128, 256, 512)


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
        in_channels: Channels of the picture.
        widths: Channels of each level above the bottom.
    """

    default_widths = REFERENCE_WIDTHS
    description = "a plain contracting path"

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__(in_channels, widths)
        self.widths = (*widths, 2 * widths[-1])
        self.strides = tuple(2**level for level in range(len(self.widths)))
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

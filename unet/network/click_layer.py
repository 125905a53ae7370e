"""Where clicks enter the network: two maps become an addition to the first layer's output."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unet.network.folding import batchnorm_scale
from unet.network.lite0 import SameConv2d
from unet.pictures.clicks import DISK_RADIUS

SPREADS = (4.0, 8.0, 16.0, 32.0, 64.0)  # standard deviations, in pixels of the picture
COARSE = 4  # stride at which the maps are spread
INITIAL_RESPONSE = 2.0  # spread of a disk's responses behind the stem's BatchNorm, before training


def _gaussian(deviation: float) -> Tensor:
    """(K,) weights, sum 1, cut off at three standard deviations."""
    reach = math.ceil(3 * deviation)
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-(steps.float() ** 2) / (2 * deviation**2))
    return weights / weights.sum()


class ClickLayer(nn.Module):
    """A bias-free convolution of click maps (B, 2, H, W), as they are and spread wide, with the stem's shape.

    Small disks alone are lost: the network has learned to ignore specks, and the deep layers, which decide what the
    object is, never hear of them. So each map also enters blurred by Gaussians of `SPREADS` pixels, made at a quarter
    of the size. Everything is linear and without bias: maps without clicks add nothing, and the network is then
    exactly the automatic one.

    Args:
        width: Channels of the first layer's output.
        stride: Stride of the first layer.
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.near = SameConv2d(2, width, 3, stride)
        self.far = nn.Conv2d(2 * len(SPREADS), width, 1, bias=False)

    def forward(self, clicks: Tensor) -> Tensor:
        """(B, 2, H, W) maps of foreground and background clicks -> (B, width, ceil(H / s), ceil(W / s))."""
        near: Tensor = self.near(clicks)
        spread = F.interpolate(self._spread(clicks), near.shape[-2:], mode="bilinear")  # (B, 2 S, h, w)
        far: Tensor = self.far(spread)
        return near + far

    def _spread(self, clicks: Tensor) -> Tensor:
        """(B, 2 S, ceil(H / 4), ceil(W / 4)): both maps blurred by each of `SPREADS`.

        A wide Gaussian of a small disk is all but zero, one scaled to the disk's height would add up to a multiple of
        its mass; the scale is halfway, the geometric mean.
        """
        coarse = F.avg_pool2d(clicks, COARSE, ceil_mode=True)
        maps = []
        for deviation in SPREADS:
            kernel = _gaussian(deviation / COARSE).to(coarse)
            height = kernel.view(1, 1, -1, 1).expand(2, -1, -1, -1)
            reach = len(kernel) // 2
            blurred = F.conv2d(coarse, height, padding=(reach, 0), groups=2)
            blurred = F.conv2d(blurred, height.transpose(2, 3), padding=(0, reach), groups=2)
            maps.append(blurred * (math.sqrt(2) * deviation / DISK_RADIUS))
        return torch.cat(maps, dim=1)

    def scale(self, factors: Tensor) -> None:
        """Multiply each output channel by its factor (width,), in place."""
        for convolution in (self.near, self.far):
            convolution.weight.data.mul_(factors.view(-1, 1, 1, 1))

    def initialise(self, norm: nn.BatchNorm2d) -> None:
        """Draw weights to which `norm`, the BatchNorm behind the first layer, responds noticeably in each channel.

        ImageNet's stem has responses of very different spreads; at one common scale, most channels would not notice.
        """
        taps = self.near.weight[0, 0].numel()
        for convolution, deviation in ((self.near, INITIAL_RESPONSE / taps), (self.far, INITIAL_RESPONSE)):
            # One draw for all taps: a disk is larger than the kernel.
            drawn = torch.randn(convolution.weight.shape[:2])[..., None, None] * deviation
            convolution.weight.data.copy_(drawn.expand_as(convolution.weight))
        self.scale(1 / batchnorm_scale(norm).abs().clamp(min=0.02))

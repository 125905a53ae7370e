"""BatchNorm folded into the convolution before it: the same function with fewer passes over the maps."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet.network.click_layer import ClickLayer, batchnorm_scale
from unet.network.lite0 import Lite0Path
from unet.network.unet import UNet


def _fold_sequences(module: nn.Module) -> None:
    for child in module.modules():
        if not isinstance(child, nn.Sequential):
            continue
        for index in range(len(child) - 1):
            conv, norm = child[index], child[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                child[index] = fuse_conv_bn_eval(conv, norm)
                child[index + 1] = nn.Identity()


def _fold_stem(path: Lite0Path, click_layer: ClickLayer | None) -> None:
    """The stem's BatchNorm stands behind the sum of stem and clicks, so both are scaled by it."""
    norm = path.stem_norm
    if click_layer is not None:
        click_layer.scale(batchnorm_scale(norm))
    path.stem = fuse_conv_bn_eval(path.stem, norm)
    path.stem_rest[0] = nn.Identity()


def fold_batchnorm(model: UNet) -> UNet:
    """A copy of `model`, in evaluation mode, with every BatchNorm folded into its convolution.

    The logits are those of `model.eval()` up to rounding.
    """
    folded = copy.deepcopy(model).eval()
    with torch.no_grad():
        if isinstance(folded.contracting, Lite0Path):
            _fold_stem(folded.contracting, folded.click_layer if folded.clicks else None)
        _fold_sequences(folded)
    return folded

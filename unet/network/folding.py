"""BatchNorm folded into the convolution before it: the same function with fewer passes over the maps."""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from unet.network.unet import UNet


def batchnorm_scale(norm: nn.BatchNorm2d) -> Tensor:
    """(C,): what `norm`, in evaluation mode, multiplies each channel by."""
    assert norm.running_var is not None
    return (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()


def fold_sequences(module: nn.Module) -> None:
    """Fold, in place, each BatchNorm that follows a convolution in an `nn.Sequential` of `module`."""
    for child in (m for m in module.modules() if isinstance(m, nn.Sequential)):
        for index in range(len(child) - 1):
            conv, norm = child[index], child[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                child[index] = fuse_conv_bn_eval(conv, norm)
                child[index + 1] = nn.Identity()


def fold_batchnorm(model: "UNet") -> "UNet":
    """A copy of `model`, in evaluation mode, with every BatchNorm folded into its convolution.

    The logits are those of `model.eval()` up to rounding.
    """
    folded = copy.deepcopy(model).eval()
    with torch.no_grad():
        factors = folded.contracting.fold()
        if folded.clicks and factors is not None:
            folded.click_layer.scale(factors)
        fold_sequences(folded.expansive)
    return folded

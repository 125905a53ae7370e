"""Deep supervision: while training, the coarser levels of the expansive path predict the mask as well.

After Lee et al. 2015 (Deeply-Supervised Nets, arXiv:1409.5185). The extra heads are not part of the saved network.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from unet.network.unet import UNet
from unet.training.loss import Loss

LEVELS = 3  # coarsest levels of the expansive path that get a head
WEIGHT = 0.4  # of each of their losses; the network's own has weight 1


class DeeplySupervised(nn.Module):
    """A network with a 1x1 head at each of the coarser levels of its expansive path.

    Args:
        network: U-Net to train; it is shared, not copied.
    """

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network
        coarse = network.widths[:0:-1][:LEVELS]  # coarsest first, the finest level left out
        self.heads = nn.ModuleList(nn.Conv2d(width, network.out_channels, 1) for width in coarse)

    def forward(self, image: Tensor, clicks: Tensor | None = None) -> list[Tensor]:
        """Logits (B, out_channels, H, W) of the network, then of each head, at the size of `image` (B, C, H, W)."""
        *coarse, finest = self.network.expansive.levels(self.network.features(image, clicks))
        small = (head(level) for head, level in zip(self.heads, coarse, strict=False))
        return [self.network.head(finest), *(F.interpolate(x, size=image.shape[-2:], mode="bilinear") for x in small)]


def supervised_loss(loss: Loss, outputs: Sequence[Tensor], target: Tensor) -> Tensor:
    """A scalar >= 0, the loss of the network's own logits plus `WEIGHT` times that of each head's.

    Args:
        loss: One of those of `unet.training.loss`.
        outputs: Outputs of `DeeplySupervised`, each (B, out_channels, H, W).
        target: (B, H, W) uint8 labels, as for the loss.
    """
    own, *others = (loss(logits, target) for logits in outputs)
    return own + WEIGHT * sum(others, own.new_zeros(()))

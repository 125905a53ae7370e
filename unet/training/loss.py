"""The training loss: binary cross-entropy plus Dice, picture by picture, in float32."""

import torch.nn.functional as F
from torch import Tensor

from unet.data.masks import UNKNOWN


def bce_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over the batch of each picture's binary cross-entropy plus its soft Dice loss.

    Each picture weighs the same however many of its pixels are unknown, so the loss of a batch is the mean of the
    losses of its pictures. Soft Dice after Milletari et al. 2016 (V-Net, arXiv:1606.04797), with one pixel of
    smoothing.

    Args:
        logits: (B, 1, H, W), any floating type; computed with in float32.
        target: (B, H, W) uint8: 0 background, 1 foreground, 255 unknown (left out).

    Returns:
        A scalar >= 0.
    """
    known = (target != UNKNOWN).float()  # (B, H, W)
    truth = (target == 1).float()
    scores = logits.squeeze(1).float()  # (B, H, W)
    bce = F.binary_cross_entropy_with_logits(scores, truth, reduction="none") * known
    bce = bce.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)  # (B,)
    prob = scores.sigmoid() * known
    overlap = (prob * truth).sum(dim=(1, 2))
    total = prob.sum(dim=(1, 2)) + truth.sum(dim=(1, 2))  # truth is 0 wherever the pixel is unknown
    dice = 1 - (2 * overlap + 1) / (total + 1)  # (B,)
    return (bce + dice).mean()

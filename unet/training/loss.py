"""The training losses, picture by picture, in float32.

In all, each picture weighs the same however many of its pixels are unknown, so the loss of a batch is the mean of the
losses of its pictures. Logits are (B, 1, H, W) of any floating type; a target is (B, H, W) uint8: 0 background,
1 foreground, 255 unknown (left out). With C classes, logits are (B, C, H, W) and labels 0 to C - 1. The result is a
scalar >= 0.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from unet.data.masks import UNKNOWN

Loss = Callable[[Tensor, Tensor], Tensor]
"""A function of logits and target."""

EDGE_WEIGHT = 5.0
RARE = 1.02  # added to a class's share of the pixels before the logarithm: bounds the weight of a rare class by 50
EDGE_SHARE = 22  # the neighbourhood of a pixel is this share of the picture's longer side on either side, rounded down


def bce_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy plus soft Dice.

    Soft Dice after Milletari et al. 2016 (V-Net, arXiv:1606.04797), with one pixel of smoothing.
    """
    known, truth = _known(target), _truth(target)  # (B, H, W)
    bce, prob = _bce(logits, truth, known), _prob(logits, known)
    overlap, total = _sums(prob * truth), _sums(prob + truth)  # (B,); truth is 0 wherever the pixel is unknown
    return (bce + 1 - (2 * overlap + 1) / (total + 1)).mean()


def edge_iou_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy plus soft IoU, in both of which pixels near an edge weigh up to six times as much.

    The weight is 1 + 5 |m - t|, where t is the pixel's label and m the mean label of its neighbourhood (F3Net, Wei et
    al. 2020, arXiv:1911.11445, section 3.3), here over known pixels only; IoU has one pixel of smoothing.
    """
    known, truth = _known(target), _truth(target)  # (B, H, W)
    weight = known * (1 + EDGE_WEIGHT * (_mean_around(truth, known) - truth).abs())
    bce, prob = _bce(logits, truth, weight), _prob(logits, known)
    overlap, union = _sums(weight * prob * truth), _sums(weight * (prob + truth - prob * truth))  # (B,)
    return (bce + 1 - (overlap + 1) / (union + 1)).mean()


def class_dice_loss(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy plus soft Dice, the mean over the classes that occur in the picture.

    Soft Dice of a class is that of `bce_dice_loss`, with its softmax probability. A class that does not occur has no
    overlap to gain; cross-entropy alone keeps it away. `weights` (C,) say how much a pixel of each class counts in
    the cross-entropy, which is their weighted mean; without them all count alike.
    """
    known = _known(target).flatten(1)  # (B, N) pixels
    place = torch.where(target == UNKNOWN, 0, target).long().flatten(1)  # (B, N)
    log_prob = logits.float().flatten(2).log_softmax(dim=1)  # (B, C, N)
    log_true = log_prob.gather(1, place[:, None]).squeeze(1)  # (B, N)
    # Per class, without a map for each: sums of the true class's values go to its place.
    nothing = log_prob.new_zeros(logits.shape[:2])  # (B, C)
    overlap = nothing.scatter_add(1, place, log_true.exp() * known)
    true = nothing.scatter_add(1, place, known)
    predicted = torch.einsum("bcn,bn->bc", log_prob.exp(), known)
    occurs = true > 0
    lost = (1 - (2 * overlap + 1) / (predicted + true + 1)) * occurs
    dice = lost.sum(dim=1) / occurs.sum(dim=1).clamp(min=1)  # (B,)
    weight = known if weights is None else known * weights[place]
    cross = -(log_true * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)  # (B,)
    return (cross + dice).mean()


def class_weights(pixels: Sequence[int]) -> Tensor:
    """(C,): 1 / ln(1.02 + p) for classes that `pixels` pixels each belong to, p their share of all of them.

    After Paszke et al. 2016 (ENet, arXiv:1606.02147, section 5.2).
    """
    total = max(sum(pixels), 1)
    return torch.tensor([1 / math.log(RARE + count / total) for count in pixels])


def balanced_loss(pixels: Sequence[int]) -> Loss:
    """`class_dice_loss` in which rare classes weigh more, by the pixels that each class has in the training set."""
    weights = class_weights(pixels)
    return lambda logits, target: class_dice_loss(logits, target, weights.to(logits.device))


LOSSES: dict[str, Loss] = {"dice": bce_dice_loss, "edge": edge_iou_loss}
BALANCED = "balanced"
CLASS_LOSSES = ("dice", BALANCED)  # softmax over classes instead of a sigmoid: `class_dice_loss`, `balanced_loss`


def _known(target: Tensor) -> Tensor:
    return (target != UNKNOWN).float()


def _truth(target: Tensor) -> Tensor:
    return (target == 1).float()


def _sums(values: Tensor) -> Tensor:
    return values.sum(dim=(1, 2))  # (B, H, W) -> (B,)


def _bce(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """(B,): the mean cross-entropy of each picture's pixels, weighted."""
    bce = F.binary_cross_entropy_with_logits(logits.squeeze(1).float(), truth, reduction="none")
    return _sums(bce * weight) / _sums(weight).clamp(min=1)


def _prob(logits: Tensor, known: Tensor) -> Tensor:
    return logits.squeeze(1).float().sigmoid() * known


def _mean_around(truth: Tensor, known: Tensor) -> Tensor:
    """(B, H, W): the mean label of the known pixels in the square around each pixel."""
    return _box_mean(truth) / _box_mean(known).clamp(min=1e-6)


def _box_mean(values: Tensor) -> Tensor:
    """(B, H, W): the mean of the square around each pixel; zeros beyond the border, for truth and known pixels alike.

    `values` are 0 or 1, so that the running sums below are whole numbers, which float32 holds exactly.
    """
    reach = max(1, max(values.shape[-2:]) // EDGE_SHARE)
    side = 2 * reach + 1
    sums = F.pad(values, (reach + 1, reach, reach + 1, reach)).cumsum(1)
    sums = (sums[:, side:] - sums[:, :-side]).cumsum(2)
    return (sums[:, :, side:] - sums[:, :, :-side]) / side**2

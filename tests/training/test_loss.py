import math

import numpy as np
import torch

from unet.training.loss import bce_dice_loss


def brute_force(logits: np.ndarray, target: np.ndarray) -> float:
    losses = []
    for scores, labels in zip(logits[:, 0], target, strict=True):
        bce, count, overlap, total = 0.0, 0, 0.0, 0.0
        for score, label in zip(scores.ravel(), labels.ravel(), strict=True):
            if label == 255:
                continue
            prob = 1 / (1 + math.exp(-score))
            bce -= math.log(prob if label else 1 - prob)
            count += 1
            overlap += prob * label
            total += prob + label
        losses.append(bce / max(count, 1) + 1 - (2 * overlap + 1) / (total + 1))
    return sum(losses) / len(losses)


def example() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    target = rng.choice([0, 1, 255], size=(3, 5, 7)).astype(np.uint8)
    target[2] = 0
    return torch.from_numpy(rng.normal(size=(3, 1, 5, 7))), torch.from_numpy(target)


def test_loss_equals_brute_force():
    logits, target = example()
    assert math.isclose(bce_dice_loss(logits, target).item(), brute_force(logits.numpy(), target.numpy()), rel_tol=1e-5)


def test_unknown_pixels_have_no_gradient():
    logits, target = example()
    logits.requires_grad_()
    bce_dice_loss(logits, target).backward()
    unknown = (target == 255)[:, None]
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


def test_loss_of_a_batch_is_the_mean_over_its_pictures():
    logits, target = example()
    single = [bce_dice_loss(logits[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(bce_dice_loss(logits, target), torch.stack(single).mean())


def test_a_picture_of_unknown_pixels_only_is_finite():
    target = torch.full((1, 4, 4), 255, dtype=torch.uint8)
    assert bce_dice_loss(torch.randn(1, 1, 4, 4), target).isfinite()


def test_bfloat16_logits_are_computed_in_float32():
    logits, target = example()
    low = logits.bfloat16()
    assert bce_dice_loss(low, target).dtype == torch.float32
    torch.testing.assert_close(bce_dice_loss(low, target), bce_dice_loss(low.float(), target))

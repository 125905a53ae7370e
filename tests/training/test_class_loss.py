"""The loss of classes, against sums over pixels one by one."""

import math

import numpy as np
import pytest
import torch

from unet.training.deep_supervision import supervised_loss
from unet.training.loss import balanced_loss, class_dice_loss, class_weights

CLASSES = 5


def sample(seed=0, pictures=3):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(pictures, CLASSES, 6, 7, generator=generator) * 2
    target = torch.randint(0, CLASSES - 1, (pictures, 6, 7), generator=generator).to(torch.uint8)  # one never occurs
    target[torch.rand(pictures, 6, 7, generator=generator) < 0.2] = 255
    return logits, target


def brute_force(logits, target, weights=(1,) * CLASSES):
    """One picture: (C, H, W) and (H, W)."""
    known = [(y, x) for y, x in np.ndindex(*target.shape) if target[y, x] != 255]
    exps = np.exp(logits.double().numpy())
    prob = exps / exps.sum(axis=0)
    cross = sum(-math.log(prob[target[y, x], y, x]) * weights[target[y, x]] for y, x in known)
    cross /= max(sum(weights[target[y, x]] for y, x in known), 1)
    lost = []
    for label in range(len(logits)):
        true = [(y, x) for y, x in known if target[y, x] == label]
        if true:
            overlap = sum(prob[label, y, x] for y, x in true)
            total = sum(prob[label, y, x] for y, x in known) + len(true)
            lost.append(1 - (2 * overlap + 1) / (total + 1))
    return cross + (sum(lost) / len(lost) if lost else 0)


def test_loss_equals_brute_force():
    logits, target = sample()
    expected = np.mean([brute_force(a, b.numpy()) for a, b in zip(logits, target, strict=True)])
    assert float(class_dice_loss(logits, target)) == pytest.approx(expected, rel=1e-5)


def test_balanced_loss_equals_brute_force():
    logits, target = sample(6)
    pixels = [700, 0, 30, 250, 20]
    weights = [1 / math.log(1.02 + count / 1000) for count in pixels]
    expected = np.mean([brute_force(a, b.numpy(), weights) for a, b in zip(logits, target, strict=True)])
    assert float(balanced_loss(pixels)(logits, target)) == pytest.approx(expected, rel=1e-5)


def test_class_weights_are_those_of_enet():
    # From the paper's bounds for c = 1.02, 1 to 50: ln 1.02 = 0.0198026, ln 2.02 = 0.7030975, ln 1.52 = 0.4187103.
    assert class_weights([0, 10]).tolist() == pytest.approx([1 / 0.0198026, 1 / 0.7030975], rel=1e-5)
    assert class_weights([5, 5]).tolist() == pytest.approx([1 / 0.4187103] * 2, rel=1e-5)


def test_loss_of_a_batch_is_the_mean_over_its_pictures():
    logits, target = sample(1)
    single = [class_dice_loss(logits[n : n + 1], target[n : n + 1]) for n in range(3)]
    torch.testing.assert_close(class_dice_loss(logits, target), torch.stack(single).mean())


def test_unknown_pixels_have_no_gradient():
    logits, target = sample(2)
    logits.requires_grad_()
    class_dice_loss(logits, target).backward()
    unknown = (target == 255)[:, None].expand_as(logits)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).any()


def test_a_picture_of_unknown_pixels_only_is_zero_with_zero_gradients():
    logits = torch.randn(1, CLASSES, 4, 4, requires_grad=True)
    loss = class_dice_loss(logits, torch.full((1, 4, 4), 255, dtype=torch.uint8))
    loss.backward()
    assert float(loss.detach()) == 0
    assert (logits.grad == 0).all()


def test_bfloat16_logits_are_computed_in_float32():
    logits, target = (x[:1] for x in sample(3))
    small = logits.to(torch.bfloat16)
    loss = class_dice_loss(small, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, class_dice_loss(small.float(), target))


def test_the_right_answer_loses_nothing():
    _, target = sample(4)
    logits = 40 * torch.nn.functional.one_hot(torch.where(target == 255, 0, target).long(), CLASSES)
    assert float(class_dice_loss(logits.permute(0, 3, 1, 2).float(), target)) == pytest.approx(0, abs=1e-6)


def test_deep_supervision_weighs_heads_alike():
    logits, target = sample(5)
    own, other = class_dice_loss(logits, target), class_dice_loss(logits * 0.5, target)
    torch.testing.assert_close(supervised_loss(class_dice_loss, [logits, logits * 0.5], target), own + 0.4 * other)

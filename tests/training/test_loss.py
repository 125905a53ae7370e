import math

import numpy as np
import pytest
import torch

from unet.training.loss import EDGE_SHARE, EDGE_WEIGHT, LOSSES, bce_dice_loss, edge_iou_loss


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


def brute_force_edges(logits: np.ndarray, target: np.ndarray) -> float:
    losses = []
    height, width = target.shape[1:]
    reach = max(1, max(height, width) // EDGE_SHARE)
    for scores, labels in zip(logits[:, 0], target, strict=True):
        bce, weights, overlap, union = 0.0, 0.0, 0.0, 0.0
        for row in range(height):
            for column in range(width):
                if labels[row, column] == 255:
                    continue
                around = labels[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
                label = labels[row, column]
                weight = 1 + EDGE_WEIGHT * abs(around[around != 255].mean() - label)
                prob = 1 / (1 + math.exp(-scores[row, column]))
                bce -= weight * math.log(prob if label else 1 - prob)
                weights += weight
                overlap += weight * prob * label
                union += weight * max(prob, label) if label else weight * prob
        losses.append(bce / max(weights, 1) + 1 - (overlap + 1) / (union + 1))
    return sum(losses) / len(losses)


def example() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    target = rng.choice([0, 1, 255], size=(3, 5, 7)).astype(np.uint8)
    target[2] = 0
    return torch.from_numpy(rng.normal(size=(3, 1, 5, 7))), torch.from_numpy(target)


def test_loss_equals_brute_force():
    logits, target = example()
    assert math.isclose(bce_dice_loss(logits, target).item(), brute_force(logits.numpy(), target.numpy()), rel_tol=1e-5)


@pytest.mark.parametrize("size", [(5, 7), (50, 44)])
def test_edge_loss_equals_brute_force(size):
    rng = np.random.default_rng(1)
    target = rng.choice([0, 1, 255], p=[0.4, 0.5, 0.1], size=(3, *size)).astype(np.uint8)
    target[1], target[2, :, :3] = 0, 0
    logits = torch.from_numpy(rng.normal(size=(3, 1, *size)))
    expected = brute_force_edges(logits.numpy(), target)
    assert math.isclose(edge_iou_loss(logits, torch.from_numpy(target)).item(), expected, rel_tol=1e-5)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_unknown_pixels_have_no_gradient(loss):
    logits, target = example()
    logits.requires_grad_()
    loss(logits, target).backward()
    unknown = (target == 255)[:, None]
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


@pytest.mark.parametrize("loss", LOSSES.values())
def test_loss_of_a_batch_is_the_mean_over_its_pictures(loss):
    logits, target = example()
    single = [loss(logits[i : i + 1], target[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(loss(logits, target), torch.stack(single).mean())


@pytest.mark.parametrize("loss", LOSSES.values())
def test_a_picture_of_unknown_pixels_only_is_finite(loss):
    target = torch.full((1, 4, 4), 255, dtype=torch.uint8)
    assert loss(torch.randn(1, 1, 4, 4), target).isfinite()


@pytest.mark.parametrize("loss", LOSSES.values())
def test_bfloat16_logits_are_computed_in_float32(loss):
    logits, target = example()
    low = logits.bfloat16()
    assert loss(low, target).dtype == torch.float32
    torch.testing.assert_close(loss(low, target), loss(low.float(), target))

"""The optimizer's rates: Adam's first step moves every value by the learning rate, whatever the gradient's size."""

import pytest
import torch

from unet.errors import ConfigError
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.unet import UNet
from unet.training.config import TrainConfig, check_config
from unet.training.deep_supervision import DeeplySupervised
from unet.training.step import make_optimizer, set_learning_rate


def moved(model: UNet, config: TrainConfig, rate: float) -> tuple[float, float]:
    """By how much one step moves the values of the contracting path and the others, at most."""
    optimizer = make_optimizer(DeeplySupervised(model), config)
    set_learning_rate(optimizer, rate)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.full_like(p, 0.5)
    optimizer.step()
    steps = {name: float((p.detach() - before[name]).abs().max()) for name, p in model.named_parameters()}
    contracting = [step for name, step in steps.items() if name.startswith("contracting.")]
    return max(contracting), max(step for name, step in steps.items() if not name.startswith("contracting."))


def test_a_contracting_path_from_imagenet_learns_at_its_share_of_the_rate():
    model = UNet(widths=LITE0_WIDTHS, encoder="lite0", clicks=True)
    config = TrainConfig(encoder="lite0", encoder_lr=0.25, weight_decay=0)
    contracting, others = moved(model, config, rate=0.01)
    assert contracting == pytest.approx(0.0025, rel=0.01)
    assert others == pytest.approx(0.01, rel=0.01)


def test_every_value_is_in_one_group():
    model = UNet(widths=LITE0_WIDTHS, encoder="lite0", clicks=True)
    model = DeeplySupervised(model)
    optimizer = make_optimizer(model, TrainConfig(encoder="lite0", encoder_lr=0.25))
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize(("encoder", "share"), [("plain", 0.25), ("lite0", 1.0)])
def test_plain_and_a_share_of_one_learn_at_one_rate(encoder, share):
    model = UNet(widths=LITE0_WIDTHS, encoder=encoder)
    config = TrainConfig(encoder=encoder, encoder_lr=share, weight_decay=0)
    assert moved(model, config, rate=0.01) == pytest.approx((0.01, 0.01), rel=0.01)


@pytest.mark.parametrize("share", [-0.1, float("nan")])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ConfigError, match="--encoder-lr must not be negative"):
        check_config(TrainConfig(encoder_lr=share))

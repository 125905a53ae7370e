"""The optimizer's rates (Adam's first step moves every value by them, whatever the gradient), and simulated clicks."""

import numpy as np
import pytest
import torch
from generated import draw_pair

from unet.errors import ConfigError
from unet.evaluation.simulated_clicks import ROUNDS, draw_clicks, first_clicks
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.unet import UNet
from unet.pictures.clicks import click_maps
from unet.training.batches import Batch
from unet.training.config import TrainConfig, check_config
from unet.training.deep_supervision import DeeplySupervised
from unet.training.run import check_deepest
from unet.training.step import make_optimizer, set_learning_rate, simulate_batch


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


class Asked(torch.nn.Module):
    """Says "background" everywhere and remembers which pictures it was asked about, and with which clicks."""

    def __init__(self):
        super().__init__()
        self.pictures, self.clicks = [], []

    def forward(self, image, clicks):
        assert not self.training
        self.pictures.append(image[:, 0, 0, 0].int().tolist())
        self.clicks.append(clicks.clone())
        return torch.full((len(image), 1, *image.shape[2:]), -1.0)


def test_the_network_is_asked_only_about_pictures_that_get_a_correction():
    count, size = 12, (40, 56)
    targets = np.stack([draw_pair(seed)[1] // 255 for seed in range(count)])
    images = torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 3, *size)
    seeds = [None if number % 4 == 0 else number for number in range(count)]
    expected_first, rounds = [], []
    for seed, target in zip(seeds, targets, strict=True):
        rng = None if seed is None else np.random.default_rng(seed)
        expected_first.append([] if rng is None else first_clicks(rng, target))
        rounds.append(0 if rng is None else int(rng.choice(len(ROUNDS), p=ROUNDS)))
    assert 0 < sum(n > 0 for n in rounds) < sum(seed is not None for seed in seeds)
    drawn = [
        None if seed is None else draw_clicks(np.random.default_rng(seed), target)
        for seed, target in zip(seeds, targets, strict=True)
    ]
    model = Asked().train()
    maps = simulate_batch(model, images, Batch(np.empty(0), targets, drawn)).numpy()
    assert model.training
    assert model.pictures == [[i for i, n in enumerate(rounds) if n > done] for done in range(max(rounds))]
    first = np.stack([click_maps(clicks, size, size) for clicks in expected_first])
    np.testing.assert_array_equal(model.clicks[0].numpy(), first[model.pictures[0]])
    for index, corrections in enumerate(rounds):
        assert (maps[index] != first[index]).any() == (corrections > 0)


@pytest.mark.parametrize(
    ("size", "batch", "accumulate", "processes", "refused"),
    [
        (16, 1, 1, 1, True),
        (16, 4, 2, 2, True),  # one picture at a time all the same
        (9, 1, 1, 1, True),
        (17, 1, 1, 1, False),
        (16, 2, 1, 1, False),
    ],
)
def test_one_pixel_of_one_picture_is_refused_before_batch_norm_meets_it(size, batch, accumulate, processes, refused):
    model = UNet(widths=(4, 4, 4, 8))
    config = TrainConfig(size=size, batch_size=batch, accumulate=accumulate)
    picture = torch.zeros(batch // accumulate // processes, 3, size, size)
    if refused:
        with pytest.raises(ConfigError, match=rf"--size {size} .* --batch-size {batch} .* a --size above 16, or"):
            check_deepest(config, model, processes)
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            model.train()(picture)
    else:
        check_deepest(config, model, processes)
        model.train()(picture)

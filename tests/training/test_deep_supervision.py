"""The heads at the coarser levels: what they predict, what they add to the loss, and that they are not released."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_loss import brute_force

from unet import UNet
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.weights import WeightsConfig, save_weights
from unet.training.deep_supervision import LEVELS, DeeplySupervised, supervised_loss
from unet.training.loss import bce_dice_loss


def bilinear(small: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w) -> (height, width), pixel centres aligned, borders repeated."""

    def weights(length: int, target: int) -> np.ndarray:
        centres = np.clip((np.arange(target) + 0.5) * length / target - 0.5, 0, None)
        low = np.minimum(centres.astype(int), length - 1)
        high, share = np.minimum(low + 1, length - 1), centres - low
        table = np.zeros((target, length))
        np.add.at(table, (np.arange(target), low), 1 - share)
        np.add.at(table, (np.arange(target), high), share)
        return table

    return weights(small.shape[0], height) @ small @ weights(small.shape[1], width).T


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 40)])
@pytest.mark.parametrize(("encoder", "widths", "heads"), [("plain", (4, 8, 16), 2), ("lite0", LITE0_WIDTHS, LEVELS)])
def test_every_output_has_the_pictures_size(size, encoder, widths, heads):
    model = DeeplySupervised(UNet(widths=widths, encoder=encoder)).eval()
    outputs = model(torch.rand(2, 3, *size))
    assert [output.shape for output in outputs] == [(2, 1, *size)] * (1 + heads)


def test_a_network_of_one_level_has_no_heads():
    outputs = DeeplySupervised(UNet(widths=(4,)))(torch.rand(2, 3, 9, 7))
    assert len(outputs) == 1
    assert supervised_loss(bce_dice_loss, outputs, torch.ones(2, 9, 7, dtype=torch.uint8)).isfinite()


@pytest.mark.parametrize("clicks", [False, True])
def test_the_first_output_is_the_networks_own(clicks):
    torch.manual_seed(0)
    network = UNet(widths=LITE0_WIDTHS, encoder="lite0", clicks=clicks)
    model = DeeplySupervised(network).eval()
    x, maps = torch.rand(1, 3, 45, 70), torch.rand(1, 2, 45, 70) if clicks else None
    assert torch.equal(model(x, maps)[0], network(x, maps))


def test_the_loss_is_the_networks_plus_four_tenths_of_each_heads():
    torch.manual_seed(0)
    model = DeeplySupervised(UNet(widths=(4, 8, 16))).eval()
    levels = []
    for conv in model.network.expansive.convs:
        conv.register_forward_hook(lambda module, args, output: levels.append(output))
    x = torch.rand(2, 3, 21, 30)
    target = np.random.default_rng(0).choice([0, 1, 255], size=(2, 21, 30)).astype(np.uint8)
    with torch.no_grad():
        loss = supervised_loss(bce_dice_loss, model(x), torch.from_numpy(target))
        expected = brute_force(model.network.head(levels[-1]).double().numpy(), target)
    for level, head in zip(levels[:-1], model.heads, strict=True):  # coarsest first
        weight, bias = head.weight.detach().double().numpy()[0, :, 0, 0], head.bias.item()
        small = np.einsum("c,bchw->bhw", weight, level.double().numpy()) + bias
        logits = np.stack([bilinear(picture, 21, 30) for picture in small])[:, None]
        expected += 0.4 * brute_force(logits, target)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_every_head_and_the_network_learn():
    model = DeeplySupervised(UNet(widths=(4, 8, 16)))
    supervised_loss(bce_dice_loss, model(torch.rand(2, 3, 16, 16)), torch.ones(2, 16, 16, dtype=torch.uint8)).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.heads.parameters())
    assert model.network.head.weight.grad.any()


def test_heads_are_in_the_checkpoint_and_not_in_the_weights(tmp_path):
    model = DeeplySupervised(UNet(widths=(4, 8)))
    save_weights(tmp_path, model.network, WeightsConfig(size=(16, 16)))
    released = set(load_file(tmp_path / "model.safetensors"))
    assert released == set(model.network.state_dict())
    assert {name for name in model.state_dict() if not name.startswith("network.")} == {
        "heads.0.weight",
        "heads.0.bias",
    }

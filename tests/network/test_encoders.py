"""The encoder interface: a path that only registers itself is trained, saved, loaded, described and served."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from generated import draw_pair, write_folder
from torch import nn

from unet import Predictor, UNet
from unet.errors import ConfigError
from unet.network import encoders
from unet.network.encoders import ENCODERS, ContractingPath, encoder_class
from unet.network.folding import fold_batchnorm
from unet.network.unet import with_click_layer
from unet.network.weights import WeightsConfig, load_weights, save_weights
from unet.training.config import TrainConfig, check_config

HERE = Path(__file__)
TRAIN = f"""
import sys
sys.path.insert(0, {str(HERE.parent)!r})
from unet.network.encoders import ENCODERS
ENCODERS["stripes"] = "test_encoders.StripesPath"
import train
sys.exit(train.main())
"""


class StripesPath(ContractingPath):
    """Two maps, at strides 1 and 2, with a BatchNorm behind the sum of the first layer and clicks."""

    default_widths = (4,)
    description = "stripes as contracting path"
    imagenet = "The stripes were drawn by hand."
    takes_clicks = True
    keeps_float32 = True

    def __init__(self, in_channels, widths):
        super().__init__(in_channels, widths)
        self.widths, self.strides = (5, 7), (1, 2)
        self.stem_width, self.stem_stride = 5, 1
        self.stem, self.norm = nn.Conv2d(in_channels, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5)
        self.deep = nn.Sequential(nn.Conv2d(5, 7, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(7), nn.ReLU())

    @property
    def stem_norm(self):
        return self.norm

    def forward(self, image, clicks=None):
        x = self.stem(image)
        finest = self.norm(x if clicks is None else x + clicks).relu()
        return [finest, self.deep(finest)]

    def pretrained(self):
        nn.init.constant_(self.stem.weight, 0.1)

    def fold(self):
        super().fold()
        factors = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        self.stem = torch.nn.utils.fusion.fuse_conv_bn_eval(self.stem, self.norm)
        self.norm = nn.Identity()
        return factors.detach()


@pytest.fixture
def stripes(monkeypatch):
    monkeypatch.setitem(ENCODERS, "stripes", f"{__name__}.StripesPath")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    torch.manual_seed(0)
    return UNet(encoder="stripes", widths=(4,))


def after_a_step(model: UNet) -> UNet:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    maps = torch.rand(2, 2, 9, 12) if model.clicks else None
    model.train()(torch.rand(2, 3, 9, 12), maps).square().mean().backward()
    optimizer.step()
    return model.eval()


@pytest.mark.parametrize("clicks", [False, True])
def test_a_registered_path_is_saved_loaded_and_folded(stripes, tmp_path, clicks):
    model = after_a_step(with_click_layer(stripes) if clicks else stripes)
    save_weights(tmp_path, model, WeightsConfig(size=(16, 24)))
    loaded, config = load_weights(tmp_path)
    assert isinstance(loaded.contracting, StripesPath)
    x, maps = torch.rand(1, 3, 13, 18), torch.rand(1, 2, 13, 18) if clicks else None
    folded = fold_batchnorm(loaded)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    with torch.no_grad():
        torch.testing.assert_close(loaded(x, maps), model(x, maps), rtol=1e-2, atol=1e-2)
        torch.testing.assert_close(folded(x, maps), loaded(x, maps), rtol=1e-4, atol=1e-4)
    rgb = draw_pair(0)[0]
    exact, fast = (Predictor(loaded, config, precision=p).prob8(rgb).astype(int) for p in ("fp32", "bf16"))
    assert exact.shape == rgb.shape[:2]
    assert abs(exact - fast).max() <= 8


def test_a_path_that_keeps_float32_computes_in_it_whatever_surrounds_it(stripes):
    seen = []
    stripes.contracting.register_forward_hook(lambda module, args, features: seen.append(features[1].dtype))
    x = torch.rand(1, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert stripes(x).dtype == torch.bfloat16
    Predictor(stripes, WeightsConfig(size=(8, 8)), precision="mixed").prob8(draw_pair(0)[0])
    assert seen == [torch.float32] * len(seen)


def test_train_knows_a_registered_path_by_name_and_describes_it(tmp_path):
    photos = write_folder(tmp_path / "photos", 12)
    small = ["--size", "16", "--batch-size", "4", "--epochs", "1"]
    options = ["--encoder", "stripes", "--clicks", *small, "--output", "weights"]
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, "--data", str(photos), *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{HERE.parents[2]}:{HERE.parents[1] / 'helpers'}", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "model: stripes, widths [4]" in done.stdout
    config = json.loads((tmp_path / "weights/config.json").read_text())
    assert (config["encoder"], config["widths"], config["clicks"]) == ("stripes", [4], True)
    card = (tmp_path / "weights/README.md").read_text()
    for said in (
        "with stripes as contracting path",
        "started from ImageNet weights",
        "The stripes were drawn by hand.",
    ):
        assert said in card


@pytest.mark.parametrize("name", ENCODERS)
def test_every_registered_path_says_what_is_asked_of_it(name):
    kind = encoder_class(name)
    model = UNet(encoder=name, widths=kind.default_widths)
    assert type(model.contracting) is kind
    assert kind.description
    if kind.takes_clicks:
        assert model.contracting.stem_norm.num_features == model.contracting.stem_width


@pytest.mark.parametrize("name", ["vgg", "", ["plain"], None])
def test_an_unknown_encoder_is_named(name):
    with pytest.raises(ConfigError, match=r"unknown encoder .*choose from plain, lite0"):
        encoder_class(name)


def test_clicks_need_an_encoder_that_takes_them(stripes):
    check_config(TrainConfig(encoder="stripes", clicks=True))
    with pytest.raises(ConfigError, match="--clicks needs an encoder that takes clicks"):
        check_config(TrainConfig(encoder="plain", clicks=True))


def test_nothing_outside_an_encoders_file_asks_for_its_name():
    root = Path(encoders.__file__).parents[1]
    asking = [
        path.name
        for path in (*root.rglob("*.py"), root.parent / "train.py")
        if any(f'{sign} "{name}"' in path.read_text(encoding="utf-8") for sign in ("==", "!=") for name in ENCODERS)
    ]
    assert asking == []


def test_a_picture_goes_through_whichever_path_at_its_own_size(stripes):
    assert stripes.eval()(torch.rand(1, 3, 1, 7)).shape == (1, 1, 1, 7)
    assert np.isfinite(stripes(torch.rand(1, 3, 5, 3)).detach().numpy()).all()

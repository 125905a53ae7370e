from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from unet import Predictor, UNet
from unet.errors import ConfigError
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures.clicks import Click
from unet.prediction.refinement import LONGEST, refine
from unet.prediction.zoom_in import focus_box, merge_views


def make(encoder="plain", clicks=False, precision="fp32", size=(48, 64)) -> Predictor:
    torch.manual_seed(0)
    widths = (4, 8, 16) if encoder == "plain" else LITE0_WIDTHS
    model = UNet(widths=widths, encoder=encoder, clicks=clicks)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(2, 3, 64, 64))  # statistics that are not the initial ones
    if clicks:
        model.click_layer.initialise(model.contracting.stem_norm)
    return Predictor(model.eval(), WeightsConfig(size=size), precision=precision)


def picture(height=70, width=90, seed=0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def unrefined(monkeypatch):
    monkeypatch.setattr("unet.prediction.predictor.refine", lambda prob, rgb: prob)


def test_probabilities_are_the_networks_step_by_step(unrefined):
    torch.manual_seed(0)
    model = UNet(widths=(4, 8)).eval()
    config = WeightsConfig(size=(24, 40))
    rgb = picture()
    x = np.asarray(Image.fromarray(rgb).resize((40, 24), Image.Resampling.BILINEAR)) / 255.0
    x = (x - np.array(config.mean)) / np.array(config.std)
    with torch.no_grad():
        logits = model(torch.from_numpy(x.transpose(2, 0, 1)[None]).float())
    expected = 1 / (1 + np.exp(-logits[0, 0].numpy()))
    result = Predictor(model, config, precision="fp32").prob_small(rgb)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (300, 7), (70, 90)])
def test_prob8_has_the_pictures_size(size):
    prob8 = make().prob8(picture(*size))
    assert prob8.shape == size
    assert prob8.dtype == np.uint8


@pytest.mark.parametrize("encoder", ["plain", "lite0"])
def test_batch_equals_single(encoder):
    predictor = make(encoder)
    rgbs = [picture(70, 90, 0), picture(40, 30, 1), picture(33, 120, 2)]
    for small, rgb in zip(predictor.probs_small(rgbs), rgbs, strict=True):
        together = predictor.upsample(small, rgb.shape[:2])
        assert np.abs(together.astype(int) - predictor.prob8(rgb)).max() <= 1


def test_the_map_is_refined_by_the_pictures_edges(monkeypatch):
    predictor, rgbs = make(), [picture(70, 90, 0), picture(40, 30, 1)]
    refined = predictor.probs_small(rgbs)
    monkeypatch.setattr("unet.prediction.predictor.refine", lambda prob, rgb: prob)
    for prob, rgb, result in zip(predictor.probs_small(rgbs), rgbs, refined, strict=True):
        assert result.shape == rgb.shape[:2]
        assert np.array_equal(refine(prob, rgb), result)


def test_a_picture_adds_nothing_beyond_its_closest_look_and_refinement():
    assert make(size=(48, 64)).enough == LONGEST
    assert make(size=(48, 400)).enough == 1600
    assert make(size=(48, 64)).answer_bytes == 4 * LONGEST**2
    assert make(size=(48, 400)).answer_bytes == 4 * LONGEST * 1600


def test_no_answer_takes_more_bytes_than_are_reckoned_with():
    prob = np.zeros((64, 400), np.float32)
    prob[24:32, 180:200] = 1
    box = focus_box(prob, (), (3000, 4000), 0.5)
    merged = merge_views(prob, np.ones_like(prob), box, (3000, 4000))
    refined = refine(merged, picture(3000, 4000))
    assert 4 * LONGEST**2 < refined.nbytes <= make(size=(64, 400)).answer_bytes


class Bright(torch.nn.Module):
    """A network that finds bright pixels and counts the pictures of each of its runs."""

    clicks = True

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[int] = []

    def forward(self, batch: torch.Tensor, maps: torch.Tensor | None) -> torch.Tensor:
        self.runs.append(len(batch))
        return 10 * batch[:, :1]


def test_the_mirror_image_is_seen_where_the_first_look_leaves_doubts():
    predictor = make(size=(64, 64))
    predictor.config = replace(predictor.config, flip=True)
    predictor._model = network = Bright()
    sure = np.zeros((64, 64, 3), np.uint8)
    sure[:, 8:] = 255
    unsure = np.full((64, 64, 3), 124, np.uint8)  # near the mean
    unsure[:, 8:] = 255
    first, second = predictor.probs_small([sure, unsure])
    assert network.runs == [2, 1]
    assert (first[:, 8:] > 0.99).all()
    assert (abs(second[:, :8] - 0.5) < 0.2).all()


@pytest.mark.parametrize(
    ("flip", "clicks", "runs"),
    [
        (False, (), [2, 1]),  # both, the small one closer
        (True, (), [2, 1]),  # the same: the network is sure of the large one
        (True, (Click(170, 100, 1),), [2, 2, 1, 1]),  # both, their mirror images, the small one closer, and mirrored
    ],
)
def test_a_small_object_is_seen_once_more_from_close_by(flip, clicks, runs, unrefined):
    """In a batch of one picture with a small bright object and one with a large."""
    predictor = make(size=(64, 64))
    predictor.config = replace(predictor.config, flip=flip)
    predictor._model = network = Bright()
    small, large = np.zeros((2, 192, 320, 3), np.uint8)
    small[90:132, 140:200] = 255
    large[10:180, 10:310] = 255
    first, second = predictor.probs_small([small, large], [clicks, clicks])
    assert network.runs == runs
    assert second.shape == (64, 64)
    if not clicks:  # they draw the view nearer
        assert first.shape == (146, 171)  # 64 x 192 / 84, 64 x 320 / 120
    assert np.abs(predictor.upsample(first, small.shape[:2]) - small[..., 0].astype(int)).mean() < 2
    assert np.abs(predictor.upsample(second, large.shape[:2]) - large[..., 0].astype(int)).mean() < 5
    assert predictor.probs_small([]) == []


@pytest.mark.parametrize("precision", ["mixed", "bf16"])
@pytest.mark.parametrize("encoder", ["plain", "lite0"])
def test_bf16_stays_near_fp32(encoder, precision):
    exact, fast = make(encoder, precision="fp32"), make(encoder, precision=precision)
    np.testing.assert_allclose(exact.prob_small(picture()), fast.prob_small(picture()), atol=0.05)


def test_the_model_that_is_handed_over_is_not_changed():
    model = UNet(widths=(4, 8)).eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    Predictor(model, WeightsConfig(size=(16, 16)), precision="bf16").prob8(picture())
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_no_clicks_are_the_automatic_answer_and_clicks_are_honoured():
    predictor = make("lite0", clicks=True, size=(64, 64))
    rgb = picture(130, 170)
    automatic = predictor.prob8(rgb)
    assert np.array_equal(predictor.prob8(rgb, []), automatic)
    clicked = predictor.prob8(rgb, [Click(20, 30, 1), Click(150, 100, 0)])
    assert clicked[30, 20] == 255
    assert clicked[100, 150] == 0
    assert not np.array_equal(predictor.prob_small(rgb), predictor.prob_small(rgb, [Click(20, 30, 1)]))


def test_clicks_for_weights_without_click_layer_are_refused():
    with pytest.raises(ConfigError, match="take no clicks"):
        make().prob8(picture(), [Click(1, 1, 1)])


def test_unknown_precision_is_named():
    with pytest.raises(ConfigError, match="unknown precision 'fp8'; choose from auto, fp32, mixed, bf16"):
        make(precision="fp8")


def test_loaded_from_a_folder_it_knows_its_name(tmp_path):
    save_weights(tmp_path / "w", UNet(widths=(4, 8)), WeightsConfig(size=(16, 16), threshold=0.3))
    predictor = Predictor.load(tmp_path / "w")
    assert predictor.name == str(tmp_path / "w")
    assert predictor.revision is None
    assert predictor.threshold == 0.3
    assert not predictor.takes_clicks


@pytest.mark.parametrize("clicks", [(), (Click(5, 7, 1), Click(30, 10, 0))])
def test_flip_is_the_mean_of_the_picture_and_its_mirror_image(clicks, unrefined):
    rgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    single = make("lite0", clicks=True, size=(64, 64))
    both = make("lite0", clicks=True, size=(64, 64))
    both.config = replace(both.config, flip=True)
    mirrored = [Click(63 - click.x, click.y, click.label) for click in clicks]
    flipped = single.prob_small(np.ascontiguousarray(rgb[:, ::-1]), mirrored)[:, ::-1]
    expected = (single.prob_small(rgb, clicks) + flipped) / 2
    np.testing.assert_allclose(both.prob_small(rgb, clicks), expected, atol=1e-5)
    assert not np.allclose(single.prob_small(rgb, clicks), expected, atol=1e-3)

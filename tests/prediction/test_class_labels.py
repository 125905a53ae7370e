"""A predictor of weights with classes, and what `unet predict` writes of them."""

import io
import tracemalloc

import numpy as np
import pytest
import torch
from generated import draw_pair
from PIL import Image

from unet import Predictor, UNet
from unet.__main__ import main
from unet.errors import ConfigError
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures.classes import ClassTable, SegmentClass
from unet.pictures.clicks import BACKGROUND, FOREGROUND, Click
from unet.pictures.decode import read_picture
from unet.pictures.draw import DEFAULT_STYLE, mask_from_prob, overlay, render
from unet.pictures.label_maps import tint_classes
from unet.prediction.files import drawing_of
from unet.prediction.upsampling import upsample_bilinear, upsample_labels

NAMES = ("background", "car", "tree", "sky")


def weights(folder, ids=(0, 4, 9, 200), flip=False):
    torch.manual_seed(0)
    model = UNet(widths=(4, 8), out_channels=4).eval()
    with torch.no_grad():
        model.head.weight.mul_(400)
    table = ClassTable(tuple(SegmentClass(id, name) for id, name in zip(ids, NAMES, strict=True)))
    save_weights(folder, model, WeightsConfig(size=(24, 40), flip=flip, classes=table))
    return model, folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return weights(tmp_path_factory.mktemp("classes") / "weights")[1]


@pytest.fixture(scope="module")
def predictor(folder):
    return Predictor.load(folder, precision="fp32")


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(draw_pair(1, 70, 90)[0]).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("flip", [False, True])
def test_probabilities_are_the_softmax_of_the_networks_logits(flip, tmp_path):
    model, made = weights(tmp_path, flip=flip)
    rgb = draw_pair(1, 70, 90)[0]
    config = WeightsConfig(size=(24, 40))
    x = np.asarray(Image.fromarray(rgb).resize((40, 24), Image.Resampling.BILINEAR)) / 255.0
    x = torch.from_numpy(((x - config.mean) / config.std).transpose(2, 0, 1)[None]).float()
    model.load_state_dict({k: v.half().to(v.dtype) for k, v in model.state_dict().items()})
    with torch.no_grad():
        views = [model(x), model(x.flip(3)).flip(3)] if flip else [model(x)]
    expected = np.mean([np.exp(v[0]) / np.exp(v[0]).sum(axis=0) for v in (view.numpy() for view in views)], axis=0)
    small = Predictor.load(made, precision="fp32").prob_small(rgb)
    assert small.shape == (4, 24, 40)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, expected, atol=2e-4)
    np.testing.assert_allclose(small.sum(axis=0), 1, atol=1e-5)


def test_a_batch_gives_what_pictures_alone_give(predictor):
    rgbs = [draw_pair(n, 30 + n, 50)[0] for n in range(3)]
    for small, rgb in zip(predictor.probs_small(rgbs), rgbs, strict=True):
        np.testing.assert_allclose(small, predictor.prob_small(rgb), atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (9, 200), (70, 90), (23, 40)])
def test_labels_are_the_largest_of_the_upsampled_probabilities(size):
    probs = np.random.default_rng(0).random((5, 12, 20)).astype(np.float32)
    maps = [np.asarray(Image.fromarray(p).resize(size[::-1], Image.Resampling.BILINEAR)) for p in probs]
    labels = upsample_labels(probs, size)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.argmax(maps, axis=0))


def test_strips_make_no_difference(monkeypatch):
    probs = np.random.default_rng(1).random((4, 12, 20)).astype(np.float32)
    whole = upsample_labels(probs, (75, 90))
    monkeypatch.setattr("unet.prediction.upsampling.STRIP_PIXELS", 7 * 90)
    assert (upsample_labels(probs, (75, 90)) != whole).mean() < 0.001  # floats at a seam may round otherwise


def test_bands_make_no_difference_and_memory_does_not_grow_with_classes(monkeypatch):
    probs = np.random.default_rng(2).random((4, 12, 20)).astype(np.float32)
    whole = upsample_labels(probs, (75, 90))
    monkeypatch.setattr("unet.prediction.upsampling.BAND_PIXELS", 11 * 90)
    np.testing.assert_array_equal(upsample_labels(probs, (75, 90)), whole)
    peaks = []
    for count in (2, 60):
        many = np.random.default_rng(3).random((count, 100, 100)).astype(np.float32)
        tracemalloc.start()
        upsample_labels(many, (400, 600))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_binary_weights_tell_background_and_foreground(tiny_weights):
    predictor, rgb = Predictor.load(tiny_weights), draw_pair(2)[0]
    assert not predictor.has_classes
    labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
    np.testing.assert_array_equal(labels * 255, mask_from_prob(predictor.prob8(rgb), predictor.threshold))
    assert predictor.table.names == ["background", "foreground"]


def test_the_map_of_foreground_is_refused_of_weights_that_have_none(predictor):
    with pytest.raises(ConfigError, match="tell classes"):
        predictor.prob8(draw_pair(0)[0])


def written(folder, photo, *arguments):
    target = photo.with_name("out.png")
    status = main(["predict", str(photo), "--output", str(target), "--weights", str(folder), *arguments])
    return (np.asarray(Image.open(target)), Image.open(target).mode) if status == 0 else None


@pytest.mark.parametrize("arguments", [(), ("--kind", "labels")])
def test_label_maps_have_the_ids_of_the_data(folder, photo, predictor, arguments):
    rgb = read_picture(photo).rgb
    pixels, mode = written(folder, photo, "--precision", "fp32", *arguments)
    labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
    assert mode == "P"
    assert len(np.unique(labels)) > 1
    np.testing.assert_array_equal(pixels, np.array([0, 4, 9, 200])[labels])


def test_ids_above_255_are_written_in_16_bits(photo, tmp_path):
    _, made = weights(tmp_path / "wide", ids=(0, 4, 9, 20000))
    pixels, mode = written(made, photo)
    assert mode == "I;16"
    assert set(np.unique(pixels)) <= {0, 4, 9, 20000}


@pytest.mark.parametrize("threshold", [0.1, 0.9])
def test_label_maps_of_binary_weights_are_at_the_threshold_given(tiny_weights, photo, threshold):
    arguments = ("--precision", "fp32", "--threshold", str(threshold))
    labels, _ = written(tiny_weights, photo, "--kind", "labels", *arguments)
    mask, _ = written(tiny_weights, photo, "--kind", "mask", *arguments)
    np.testing.assert_array_equal(labels * 255, mask)


@pytest.mark.parametrize("kind", ["labels", "overlay"])
def test_all_classes_have_no_threshold(folder, photo, capsys, kind):
    assert written(folder, photo, "--kind", kind, "--threshold", "0.4") is None
    assert f"--kind {kind} shows the most probable class, at no threshold; leave out" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["mask", "prob", "cutout", "overlay"])
def test_one_class_is_drawn_as_foreground_is(folder, photo, predictor, kind):
    picture = read_picture(photo)
    pixels, _ = written(folder, photo, "--precision", "fp32", "--kind", kind, "--class", "Tree", "--threshold", "0.4")
    prob8 = upsample_bilinear(predictor.prob_small(picture.rgb)[2], picture.rgb.shape[:2])
    expected = render(kind, picture, prob8, 0.4)
    if kind == "overlay":
        colour = tuple(predictor.table.colours[2].tolist())
        expected = overlay(picture.rgb, mask_from_prob(prob8, 0.4), colour)
    np.testing.assert_array_equal(pixels, expected)


def test_an_overlay_shows_all_classes_in_their_colours(folder, photo, predictor):
    rgb = read_picture(photo).rgb
    pixels, _ = written(folder, photo, "--precision", "fp32", "--kind", "overlay")
    labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
    np.testing.assert_array_equal(pixels, tint_classes(rgb, labels, predictor.table))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "mask"), "name it with --class (background, car, tree, sky)"),
        (("--kind", "mask", "--class", "house"), "there is no class 'house'"),
        (("--kind", "labels", "--class", "car"), "leave out --class"),
        (("--click", "3,4"), "no click layer"),
    ],
)
def test_what_does_not_go_together_is_said(folder, photo, capsys, arguments, message):
    assert written(folder, photo, *arguments) is None
    assert message in capsys.readouterr().err


def test_binary_weights_write_label_maps_of_two_classes(tiny_weights, photo):
    pixels, mode = written(tiny_weights, photo, "--kind", "labels")
    assert mode == "P"
    assert set(np.unique(pixels)) == {0, 1}


def test_binary_weights_tell_foreground_and_background_by_name(tiny_weights, photo):
    told = {
        name: written(tiny_weights, photo, "--kind", "prob", "--class", name)[0]
        for name in ("foreground", "background")
    }
    np.testing.assert_array_equal(told["foreground"], written(tiny_weights, photo, "--kind", "prob")[0])
    assert np.abs(255 - told["background"].astype(int) - told["foreground"]).max() <= 1


def test_clicks_on_the_object_are_no_background(tiny_weights, photo):
    clicks = (Click(10, 12, FOREGROUND), Click(50, 40, BACKGROUND))
    picture, small = read_picture(photo), np.full((20, 24), 0.4, np.float32)
    told = {}
    for name in ("foreground", "background"):
        draw = drawing_of(Predictor.load(tiny_weights), "prob", None, clicks, DEFAULT_STYLE, name)
        told[name] = np.asarray(Image.open(io.BytesIO(draw(picture, small)))).astype(int)
    assert (told["foreground"][12, 10], told["foreground"][40, 50]) == (255, 0)
    np.testing.assert_array_equal(told["background"], 255 - told["foreground"])


def test_foreground_and_background_are_divided_at_the_threshold_of_the_weights(tmp_path, photo):
    save_weights(tmp_path / "w", UNet(widths=(4, 8)), WeightsConfig(size=(24, 40), threshold=0.35))
    drawings = [
        drawing_of(Predictor.load(tmp_path / "w"), "mask", None, (), DEFAULT_STYLE, name)
        for name in ("foreground", "background")
    ]
    small = np.linspace(0, 1, 35 * 41, dtype=np.float32).reshape(35, 41)
    front, back = (np.asarray(Image.open(io.BytesIO(draw(read_picture(photo), small)))) for draw in drawings)
    assert np.mean(front == back) < 0.01  # on the threshold itself

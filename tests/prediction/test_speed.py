"""A guard of the network's speed: ratios measured side by side, with a wide margin, never absolute times."""

import statistics
import time

import torch

from unet import Predictor, UNet
from unet.network.weights import WeightsConfig
from unet.prediction.predictor import has_fast_bf16


def test_the_predictor_is_faster_than_the_eager_network():
    model = UNet(widths=(32, 64, 128, 256)).eval()
    x = torch.randn(1, 3, 240, 240)
    predictor = Predictor(model, WeightsConfig(size=(240, 240)))
    prepared = x.to(predictor._dtype, memory_format=torch.channels_last)
    ways = {"eager": lambda: model(x), "predictor": lambda: predictor._model(prepared)}
    seconds = {name: [] for name in ways}
    with torch.inference_mode():
        for turn in range(10):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                if turn > 1:  # the first ones warm up
                    seconds[name].append(time.perf_counter() - started)
    ratio = statistics.median(seconds["eager"]) / statistics.median(seconds["predictor"])
    assert ratio > (1.4 if has_fast_bf16() else 0.8)

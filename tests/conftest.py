import os
import shutil
from pathlib import Path

import pytest
import torch
from generated import write_folder
from playwright.sync_api import sync_playwright

from unet import UNet
from unet.network.weights import WeightsConfig, save_weights


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """A very small network, the same in every run; its masks mean nothing, but are neither empty nor full."""
    torch.manual_seed(0)
    model = UNet(widths=(4, 8)).eval()
    with torch.no_grad():
        # Probabilities all over 0..1, as those of a trained network are.
        model.head.weight.mul_(800)
        model.head.bias.fill_(1)
    folder = tmp_path_factory.mktemp("tiny") / "weights"
    save_weights(folder, model, WeightsConfig(size=(32, 32)))
    return folder


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory):
    """A data folder of ten generated pairs, `images/p00.png` and `masks/p00.png` to p09; only to be read."""
    return write_folder(tmp_path_factory.mktemp("data") / "photos", 10)


@pytest.fixture(scope="session")
def chromium():
    """Path of a Chromium, or a skip with its reason; in CI a missing one is a failure."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    reason = "no Chromium found (Debian: apt-get install chromium)"
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def real_data():
    """Folder with iseg/ and ecssd/, from UNET_TEST_DATA, or a skip with its reason."""
    folder = os.environ.get("UNET_TEST_DATA")
    if not folder:
        pytest.skip("UNET_TEST_DATA does not name a folder of real photographs")
    return Path(folder)

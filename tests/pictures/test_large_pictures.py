"""The largest photographs that phones make, at the three doors."""

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from web_helpers import FakePredictor, live_page

from unet import __main__ as command_line
from unet.pictures.decode import read_picture

WIDTH, HEIGHT = 8064, 6048  # pixels; 48.8 megapixels


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "phone.jpg"
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    inside = ((rows - HEIGHT / 2) / 2000) ** 2 + ((columns - WIDTH / 2) / 2500) ** 2 <= 1
    Image.fromarray(np.where(inside, 220, 40).astype(np.uint8)).convert("RGB").save(path, quality=85)
    return path


@pytest.mark.slow
def test_a_photograph_of_48_megapixels(photograph, tiny_weights, tmp_path):
    assert read_picture(photograph).rgb.shape == (HEIGHT, WIDTH, 3)
    arguments = ["predict", str(photograph), "--output", str(tmp_path), "--weights", str(tiny_weights)]
    assert command_line.main(arguments) == 0
    with Image.open(tmp_path / "phone.png") as mask:
        assert mask.size == (WIDTH, HEIGHT)
    with live_page(FakePredictor()) as server:
        client = Client(server.url, verbose=False, download_files=False)
        _, mask, _, details = client.predict(handle_file(photograph), 0.5, api_name="/segment")
        assert (details["width"], details["height"]) == (WIDTH, HEIGHT)
        (tmp_path / "mask.png").write_bytes(httpx.get(mask["url"], timeout=60).content)
    with Image.open(tmp_path / "mask.png") as image:
        answer = np.asarray(image)
    assert answer.shape == (HEIGHT, WIDTH)
    assert answer[HEIGHT // 2, WIDTH // 2] == 255
    assert answer[100, 100] == 0

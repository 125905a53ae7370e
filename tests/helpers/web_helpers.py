"""A live page around a predictor that needs no weights, for the tests of page and API."""

import atexit
import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
from PIL import Image

from unet.pictures.classes import FOREGROUND_TABLE, ClassTable, SegmentClass
from unet.pictures.clicks import Click, click_maps, honour_clicks
from unet.web import about, server
from unet.web.gradio_compat import close
from unet.web.options import Options
from unet.web.page import build
from unet.web.service import Service

SMALL = (48, 64)
# Gradio reads it whenever it is in doubt, so all pages of one process share a cache.
CACHE = Path(tempfile.mkdtemp(prefix="test-cache-")).resolve()
os.environ["GRADIO_TEMP_DIR"] = str(CACHE)
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
META = {"_type": "gradio.FileData"}


class FakePredictor:
    """Takes brightness for probability: deterministic, and different for different pictures."""

    enough = 4 * max(SMALL)
    answer_bytes = 4 * 800**2
    has_classes = False
    table = FOREGROUND_TABLE

    def __init__(self, takes_clicks: bool = False, threshold: float = 0.4, seconds: float = 0.0):
        self.name, self.revision, self.threshold = "some/weights@" + "a" * 40, "a" * 40, threshold
        self.takes_clicks, self.seconds, self.precision = takes_clicks, seconds, "fp32"
        self.config = SimpleNamespace(
            threshold=threshold,
            classes=None,
            data=("Invented Pictures", "ecssd"),
            scores={
                "val": {
                    "pictures": 20,
                    "iou": 0.8,
                    "dice": 0.88,
                    "mae": 0.06,
                    "pixel_accuracy": 0.95,
                    "boundary_f": 0.4,
                },
                "test": {"pictures": 21, "iou": 0.812, "dice": 0.9, "mae": 0.05, "boundary_f": None},
            },
        )
        self.runs = 0

    def prob_small(self, rgb: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        self.runs += 1
        time.sleep(self.seconds)
        small = Image.fromarray(rgb).convert("L").resize(SMALL[::-1], Image.Resampling.BILINEAR)
        prob = np.asarray(small, dtype=np.float32) / 255
        if clicks:
            this, other = click_maps(clicks, rgb.shape[:2], SMALL)
            prob = np.where(other > 0, 0, np.where(this > 0, 1, prob)).astype(np.float32)
        return prob

    def upsample(self, prob_small: np.ndarray, size: tuple[int, int], clicks: Sequence[Click] = ()) -> np.ndarray:
        large = Image.fromarray(prob_small).resize(size[::-1], Image.Resampling.BILINEAR)
        prob8 = np.rint(np.asarray(large).clip(0, 1) * 255).astype(np.uint8)
        honour_clicks(prob8, clicks)
        return prob8

    def prob8(self, rgb: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        return self.upsample(self.prob_small(rgb, clicks), rgb.shape[:2], clicks)

    def labels(self, small: np.ndarray, size: tuple[int, int], clicks: Sequence[Click] = ()) -> np.ndarray:
        return (self.upsample(small, size, clicks) >= 255 * self.threshold).astype(np.uint8)


class FakeClassPredictor(FakePredictor):
    """Takes shares of red, green and blue for probabilities of three classes, and nothing for those of a fourth."""

    has_classes = True
    table = ClassTable(
        (
            SegmentClass(0, "background"),
            SegmentClass(7, "Road sign", (220, 220, 0)),
            SegmentClass(200, "sky"),
            SegmentClass(11, "<b>sea</b>"),
        )
    )

    def __init__(self, threshold: float = 0.5):
        super().__init__(threshold=threshold)
        scores = {"test": {"pictures": 3, "mean_iou": 0.678, "pixel_accuracy": 0.9, "iou/sky": 0.7}}
        self.config = SimpleNamespace(
            size=SMALL, threshold=threshold, classes=self.table, data=("camvid",), scores=scores
        )

    def prob_small(self, rgb: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        self.runs += 1
        small = Image.fromarray(rgb).resize(SMALL[::-1], Image.Resampling.BILINEAR)
        shares = np.asarray(small, dtype=np.float32).transpose(2, 0, 1) + 1  # (3, h, w)
        return np.concatenate([shares / shares.sum(axis=0), np.zeros_like(shares[:1])])

    def labels(self, small: np.ndarray, size: tuple[int, int], clicks: Sequence[Click] = ()) -> np.ndarray:
        large = [np.asarray(Image.fromarray(s).resize(size[::-1], Image.Resampling.BILINEAR)) for s in small]
        return np.argmax(large, axis=0).astype(np.uint8)


def class_prob8(rgb: np.ndarray, name: str) -> np.ndarray:
    """The probability map of one class of a `FakeClassPredictor`."""
    predictor = FakeClassPredictor()
    return predictor.upsample(predictor.prob_small(rgb)[predictor.table.names.index(name)], rgb.shape[:2])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def live_page(predictor: FakePredictor, notices: Sequence[str] = ()) -> Iterator[SimpleNamespace]:
    """`url`, `page` and `service` of a page that serves until the block ends."""
    service = Service(predictor, CACHE)
    facts = about.facts_html(predictor.name, predictor.revision, predictor.config, predictor.precision)
    page = build(service, facts, notices)
    try:
        server.launch(page, Options(None, "127.0.0.1", free_port()))
        yield SimpleNamespace(url=page.local_url.rstrip("/"), page=page, service=service)
    finally:
        close(page)


def draw_picture(path: Path, seed: int = 0, size: tuple[int, int] = (90, 120), alpha: bool = False) -> Path:
    """Write a picture of `size` (height, width) with soft shapes in colours of its own."""
    height, width = size
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / rng.uniform(4, 20) + columns / rng.uniform(4, 20) + rng.uniform(0, 6)) for _ in range(4)]
    pixels = np.stack([127.5 + 127 * wave for wave in waves[: 4 if alpha else 3]], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def ask(server, *data, endpoint="segment"):
    """The JSON answer of a `live_page` endpoint: its results as `data`, or an `error`."""
    body = json.dumps({"data": data})  # NaN, too, which httpx would refuse
    with httpx.Client(base_url=f"{server.url}/gradio_api", timeout=60) as client:
        event = client.post(f"/call/{endpoint}", content=body, headers={"content-type": "application/json"}).json()
        kind, answer = client.get(f"/call/{endpoint}/{event['event_id']}").text.splitlines()[:2]
    answered = json.loads(answer.removeprefix("data: "))
    return answered if kind == "event: error" else {"data": answered}

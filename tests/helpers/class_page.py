"""The page of weights with classes in a browser; a test module asks for the fixtures with `pytest_plugins`."""

from pathlib import Path

import numpy as np
import pytest
from page_visit import Visit
from playwright.sync_api import Locator
from viewer_helpers import Shown
from web_helpers import FakeClassPredictor, draw_picture

from unet.pictures.decode import read_picture


@pytest.fixture
def path(tmp_path):
    """The picture that `shown` shows."""
    return draw_picture(tmp_path / "p.png")


@pytest.fixture
def shown(browser, server, path):
    """The viewer of the module's `server` with a picture."""
    visit = Visit(browser, server)
    viewer = Shown(visit.page)
    visit.upload(path)
    viewer.settle()
    yield viewer
    assert visit.errors == []
    visit.context.close()


def truth(predictor: FakeClassPredictor, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The picture (H, W, 3) and its labels (H, W)."""
    rgb = read_picture(path).rgb
    return rgb, predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])


def radio(shown: Shown, name: str) -> Locator:
    """The choice of a class, or of "All classes"."""
    return shown.find(".classes").get_by_role("radio", name=name)


def pick(shown: Shown, name: str) -> None:
    """Choose a class and wait until it is shown."""
    radio(shown, name).check()
    wait_for_one(shown)


def wait_for_one(shown: Shown) -> None:
    """Until one class is shown, the one that is chosen."""
    shown.wait("root => root.dataset.classes === 'one' && !root.classList.contains('asking')")
    shown.settle()

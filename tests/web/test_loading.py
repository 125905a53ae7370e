"""Which weights the page takes, and what it does when they are no good."""

import shutil
import sys
from types import SimpleNamespace

import pytest

from unet import UNet
from unet.errors import WeightsError
from unet.hub.source import Location
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures.classes import ClassTable, SegmentClass
from unet.web import loading
from unet.web.app import gpu_decorator

COMMIT = "c" * 40


@pytest.fixture
def program(tiny_weights, tmp_path, monkeypatch):
    """A program's folder with embedded weights, in which the process works."""
    shutil.copytree(tiny_weights, tmp_path / "weights")
    (tmp_path / "app.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "shipped", lambda name: tmp_path / name)
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """What the Hub is asked for; it answers with `asked.folder`, or says that it is away."""
    hub = SimpleNamespace(sources=[], folder=None)

    def locate(source, embedded, **_):
        hub.sources.append(source)
        if source is None or "/" not in source:
            return Location(embedded if source is None else loading.Path(source), str(source or embedded)), []
        if hub.folder is None:
            return Location(embedded, str(embedded)), [f"{source} is away."]
        return Location(hub.folder, f"{source}@{COMMIT}", COMMIT), []

    monkeypatch.setattr(loading, "locate_or_embedded", locate)
    return hub


def pin(program) -> None:
    text = f"---\nsdk: gradio\nmodels:\n- user/name\npreload_from_hub:\n- user/name a,b {COMMIT}\n---\n"
    (program / "README.md").write_text(text)


def test_embedded_weights_ask_no_hub(program, asked):
    predictor, notices = loading.load_predictor(None)
    assert (predictor.name, predictor.revision, notices) == ("weights", None, [])
    assert asked.sources == [None]


def test_weights_that_tell_classes_are_taken(program, asked):
    table = ClassTable((SegmentClass(1, "road"), SegmentClass(2, "sky")))
    save_weights(program / "classes", UNet(widths=(4, 8), out_channels=2), WeightsConfig(size=(32, 32), classes=table))
    predictor, notices = loading.load_predictor("classes")
    assert (predictor.table.names, notices) == (["road", "sky"], [])


def test_a_readme_beside_an_installed_package_pins_nothing(program, asked):
    pin(program)
    (program / "app.py").unlink()
    loading.load_predictor(None)
    assert asked.sources == [None]


def test_pinned_weights_come_before_embedded_ones(program, asked, tiny_weights):
    pin(program)
    asked.folder = tiny_weights
    predictor, notices = loading.load_predictor(None)
    assert asked.sources == [f"user/name@{COMMIT}"]
    assert predictor.revision == COMMIT
    assert notices == []


def test_weights_that_are_asked_for_come_first(program, asked, tiny_weights):
    pin(program)
    asked.folder = tiny_weights
    loading.load_predictor("other/name")
    assert asked.sources == ["other/name"]


def test_a_hub_that_is_away_is_told(program, asked):
    pin(program)
    predictor, notices = loading.load_predictor(None)
    assert predictor.name == "weights"
    assert notices == [f"user/name@{COMMIT} is away."]


def test_damaged_weights_from_the_hub_are_made_up_for(program, asked, tmp_path):
    asked.folder = tmp_path / "snapshot"
    shutil.copytree(program / "weights", asked.folder)
    (asked.folder / "config.json").write_text("{}")
    predictor, (notice,) = loading.load_predictor("user/name")
    assert predictor.name == "weights"
    assert notice.startswith(f"user/name@{COMMIT}/config.json")
    assert notice.endswith("In use instead: the weights that come with this program, weights.")
    assert str(tmp_path) not in notice


def test_a_damaged_folder_is_an_error(program, asked):
    (program / "weights" / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"config\.json"):
        loading.load_predictor("weights")


def test_zero_gpu_is_asked_for_where_there_is_one(monkeypatch):
    marks = []

    def gpu(duration):
        marks.append(duration)
        return lambda function: ("on the GPU", function)

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert gpu_decorator()(len) == ("on the GPU", len)
    assert marks == [10]

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unet import UNet
from unet.errors import WeightsError
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.unet import with_outputs
from unet.network.weights import WeightsConfig, load_weights, read_config, save_weights
from unet.pictures.classes import ClassTable, SegmentClass


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path, UNet(widths=(4, 8)), WeightsConfig(size=(32, 48), threshold=0.4, data=("photos",)))
    return tmp_path


def change_config(folder, **changes):
    path = folder / "config.json"
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))


def change_state(folder, change):
    path = folder / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)


def test_save_then_load_gives_the_half_precision_values(tmp_path):
    model = UNet(widths=LITE0_WIDTHS, encoder="lite0", clicks=True)
    scores = {"test": {"pictures": 3, "iou": 0.5, "dice": 0.6, "mae": 0.1, "pixel_accuracy": 0.9, "boundary_f": None}}
    config = WeightsConfig(size=(64, 96), flip=True, threshold=0.35, scores=scores, data=("a", "b"))
    save_weights(tmp_path, model, config)
    loaded, loaded_config = load_weights(tmp_path)
    assert loaded_config == config
    assert loaded.init_config == model.init_config
    assert not loaded.training
    for name, value in model.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(loaded.state_dict()[name], expected), name


def test_hub_mixin_reads_the_same_folder(folder):
    ours, _ = load_weights(folder)
    theirs = UNet.from_pretrained(folder).eval()
    x = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_folder_holds_only_what_was_written(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 1.5}, r"threshold should lie in 0\.\.1, not 1\.5"),
        ({"threshold": "half"}, "threshold"),
        ({"threshold": 10**400}, "threshold"),
        ({"threshold": ...}, "lacks the fields threshold"),
        ({"colour": 1}, "unknown fields colour"),
        ({"widths": "wide"}, "widths should be a list"),
        ({"widths": [4, -8]}, "positive whole numbers"),
        ({"widths": [4, 8, 16]}, "lacks .* tensors such as"),
        ({"widths": [4, 9]}, "has shape"),
        ({"encoder": "vgg"}, "unknown encoder 'vgg'"),
        ({"clicks": "yes"}, "clicks should be true or false"),
        ({"out_channels": 3}, "lacks the field classes, which names the 3 outputs"),
        ({"flip": "yes"}, "flip should be true or false"),
        ({"preprocessing": {"size": [32, 48], "mean": [0, 0, 0]}}, "size, mean and std"),
        ({"preprocessing": {"size": [0, 48], "mean": [0, 0, 0], "std": [1, 1, 1]}}, "size should be"),
        ({"preprocessing": {"size": [32, 48], "mean": [0, 0], "std": [1, 1, 1]}}, "mean should be 3 numbers"),
        ({"preprocessing": {"size": [32, 48], "mean": [0, 0, 0], "std": [1, 0, 1]}}, "std should be positive"),
        ({"data": "photos"}, "data should be a list"),
        ({"reading": ["ids"]}, "reading should hold an object"),
        ({"classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}, "classes should be 1, one for each of out_cha"),
        ({"classes": "cats"}, "classes should be a list"),
        ({"classes": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}, "the ids 0 stand for two classes"),
        ({"classes": [{"id": 0, "name": "a", "color": "red"}, {"id": 1, "name": "b"}]}, "'red' is no colour"),
        ({"scores": {"test": {"iou": "good"}}}, "scores should hold numbers"),
    ],
)
def test_configs_that_do_not_fit_are_refused_by_name(folder, changes, message):
    change_config(folder, **changes)
    with pytest.raises(WeightsError, match=message):
        load_weights(folder)


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "\x00\x01", '{"threshold": NaN}'])
def test_broken_config_files_are_refused(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"config\.json"):
        load_weights(folder)


@pytest.mark.parametrize("keep", [0, 5, 100, 0.5, 0.99])
def test_truncated_weights_are_refused(folder, keep):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(WeightsError, match="damaged or not a safetensors file"):
        load_weights(folder)


def test_flipped_header_bytes_are_refused(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[10:14] = b"\xff\xfe\xfd\xfc"
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(folder)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.999])
def test_a_flipped_bit_among_the_values_is_noticed(folder, place):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"damaged, its values are not those that were written"):
        load_weights(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(folder, value):
    change_state(folder, lambda state: state["head.bias"].fill_(value))
    with pytest.raises(WeightsError, match=r"head\.bias holds values that are not finite"):
        load_weights(folder)


def test_missing_and_unknown_tensors_are_named(folder):
    change_state(folder, lambda state: state.update(extra=state.pop("head.bias")))
    with pytest.raises(
        WeightsError, match=r"lacks 1 tensors such as head\.bias and has 1 unknown tensors such as extra"
    ):
        load_weights(folder)


def test_pickled_weights_are_never_loaded(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match=r"no model\.safetensors; not loaded.*: pytorch_model\.bin"):
        load_weights(folder)


def test_missing_folder_and_missing_config_are_named(folder, tmp_path):
    with pytest.raises(WeightsError, match="no such weights folder"):
        load_weights(tmp_path / "nowhere")
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"no config\.json"):
        load_weights(folder)


def test_weights_beyond_half_precision_are_not_written(tmp_path):
    model = UNet(widths=(4, 8))
    model.head.bias.data.fill_(1e6)
    with pytest.raises(WeightsError, match="half precision"):
        save_weights(tmp_path, model, WeightsConfig())
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_weights(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full_disk(path, content):
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    model, config = load_weights(folder)
    with pytest.raises(WeightsError, match="No space left on device"):
        save_weights(folder, model, config)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_how_masks_were_read_is_kept_and_older_weights_do_not_say_it(tmp_path):
    reading = {"photos": {"rule": "value", "means": "0 is background, 7 foreground", "unknown": []}}
    for name, kept in (("new", reading), ("old", {})):
        save_weights(tmp_path / name, UNet(widths=(2,)), WeightsConfig(size=(16, 16), reading=kept))
        assert read_config(tmp_path / name)[1].reading == kept
        assert ("reading" in (tmp_path / name / "config.json").read_text()) == bool(kept)


def test_classes_are_kept_and_weights_without_them_do_not_mention_them(folder, tmp_path):
    table = ClassTable((SegmentClass(3, "sky", (1, 2, 3)), SegmentClass(300, "road")), (SegmentClass(9, "void"),))
    save_weights(tmp_path / "two", UNet(widths=(2,), out_channels=2), WeightsConfig(size=(16, 24), classes=table))
    kept = load_weights(tmp_path / "two")[1].classes
    assert kept.as_json() == table.as_json()
    assert not {"classes", "void"} & set(json.loads((folder / "config.json").read_text()))
    assert load_weights(folder)[1].classes is None


def test_a_network_for_another_task_keeps_all_but_head_and_clicks():
    torch.manual_seed(0)
    model = UNet(widths=LITE0_WIDTHS, encoder="lite0", clicks=True).eval()
    other = with_outputs(model, 5).eval()
    assert (other.out_channels, other.clicks) == (5, False)
    picture = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        for own, before in zip(other.features(picture), model.features(picture), strict=True):
            torch.testing.assert_close(own, before)
        torch.testing.assert_close(other.expansive(other.features(picture)), model.expansive(model.features(picture)))
        assert other(picture).shape == (1, 5, 40, 56)

"""The ONNX file against the network it was made from: the same probabilities, and what it says of itself."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from unet import UNet
from unet.__main__ import main
from unet.errors import ConfigError, WeightsError
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.onnx_export import export_onnx
from unet.network.weights import WeightsConfig, load_weights, save_weights
from unet.pictures.classes import ClassTable, SegmentClass

ROOT = Path(__file__).parents[2]
CONFIG = WeightsConfig(size=(32, 48), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4), threshold=0.35)
# Both encoders; a size that every stride divides, and one that none does, where the expansive path crops. By default
# the mirror image is seen where the weights ask for it, which here are those of lite0.
CASES = [("plain", 32, None), ("plain", 45, True), ("lite0", 64, None), ("lite0", 75, False)]


@dataclass
class Exported:
    folder: Path
    file: Path
    size: int
    mirror: bool

    def __call__(self, x):
        session = onnxruntime.InferenceSession(str(self.file), providers=["CPUExecutionProvider"])
        (prob,) = session.run(None, {"image": x.numpy()})
        return prob


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Weights folders by encoder; the networks have seen some noise, so that BatchNorm does something."""
    torch.manual_seed(0)
    found = {}
    for encoder, widths, clicks in (("plain", (4, 8), False), ("lite0", LITE0_WIDTHS, True)):
        model = UNet(widths=widths, encoder=encoder, clicks=clicks).train()
        with torch.no_grad():
            for _ in range(3):
                model(torch.randn(4, 3, 64, 64))
            noise = torch.randn(4, 3, 64, 64)
            model.head.weight.mul_(2 / model.eval()(noise).std())  # probabilities all over 0..1
            model.head.bias.sub_(model(noise).mean())
        found[encoder] = tmp_path_factory.mktemp(encoder) / "weights"
        save_weights(found[encoder], model, replace(CONFIG, flip=encoder == "lite0"))
    return found


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def exported(request, folders, tmp_path_factory):
    encoder, size, mirror = request.param
    file = tmp_path_factory.mktemp("onnx") / "unet.onnx"
    export_onnx(folders[encoder], file, size=size, mirror=mirror)
    return Exported(folders[encoder], file, size, encoder == "lite0" if mirror is None else mirror)


def by_torch(exported, x):
    """Picture by picture, BatchNorm not folded; with a mirror image the mean of two looks."""
    model, _ = load_weights(exported.folder)
    with torch.no_grad():
        looks = [torch.cat([model(one[None]).sigmoid() for one in x])]
        if exported.mirror:
            looks.append(torch.cat([model(one[None].flip(3)).sigmoid().flip(3) for one in x]))
    return torch.stack(looks).mean(0).numpy()


@pytest.mark.parametrize("batch", [1, 3])
def test_it_is_the_network_without_clicks(exported, batch):
    x = torch.randn(batch, 3, exported.size, exported.size)
    prob, expected = exported(x), by_torch(exported, x)
    assert prob.shape == (batch, 1, exported.size, exported.size)
    assert expected.std() > 0.1
    np.testing.assert_allclose(prob, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("mirror", [False, True])
def test_classes_have_a_softmax_and_their_names(tmp_path, mirror):
    torch.manual_seed(1)
    model = UNet(widths=(4, 8), out_channels=3).eval()
    with torch.no_grad():
        model.head.weight.mul_(200)
    table = ClassTable((SegmentClass(2, "road"), SegmentClass(7, "sky"), SegmentClass(300, "tree")))
    save_weights(tmp_path / "weights", model, replace(CONFIG, classes=table, flip=mirror))
    export_onnx(tmp_path / "weights", tmp_path / "classes.onnx", size=32)
    session = onnxruntime.InferenceSession(str(tmp_path / "classes.onnx"), providers=["CPUExecutionProvider"])
    x = torch.randn(2, 3, 32, 32)
    (prob,) = session.run(None, {"image": x.numpy()})
    model, _ = load_weights(tmp_path / "weights")
    with torch.no_grad():
        expected = model(x).softmax(1)
        if mirror:
            expected = (expected + model(x.flip(3)).softmax(1).flip(3)) / 2
    np.testing.assert_allclose(prob, expected.numpy(), atol=1e-4, rtol=0)
    assert expected.std() > 0.1
    metadata = session.get_modelmeta().custom_metadata_map
    assert (json.loads(metadata["classes"]), json.loads(metadata["ids"])) == (["road", "sky", "tree"], [2, 7, 300])


def test_it_is_one_valid_file_that_says_what_it_is(exported):
    assert [path.name for path in exported.file.parent.iterdir()] == ["unet.onnx"]
    onnx.checker.check_model(exported.file, full_check=True)
    session = onnxruntime.InferenceSession(str(exported.file), providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("image", ["batch", 3, *2 * [exported.size]])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("prob", ["batch", 1, *2 * [exported.size]])]
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata.pop("source") == "weights"
    assert metadata.pop("sha256") == hashlib.sha256((exported.folder / "model.safetensors").read_bytes()).hexdigest()
    assert {name: json.loads(value) for name, value in metadata.items()} == {
        "classes": ["background", "foreground"],
        "ids": [0, 1],
        "mean": list(CONFIG.mean),
        "std": list(CONFIG.std),
        "threshold": CONFIG.threshold,
        "size": [exported.size, exported.size],
    }


def test_it_shows_no_path_of_the_machine_and_holds_no_click_layer(exported):
    content = exported.file.read_bytes()
    for text in (b".py", str(ROOT).encode(), b"click_layer"):
        assert text not in content
    values = sum(np.prod(value.dims, dtype=int) for value in onnx.load(exported.file).graph.initializer)
    model, _ = load_weights(exported.folder)
    assert values <= sum(p.numel() for name, p in model.named_parameters() if "click_layer" not in name)
    assert len(content) < 4 * values + 100_000  # no value twice


@pytest.fixture
def weights(folders, tmp_path):
    return shutil.copytree(folders["plain"], tmp_path / "weights")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("unet.pt", r"unet\.pt: the output should be a file that ends in \.onnx, such as unet\.onnx"),
        ("weights", r"weights: the output should be a file that ends in \.onnx"),
        ("folder.onnx", r"folder\.onnx: the output should be a file that ends in \.onnx"),
        ("no/where/unet.onnx", r"unet\.onnx: there is no folder .*no/where; create it first"),
        ("weights/config.json/unet.onnx", r"there is no folder .*config\.json"),
    ],
)
def test_outputs_that_cannot_be_written_are_named(weights, tmp_path, output, message):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ConfigError, match=message):
        export_onnx(weights, tmp_path / output)


@pytest.mark.parametrize("size", [-1, 0, 3, 4097])
def test_sizes_that_do_not_suit_the_network_are_named(weights, tmp_path, size):
    with pytest.raises(ConfigError, match=f"^size {size}: .*weights takes pictures of 4 to 4096 pixels a side$"):
        export_onnx(weights, tmp_path / "unet.onnx", size=size)
    assert not (tmp_path / "unet.onnx").exists()


def test_heights_and_widths_may_differ_and_classes_have_their_own_by_default(tmp_path):
    table = ClassTable((SegmentClass(0, "road"), SegmentClass(1, "sky")))
    save_weights(tmp_path / "w", UNet(widths=(4, 8), out_channels=2), replace(CONFIG, size=(24, 40), classes=table))
    save_weights(tmp_path / "one", UNet(widths=(4, 8)), replace(CONFIG, size=(24, 40)))
    command = ["export", "--output", str(tmp_path / "unet.onnx"), "--weights"]
    for folder, options, shape in (
        ("w", [], (2, 24, 40)),
        ("w", ["--size", "32x48"], (2, 32, 48)),
        ("one", [], (1, 320, 320)),
    ):
        assert main([*command, str(tmp_path / folder), *options]) == 0
        session = onnxruntime.InferenceSession(str(tmp_path / "unet.onnx"), providers=["CPUExecutionProvider"])
        assert json.loads(session.get_modelmeta().custom_metadata_map["size"]) == list(shape[1:])
        (prob,) = session.run(None, {"image": np.zeros((1, 3, *shape[1:]), np.float32)})
        assert prob.shape == (1, *shape)


def test_a_size_that_is_none_is_wrong_usage(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["export", "--output", str(tmp_path / "unet.onnx"), "--size", "wide"])
    assert "--size: should be a number of pixels, or HEIGHTxWIDTH, not 'wide'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["onnx", "onnxscript"])
def test_a_missing_package_is_named_before_anything_is_read(monkeypatch, tmp_path, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"needs the package {name}: pip install onnx onnxscript \("):
        export_onnx(tmp_path / "nowhere", tmp_path / "unet.onnx")


def test_a_full_disk_leaves_the_file_of_before(weights, tmp_path, monkeypatch):
    output = tmp_path / "unet.onnx"
    output.write_bytes(b"before")

    def full_disk(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(ConfigError, match=r"unet\.onnx: could not be written \(No space left on device\)"):
        export_onnx(weights, output, size=32)
    assert output.read_bytes() == b"before"


def test_the_command_says_where_the_file_is_and_nothing_else(weights, tmp_path):
    command = [sys.executable, "-m", "unet", "export", "--weights", weights, "--size", "32", "--output"]
    done = subprocess.run([*command, tmp_path / "unet.onnx"], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'unet.onnx'}\n", "")
    assert onnx.load(tmp_path / "unet.onnx").metadata_props


def test_the_command_fits_rembg_unless_told_otherwise(weights, tmp_path):
    assert main(["export", "--weights", str(weights), "--output", str(tmp_path / "a.onnx"), "--mirror"]) == 0
    (image,) = onnx.load(tmp_path / "a.onnx").graph.input
    assert [dim.dim_value for dim in image.type.tensor_type.shape.dim[1:]] == [3, 320, 320]
    assert any(node.op_type == "Slice" for node in onnx.load(tmp_path / "a.onnx").graph.node)  # the mirror image


def test_errors_are_one_sentence(tmp_path, capsys):
    assert main(["export", "--weights", "no/such/folder", "--output", str(tmp_path / "unet.pt")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(WeightsError, match="no/such/folder"):
        export_onnx(Path("no/such/folder"), tmp_path / "unet.onnx")

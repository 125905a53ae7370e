"""What the README says is so: header, pins, links, and its examples as printed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml
from installing import NODE, npm_install
from PIL import Image
from web_helpers import FakeClassPredictor, FakePredictor, live_page

import app
from unet import Predictor
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob
from unet.web import about

ROOT = Path(app.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLASSES = (ROOT / "docs" / "classes.md").read_text(encoding="utf-8")
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
JAVASCRIPT_CLIENT = "@gradio/client@2.7.0"


def pins(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


@pytest.fixture(scope="module")
def header():
    return yaml.safe_load(README.split("---\n")[1])


def blocks(language, text=README):
    """The code blocks in `language` of the README, or of another text, that talk to the server."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for block in found if "http://127.0.0.1:7860" in block and "pip install" not in block]


def test_the_header_is_one_that_spaces_understand(header):
    assert header["sdk"] == "gradio"
    assert (ROOT / header["app_file"]).is_file()
    assert {header["colorFrom"], header["colorTo"]} <= COLOURS
    assert 0 < len(header["short_description"]) <= 60
    assert header["license"] == "mit"
    assert header["title"] == about.TITLE
    assert header["python_version"] == "3.11"


def test_gradio_has_one_version(header):
    (gradio,) = [pin for pin in pins("requirements.txt") if pin.startswith("gradio[")]
    assert gradio == f"gradio[mcp]=={header['sdk_version']}"


def test_every_requirement_is_pinned_once():
    everything = pins("requirements.txt") + pins("requirements-dev.txt")
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+(\[\w+\])?==[\w.]+", pin) for pin in everything)
    names = [re.split(r"\[|==", pin)[0].lower().replace("_", "-") for pin in everything]
    assert len(set(names)) == len(names)
    assert (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").startswith("-r requirements.txt\n")


def test_the_torch_for_cpus_is_the_pinned_one():
    (torch,) = [pin for pin in pins("requirements.txt") if pin.startswith("torch==")]
    assert f"pip install {torch} --index-url https://download.pytorch.org/whl/cpu" in README


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "CONTRIBUTING.md",
        *(f"docs/{name}.md" for name in ("architecture", "weights", "growing", "onnx", "classes")),
    ],
)
def test_links_lead_somewhere(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if not target.startswith("http")]
    assert targets
    assert [target for target in targets if not (ROOT / file).parent.joinpath(target).exists()] == []


@pytest.mark.parametrize(
    "file", ["CONTRIBUTING.md", "docs/architecture.md", "docs/growing.md", "benchmarks/reliability.md"]
)
def test_paths_in_the_documents_exist(file):
    paths = re.findall(r"`((?:unet|tests|docs|benchmarks)/[\w./]*)", (ROOT / file).read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_layout_is_the_real_one():
    (layout,) = re.findall(r"^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    names = [line.split("  ")[0] or "unet/" + line.split()[0] for line in layout.splitlines()]
    assert len(names) >= 15
    assert [name for name in names if not (ROOT / name).exists()] == []
    rooms = {f"unet/{path.parent.name}/" for path in (ROOT / "unet").glob("*/__init__.py")}
    assert {name for name in names if name.startswith("unet/")} - {"unet/"} == rooms


def test_it_is_short():
    assert len(README.splitlines()) <= 250


def test_figures_are_those_of_the_benchmarks():
    rows = re.findall(r"^\| .* \|$", README, re.MULTILINE)
    assert 3 < len(rows) <= 11
    figures = {cell for row in rows[1:] for cell in row.strip("| ").split(" | ")[1:]} - {"-"}
    measured = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.md"))
    assert [figure for figure in figures if f"| {figure} |" not in measured] == []


def test_the_figure_of_classes_is_that_of_the_benchmark_and_the_card():
    (mean_iou,) = re.findall(r"has a mean IoU of (0\.\d{3})", README)
    benchmark = (ROOT / "benchmarks" / "classes.md").read_text(encoding="utf-8")
    assert f"| `lite0` (weights/camvid) | {mean_iou} |" in benchmark
    scores = json.loads((ROOT / "weights/camvid/config.json").read_text(encoding="utf-8"))["scores"]["test"]
    assert (f"{scores['mean_iou']:.3f}", scores["pictures"]) == (mean_iou, 233)


def test_the_endpoints_are_named():
    with live_page(FakePredictor()) as served:
        info = httpx.get(f"{served.url}/gradio_api/info").json()
    for name in info["named_endpoints"]:
        assert f"`{name}`" in README
        assert f'"{name}"' in README


@pytest.fixture(scope="module")
def server():
    with live_page(FakePredictor(takes_clicks=True)) as served:
        yield served


@pytest.fixture
def folder(tmp_path):
    shutil.copy(ROOT / "examples" / "chelsea.jpg", tmp_path / "photo.jpg")
    shutil.copy(ROOT / "examples" / "coffee.jpg", tmp_path / "coffee.jpg")
    return tmp_path


def run(server, folder, name, block, *command):
    (folder / name).write_text(block.replace("http://127.0.0.1:7860", server.url), encoding="utf-8")
    done = subprocess.run([*command, name], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_mask(path):
    photo = read_picture(path.parent / "photo.jpg").rgb
    expected = mask_from_prob(FakePredictor().prob8(photo), 0.5)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)


def test_python_example(server, folder):
    (block,) = blocks("python")
    check = (
        "\nimport json, shutil\nshutil.copy(mask, 'mask.png')\n"
        "print(json.dumps(files), archive, probability, results[3]['foreground'])\n"
    )
    printed = run(server, folder, "example.py", block + check, sys.executable)
    assert_mask(folder / "mask.png")
    assert '"name": "coffee.jpg"' in printed
    assert 0 < float(printed.split()[-1]) < 1


@pytest.mark.skipif(not shutil.which("curl") and not os.environ.get("CI"), reason="curl is not installed")
def test_curl_example(server, folder):
    (block,) = blocks("bash")
    printed = run(server, folder, "example.sh", block, "bash")
    assert "event: complete" in printed
    assert_mask(folder / "mask.png")


def test_javascript_example(server, folder):
    npm_install(folder, JAVASCRIPT_CLIENT)
    (block,) = blocks("js")
    printed = run(server, folder, "example.mjs", block, NODE)
    assert "foreground" in printed
    assert_mask(folder / "mask.png")


@pytest.fixture(scope="module")
def class_server():
    with live_page(FakeClassPredictor()) as served:
        yield served


def assert_labels(path):
    predictor, rgb = FakeClassPredictor(), read_picture(path.parent / "photo.jpg").rgb
    labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
    np.testing.assert_array_equal(np.asarray(Image.open(path)), predictor.table.ids[labels])


def test_python_example_of_classes(class_server, folder):
    (block,) = blocks("python", CLASSES)
    check = "\nimport shutil\nshutil.copy(labels, 'labels.png')\nprint(details['class'])\n"
    printed = run(class_server, folder, "example.py", block + check, sys.executable).splitlines()
    assert [line.split(" ")[0] for line in printed[1:5]] == ["0", "7", "200", "11"]
    assert printed[-1] == FakeClassPredictor.table.names[-1]
    assert_labels(folder / "labels.png")


@pytest.mark.skipif(not shutil.which("curl") and not os.environ.get("CI"), reason="curl is not installed")
def test_curl_example_of_classes(class_server, folder):
    (block,) = blocks("bash", CLASSES)
    assert "event: complete" in run(class_server, folder, "example.sh", block, "bash")
    assert_labels(folder / "labels.png")


def test_javascript_example_of_classes(class_server, folder):
    npm_install(folder, JAVASCRIPT_CLIENT)
    (block,) = blocks("js", CLASSES)
    assert FakeClassPredictor.table.names[-1] in run(class_server, folder, "example.mjs", block, NODE)
    assert_labels(folder / "labels.png")


def test_the_example_without_a_server(folder, monkeypatch):
    monkeypatch.chdir(folder)  # which holds no weights
    (block,) = [b for b in re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE) if "Predictor" in b]
    exec(block, {})
    shipped = Predictor.load(ROOT / "weights")
    prob8 = shipped.prob8(read_picture("photo.jpg").rgb)
    np.testing.assert_array_equal(np.asarray(Image.open("mask.png")), mask_from_prob(prob8, shipped.threshold))

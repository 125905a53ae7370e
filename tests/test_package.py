"""The package: its metadata, what the wheel carries, and that an installed one works in any folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import httpx
import numpy as np
import pytest
from generated import write_folder
from PIL import Image
from web_helpers import free_port

from unet import Predictor, mask_from_prob, read_picture

ROOT = Path(__file__).parents[1]
SOURCES = ("unet", "examples", "weights", "pyproject.toml", "README.md", "LICENSE")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(name):
    """The pins of a requirements file, by the comment above them."""
    sections = {"": []}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            sections[title := line[2:]] = []
        elif re.match(r"\w", line):
            sections[title].append(line)
    return sections


def test_the_dependencies_are_those_of_the_requirements_files():
    assert PROJECT["dependencies"] == [*chain(*requirements("requirements.txt").values())]
    sections = requirements("requirements-dev.txt")
    assert PROJECT["optional-dependencies"]["train"] == sections.pop("Training")
    assert PROJECT["optional-dependencies"]["onnx"] == sections.pop("Export to ONNX")
    assert PROJECT["optional-dependencies"]["dev"] == [*chain(*sections.values())]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the sources without .git."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The bin folder of a fresh environment with the wheel; its dependencies come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--no-deps", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def environment():
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "UNET_WEIGHTS")}


@pytest.mark.slow
def test_the_wheel_carries_the_default_weights_the_examples_and_the_files_of_the_page(wheel):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        "py.typed",
        "data/interactive_segmentation_groups.txt",
        "weights/model.safetensors",
        "examples/coffee.jpg",
    }
    static = {path.relative_to(ROOT / "unet").as_posix() for path in (ROOT / "unet/web/static").rglob("*.*")}
    assert {f"unet/{name}" for name in expected | static} <= names
    others = ("unet/weights/reference", "unet/weights/camvid", "tests", "weights")
    assert not [name for name in names if name.startswith(others)]


@pytest.mark.slow
def test_predict_of_an_installed_package_works_in_any_folder(installed, tmp_path):
    shutil.copy(ROOT / "examples" / "chelsea.jpg", tmp_path / "photo.jpg")
    command = [installed / "unet", "predict", "photo.jpg", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    predictor = Predictor.load(ROOT / "weights")
    expected = mask_from_prob(predictor.prob8(read_picture(tmp_path / "photo.jpg").rgb), predictor.threshold)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "photo.png")), expected)


@pytest.mark.slow
def test_check_of_an_installed_package_says_what_a_folder_holds(installed, tmp_path):
    write_folder(tmp_path / "set", 3)
    command = [installed / "unet", "check", "set", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    shares = [(np.asarray(Image.open(tmp_path / "set" / row["mask"])) == 255).mean() for row in report["pairs"]]
    assert [row["foreground"] for row in report["pairs"]] == pytest.approx(shares, abs=1e-6)


@pytest.mark.slow
def test_weights_in_the_present_folder_come_first(installed, tmp_path):
    shutil.copy(ROOT / "examples" / "chelsea.jpg", tmp_path / "photo.jpg")
    (tmp_path / "weights").mkdir()
    command = [installed / "unet", "predict", "photo.jpg", "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.startswith("error: weights")


@pytest.mark.slow
def test_app_of_an_installed_package_serves_the_page(installed, tmp_path):
    port = free_port()
    command = [installed / "unet", "app", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == f"Serving on http://127.0.0.1:{port}/\n"
            assert httpx.get(f"http://127.0.0.1:{port}/config").status_code == 200
        finally:
            process.terminate()
        assert process.wait(timeout=60) == 0
    assert list(tmp_path.iterdir()) == []

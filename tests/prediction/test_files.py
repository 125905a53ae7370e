"""`unet predict`: what it writes, in which order, and what it refuses."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Lock

import numpy as np
import pytest
import torch
from command_line import ROOT, process, run
from generated import draw_pair
from PIL import Image

from unet import Predictor, UNet
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures.decode import read_picture
from unet.pictures.draw import Style, mask_from_prob, overlay, render
from unet.pictures.encode import encode_png
from unet.prediction import files
from unet.prediction.tasks import find_pictures, plan

SIZES = [(40, 56), (1, 1), (9, 200), (64, 64), (33, 31), (120, 90), (17, 5), (50, 50), (8, 8), (70, 20), (41, 57)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of eleven pictures of eleven sizes, one of them with transparency, beside what predict should ignore."""
    folder = tmp_path_factory.mktemp("pictures")
    for index, size in enumerate(SIZES):
        rgb, mask = draw_pair(index, *size)
        picture = Image.fromarray(np.dstack([rgb, 255 - mask // 2]) if index == 4 else rgb)
        picture.save(folder / f"p{index:02}{'.png' if index % 2 == 0 else '.webp'}", lossless=True)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture")
    (folder / "more.png").mkdir()
    return folder


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return Predictor.load(tiny_weights)


@pytest.fixture(scope="module")
def click_weights(tmp_path_factory):
    torch.manual_seed(0)
    model = UNet(widths=(4, 4, 4, 4, 4), encoder="lite0", clicks=True).eval()
    folder = tmp_path_factory.mktemp("clicks") / "weights"
    save_weights(folder, model, WeightsConfig(size=(32, 32)))
    return folder


def expected(predictor, path, kind, threshold):
    picture = read_picture(path)
    prob8 = predictor.prob8(picture.rgb)
    mask = mask_from_prob(prob8, threshold)
    made = {
        "prob": lambda: prob8,
        "probability": lambda: prob8,
        "mask": lambda: mask,
        "cutout": lambda: render("cutout", picture, prob8, threshold),
        "overlay": lambda: overlay(picture.rgb, mask),
    }
    return encode_png(made[kind]())


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", ["mask", "prob", "probability", "cutout", "overlay"])
def test_each_kind_is_what_the_predictor_gives_byte_for_byte(kind, pictures, predictor, tiny_weights, tmp_path, capsys):
    output = tmp_path / "new" / "folder"
    assert run("predict", pictures, "--output", output, "--kind", kind, "--weights", tiny_weights) == 0
    sources = sorted(path for path in pictures.glob("p*"))
    assert contents(output) == {
        f"{path.stem}.png": expected(predictor, path, kind, predictor.threshold) for path in sources
    }
    assert capsys.readouterr().out.splitlines() == [str(output / f"{path.stem}.png") for path in sources]


def test_masks_are_neither_empty_nor_full_and_as_large_as_their_picture(pictures, tiny_weights, tmp_path):
    assert run("predict", pictures, "--output", tmp_path, "--weights", tiny_weights) == 0
    masks = [np.asarray(Image.open(path)) for path in sorted(tmp_path.iterdir())]
    assert [mask.shape for mask in masks] == SIZES
    assert {int(level) for mask in masks for level in np.unique(mask)} == {0, 255}


@pytest.mark.parametrize(("count", "chunk", "flight"), [(1, 10**9, 10**9), (3, 3000, 10**9), (8, 10**9, 1), (2, 1, 1)])
def test_results_do_not_depend_on_how_pictures_travel_together(
    count, chunk, flight, pictures, predictor, tiny_weights, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(files, "CHUNK_PICTURES", count)
    monkeypatch.setattr(files, "CHUNK_PIXELS", chunk)
    monkeypatch.setattr(files, "FLIGHT_PIXELS", flight)
    assert run("predict", pictures, "--output", tmp_path, "--kind", "prob", "--weights", tiny_weights) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert names == sorted(names)
    assert contents(tmp_path) == {
        f"{path.stem}.png": expected(predictor, path, "prob", 0.5) for path in pictures.glob("p*")
    }


def test_pictures_in_flight_stay_within_the_pixel_budget(pictures, predictor, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHUNK_PIXELS", 4000)
    monkeypatch.setattr(files, "FLIGHT_PIXELS", 12000)
    decoded, written, most = 0, 0, 0
    sizes = {f"p{index:02}": height * width for index, (height, width) in enumerate(SIZES)}
    save, lock = Path.write_bytes, Lock()

    def reading(source, name, enough):
        nonlocal decoded, most
        with lock:
            decoded += sizes[source.stem]
            most = max(most, decoded - written)
        return read_picture(source, name=name, enough=enough)

    def writing(path, content):
        nonlocal written
        save(path, content)
        with lock:
            written += sizes[path.stem]

    monkeypatch.setattr(files, "read_picture", reading)
    monkeypatch.setattr(Path, "write_bytes", writing)
    tasks = plan(find_pictures([pictures]), tmp_path)
    assert all(outcome.error is None for outcome in files.predict_pictures(predictor, tasks, "mask", 0.5))
    assert decoded == written == sum(sizes.values())
    assert most <= 12000


@pytest.mark.parametrize("softness", [0, 31])
def test_softness_is_the_callers_choice(softness, pictures, predictor, tiny_weights, tmp_path):
    options = ["--kind", "cutout", "--softness", softness]
    assert run("predict", pictures / "p00.png", "--output", tmp_path, "--weights", tiny_weights, *options) == 0
    picture = read_picture(pictures / "p00.png")
    drawn = render("cutout", picture, predictor.prob8(picture.rgb), predictor.threshold, Style(softness=softness))
    assert (tmp_path / "p00.png").read_bytes() == encode_png(drawn)


def test_threshold_is_the_callers_choice(pictures, predictor, tiny_weights, tmp_path):
    source = pictures / "p00.png"
    for threshold in (0, 0.31, 1):
        assert run("predict", source, "--output", tmp_path, "--weights", tiny_weights, "--threshold", threshold) == 0
        assert (tmp_path / "p00.png").read_bytes() == expected(predictor, source, "mask", threshold)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "x", "--threshold", "1.01"],
        ["--output", "x", "--threshold", "nan"],
        ["--output", "x", "--threshold", "half"],
        ["--output", "x", "--softness", "128"],
        ["--output", "x", "--softness", "0.5"],
        ["--output", "x", "--kind", "outline"],
        ["--output", "x", "--precision", "fp16"],
        ["--output", "x", "--click", "3"],
        ["--output", "x", "--click", "3,4,2"],
        ["--output", "x", "--click", "3,nan"],
        ["--output", "x", "--click", "3,4,1,1"],
        [],
    ],
)
def test_wrong_usage_is_status_two(arguments, pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("predict", pictures / "p00.png", *arguments) == 2
    assert "error:" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_files_are_overwritten(pictures, predictor, tiny_weights, tmp_path):
    (tmp_path / "p00.png").write_bytes(b"older")
    assert run("predict", pictures / "p00.png", "--output", tmp_path, "--weights", tiny_weights) == 0
    assert (tmp_path / "p00.png").read_bytes() == expected(predictor, pictures / "p00.png", "mask", 0.5)


def test_a_source_is_never_overwritten(pictures, tiny_weights, capsys):
    before = contents_of_files(pictures)
    assert run("predict", pictures / "p00.png", "--output", pictures, "--weights", tiny_weights) == 1
    assert "would overwrite" in capsys.readouterr().err
    assert contents_of_files(pictures) == before


def contents_of_files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_that_fails_is_named_and_the_rest_go_on(pictures, predictor, tiny_weights, tmp_path, capsys):
    folder, output = tmp_path / "mixed", tmp_path / "output"
    shutil.copytree(pictures, folder)
    (folder / "p03.webp").write_bytes((pictures / "p03.webp").read_bytes()[:-40])
    (folder / "p05.webp").write_bytes(b"")
    missing = tmp_path / "gone.png"
    (output / "p07.png").mkdir(parents=True)  # cannot be replaced by a file
    assert run("predict", folder, missing, "--output", output, "--weights", tiny_weights) == 1
    printed = capsys.readouterr()
    skipped, *errors = printed.err.splitlines()
    assert skipped.endswith(": notes.txt")
    assert len(errors) == 4
    for line, name in zip(errors, ["p03.webp", "p05.webp", "p07.png", "gone.png"], strict=True):
        assert line.startswith("error: ")
        assert name in line
    fine = [index for index in range(len(SIZES)) if index not in (3, 5, 7)]
    assert printed.out.splitlines() == [str(output / f"p{index:02}.png") for index in fine]
    for index in fine:
        (source,) = pictures.glob(f"p{index:02}.*")
        assert (output / f"p{index:02}.png").read_bytes() == expected(predictor, source, "mask", 0.5)


@pytest.mark.parametrize("case", ["no weights", "empty folder", "output is a file"])
def test_what_cannot_work_is_one_plain_message(case, pictures, tiny_weights, tmp_path, capsys):
    source, weights, output = pictures / "p00.png", tiny_weights, tmp_path / "output"
    if case == "no weights":
        weights = tmp_path / "nowhere" / "at" / "all"
    elif case == "empty folder":
        source = tmp_path
    else:
        output.write_text("a file")
    assert run("predict", source, "--output", output, "--weights", weights) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    named = {"no weights": weights, "empty folder": source, "output is a file": output}[case]
    assert str(named) in error


def test_clicks_are_honoured(pictures, click_weights, tmp_path):
    options = ["--output", tmp_path, "--weights", click_weights, "--click", "3,4", "--click", "50.5,30,0"]
    for threshold in (0.01, 0.99):
        assert run("predict", pictures / "p00.png", *options, "--threshold", threshold) == 0
        mask = np.asarray(Image.open(tmp_path / "p00.png"))
        assert (mask[4, 3], mask[30, 50]) == (255, 0)


@pytest.mark.parametrize(
    ("names", "click", "message"),
    [
        (["p00.png"], "56,0", "outside the picture, 56 x 40 pixels"),
        (["p00.png"], "0,-1", "outside"),
        (["p00.png", "p02.png"], "0,0", "one picture"),
    ],
)
def test_clicks_that_make_no_sense_are_refused(names, click, message, pictures, click_weights, tmp_path, capsys):
    sources = [pictures / name for name in names]
    options = ["--output", tmp_path / "output", "--weights", click_weights, f"--click={click}"]
    assert run("predict", *sources, *options) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("output/*"))


def test_weights_without_click_layer_say_so(pictures, tiny_weights, tmp_path, capsys):
    options = ["--output", tmp_path, "--weights", tiny_weights, "--click", "1,1"]
    assert run("predict", pictures / "p00.png", *options) == 1
    assert "no click layer" in capsys.readouterr().err


def test_output_that_nobody_reads_is_no_traceback(pictures, tiny_weights, tmp_path):
    running = process("predict", pictures, "--output", tmp_path, "--weights", tiny_weights)
    running.stdout.close()
    assert running.wait(timeout=300) == 1
    assert running.stderr.read() == "skipped, because they do not end like pictures: notes.txt\n"
    running.stderr.close()


def test_nothing_beyond_requirements_txt_is_imported(pictures, photo_folder, tiny_weights, tmp_path):
    blocked = ["accelerate", "tyro", "matplotlib", "kagglehub", "datasets", "scipy", "skimage", "cv2", "torchmetrics"]
    program = f"""
import sys
sys.modules.update(dict.fromkeys({blocked!r}))  # None: importing it fails
from unet.__main__ import main
predicted = main(["predict", {str(pictures / "p00.png")!r}, "--output", {str(tmp_path)!r},
                  "--weights", {str(tiny_weights)!r}])
evaluated = main(["evaluate", "--data", {str(photo_folder)!r}, "--split", "all", "--weights", {str(tiny_weights)!r}])
sys.exit(predicted or evaluated)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr

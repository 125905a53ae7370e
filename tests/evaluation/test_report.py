"""`python -m unet evaluate`: scores of the masks that `predict` writes, over the split that the weights bring along."""

import json
import shutil

import numpy as np
import pytest
from class_folders import by_values, write
from PIL import Image

from unet import UNet
from unet.__main__ import main
from unet.network.weights import WeightsConfig, save_weights
from unet.pictures.classes import ClassTable, SegmentClass


def run(command, *arguments):
    """Exit status of the command line."""
    return main([command, *map(str, arguments)])


@pytest.fixture
def split_weights(tiny_weights, tmp_path):
    """The tiny weights with a split of the photo folder's stems."""
    folder = tmp_path / "weights"
    shutil.copytree(tiny_weights, folder)
    stems = [f"p{index:02}" for index in range(10)]
    split = {"train": stems[:6], "val": stems[6:7], "test": stems[7:], "extra_test": []}
    (folder / "split.json").write_text(json.dumps(split))
    return folder


def brute_force_ious(photo_folder, weights, output, threshold):
    """IoU by stem, from the probabilities that predict writes."""
    assert run("predict", photo_folder / "images", "--output", output, "--kind", "prob", "--weights", weights) == 0
    ious = {}
    for path in sorted(output.iterdir()):
        inside = np.asarray(Image.open(path)) >= 255 * threshold
        truth = np.asarray(Image.open(photo_folder / "masks" / path.name)) > 0
        ious[path.stem] = (inside & truth).sum() / (inside | truth).sum()
    return ious


def test_scores_are_those_of_the_masks_that_predict_writes(photo_folder, split_weights, tmp_path, capsys):
    ious = brute_force_ious(photo_folder, split_weights, tmp_path / "prob", 0.5)
    capsys.readouterr()
    assert run("evaluate", "--data", photo_folder, "--split", "all", "--weights", split_weights, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pictures"] == 10
    assert report["metrics"]["iou"]["mean"] == pytest.approx(np.mean(list(ious.values())), abs=1e-12)
    assert report["metrics"]["iou"]["sd"] == pytest.approx(np.std(list(ious.values()), ddof=1), abs=1e-12)
    assert report["metrics"]["iou"]["low"] < report["metrics"]["iou"]["mean"] < report["metrics"]["iou"]["high"]
    assert [row["stem"] for row in report["worst"]] == sorted(ious, key=lambda stem: ious[stem])
    assert set(report["metrics"]) == {"iou", "dice", "mae", "pixel_accuracy", "boundary_f"}


@pytest.mark.parametrize(("options", "stems"), [([], ["p07", "p08", "p09"]), (["--split", "val"], ["p06"])])
def test_the_split_is_the_weights_own(options, stems, photo_folder, split_weights, capsys):
    assert run("evaluate", "--data", photo_folder, "--weights", split_weights, "--json", *options) == 0
    report = json.loads(capsys.readouterr().out)
    assert sorted(row["stem"] for row in report["worst"]) == stems
    assert (report["weights"], report["data"]) == (str(split_weights), str(photo_folder))


def test_text_says_what_json_says_and_only_ten_pictures_are_the_worst(photo_folder, split_weights, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(photo_folder, data)
    for kind in ("images", "masks"):
        shutil.copy(data / kind / "p00.png", data / kind / "twin.png")
    options = ["--data", data, "--split", "all", "--weights", split_weights]
    assert run("evaluate", *options, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["worst"]) == 10 < report["pictures"]
    assert run("evaluate", *options) == 0
    text = capsys.readouterr().out
    for spread in report["metrics"].values():
        assert f"{spread['mean']:.4f}" in text
        assert f"{spread['low']:.4f} - {spread['high']:.4f}" in text
    for row in report["worst"]:
        assert f"{row['stem']} " in text
        assert f"{row['iou']:.4f}" in text
    assert "all: 11 pictures" in text
    assert str(split_weights) in text


def test_a_folder_that_the_split_does_not_fit_is_named(photo_folder, split_weights, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(photo_folder, data)
    for kind in ("images", "masks"):
        (data / kind / "p08.png").unlink()
    assert run("evaluate", "--data", data, "--weights", split_weights) == 1
    error = capsys.readouterr().err
    assert str(data) in error
    assert "p08" in error


def test_weights_without_a_split_can_still_be_scored_on_everything(photo_folder, tiny_weights, capsys):
    assert run("evaluate", "--data", photo_folder, "--weights", tiny_weights) == 1
    assert "--split all" in capsys.readouterr().err


def test_an_empty_part_is_an_error(photo_folder, split_weights, capsys):
    assert run("evaluate", "--data", photo_folder, "--weights", split_weights, "--split", "extra_test") == 1
    assert "extra_test" in capsys.readouterr().err


def test_a_metric_without_pictures_is_not_made_up(photo_folder, tiny_weights, tmp_path, capsys):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    shutil.copy(photo_folder / "images" / "p00.png", tmp_path / "images")
    mask = np.asarray(Image.open(photo_folder / "masks" / "p00.png")).copy()
    mask[0, 0] = 128
    Image.fromarray(mask).save(tmp_path / "masks" / "p00.png")
    options = ["--data", tmp_path, "--split", "all", "--weights", tiny_weights]
    assert run("evaluate", *options, "--json") == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["boundary_f"] is None
    assert run("evaluate", *options) == 0
    assert "n/a" in capsys.readouterr().out


def test_the_options_of_a_data_folder_hold_here_too(photo_folder, split_weights, tmp_path, capsys):
    folder = tmp_path / "inverted"
    shutil.copytree(photo_folder, folder)
    (folder / "masks").rename(folder / "drawn")
    for path in (folder / "drawn").iterdir():
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    split = {"train": ["p00"], "test": ["p03.png", "p04"]}
    (tmp_path / "own.json").write_text(json.dumps(split))
    arguments = ["--data", folder, "--weights", split_weights, "--json"]
    options = ["--masks", "drawn", "--invert-masks", "--split-file", tmp_path / "own.json"]
    assert run("evaluate", *arguments, *options) == 0
    inverted = json.loads(capsys.readouterr().out)
    assert "inverted" in inverted["reading"]
    assert sorted(row["stem"] for row in inverted["worst"]) == ["p03", "p04"]
    assert run("evaluate", "--data", photo_folder, *arguments[2:], *options[3:]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["metrics"] == inverted["metrics"]
    assert plain["empties"] is None


def test_the_confusion_of_classes_is_not_drawn_of_one_foreground(photo_folder, split_weights, tmp_path, capsys):
    arguments = ["--data", photo_folder, "--weights", split_weights, "--confusion", tmp_path / "x.png"]
    assert run("evaluate", *arguments) == 1
    assert "foreground and background alone" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_a_folder_whose_list_contradicts_the_weights_classes_is_refused(tmp_path, capsys):
    table = ClassTable((SegmentClass(0, "ground"), SegmentClass(1, "car"), SegmentClass(2, "road")))
    save_weights(tmp_path / "weights", UNet(widths=(2,), out_channels=3), WeightsConfig(size=(32, 32), classes=table))
    write(tmp_path / "set", by_values((0, 1, 2)), 3, count=2)
    (tmp_path / "set/classes.txt").write_text("ground\nroad\ncar\n")
    arguments = ["--data", tmp_path / "set", "--weights", tmp_path / "weights", "--split", "all"]
    assert run("evaluate", *arguments) == 1
    assert "1 road (not car), 2 car (not road)" in capsys.readouterr().err
    (tmp_path / "set/classes.txt").write_text("ground\ncar\nroad\n")
    assert run("evaluate", *arguments) == 0

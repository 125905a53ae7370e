"""Training with classes end to end, as a user runs it: from a label tool's folder to weights that are evaluated."""

import json
import signal
import time

import numpy as np
import pytest
from class_folders import by_values, roboflow, write
from PIL import Image
from safetensors.torch import load_file
from training_runs import SMALL, TRAIN, TWO, finish, start

from unet import Predictor, UNet
from unet.network.weights import WeightsConfig, load_weights, save_weights
from unet.pictures.classes import ClassTable, SegmentClass
from unet.training.checkpoint import CHECKPOINT, read_checkpoint

CLASSES = [*SMALL, "--size", "24x40", "--classes", "auto"]


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "street"
    roboflow(folder)
    return folder


@pytest.fixture(scope="module")
def trained(street, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("trained")
    options = ["--data", street, *CLASSES, "--epochs", 40, "--main-repeats", 4, "--lr", 0.02, "--ema-decay", 0.8]
    return cwd, options, finish(cwd, *options, "--output", "weights")


def test_a_run_writes_its_classes_scores_and_figures(trained):
    cwd, _, stdout = trained
    assert "classes: background, car, road" in stdout
    assert "the classes are those of test/_classes.csv" in stdout
    assert "train 3, val 3, test 3" in stdout
    content = json.loads((cwd / "weights/config.json").read_text())
    assert [(row["id"], row["name"]) for row in content["classes"]] == [(0, "background"), (1, "car"), (2, "road")]
    assert (content["out_channels"], content["preprocessing"]["size"], content["threshold"]) == (3, [24, 40], 0.5)
    assert content["scores"]["test"]["mean_iou"] > 0.6
    assert {"iou/road", "precision/car", "recall/background"} < set(content["scores"]["val"])
    assert Image.open(cwd / "weights/confusion.png").width > 300
    assert Image.open(cwd / "runs/weights/validation.png").height > 700
    assert load_weights(cwd / "weights")[0].out_channels == 3


def test_the_card_names_classes_and_their_scores(trained):
    card = (trained[0] / "weights/README.md").read_text(encoding="utf-8")
    scores = json.loads((trained[0] / "weights/config.json").read_text())["scores"]
    assert "tells 3 classes in photographs: background, car, road" in card
    assert f"| 2 | road | #56b4e9 | {scores['test']['iou/road']:.4f} |" in card
    assert f"{scores['test']['mean_iou']:.4f} | {scores['test']['pixel_accuracy']:.4f} |" in card
    assert "(confusion.png)" in card
    assert "semantic-segmentation" in card
    assert "foreground" not in card.replace("foreground and background", "")


def test_evaluate_repeats_the_scores_of_the_run(trained, street):
    cwd, _, _ = trained
    arguments = ["evaluate", "--data", street, "--weights", "weights", "--split", "test", "--confusion", "matrix.png"]
    stdout = finish(cwd, *arguments, "--json", program=["-m", "unet"])
    report, scores = json.loads(stdout), json.loads((cwd / "weights/config.json").read_text())["scores"]["test"]
    assert report["metrics"]["mean_iou"] == pytest.approx(scores["mean_iou"], abs=1e-9)
    assert report["metrics"]["pixel_accuracy"] == pytest.approx(scores["pixel_accuracy"], abs=1e-9)
    assert [row["name"] for row in report["classes"]] == ["background", "car", "road"]
    assert report["classes"][1]["recall"] == pytest.approx(scores["recall/car"], abs=1e-9)
    assert np.sum(report["confusion"]) == 3 * 30 * 44
    assert (cwd / "matrix.png").is_file()
    text = finish(cwd, *arguments[:-2], program=["-m", "unet"])
    assert f"mean IoU{scores['mean_iou']:15.4f}" in text


def test_the_network_learned_the_classes(trained):
    predictor = Predictor.load(trained[0] / "weights")
    folder = trained[0].parent  # a picture of nothing it has seen
    meant = write(folder / "new", by_values((0, 1, 2)), 3, count=1, first_seed=90)
    rgb = np.asarray(Image.open(folder / "new/images/p90.jpg"))
    labels = predictor.labels(predictor.prob_small(rgb), rgb.shape[:2])
    assert (labels == meant["p90"]).mean() > 0.8


def test_resumed_weights_are_those_of_an_undisturbed_run(street, tmp_path):
    options = ["--data", street, *CLASSES, "--epochs", 6, "--main-repeats", 12]
    finish(tmp_path, *options, "--output", "whole")
    process = start(tmp_path, *options, "--output", "parts")
    end = time.monotonic() + 300
    while not (tmp_path / "runs/parts" / CHECKPOINT).exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    finish(tmp_path, *options, "--output", "parts", "--resume")
    whole, parts = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts"))
    assert whole == parts


def test_two_processes_give_what_two_micro_batches_give(street, tmp_path):
    options = ["--data", street, *CLASSES, "--epochs", 2, "--main-repeats", 4]
    finish(tmp_path, *options, "--output", "one", "--accumulate", 2)
    finish(tmp_path, *options, "--output", "two", program=[*TWO, *TRAIN])
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        if value.is_floating_point():  # BatchNorm counts batches, of which two processes see half as many each
            np.testing.assert_allclose(two[name].float(), value.float(), rtol=2e-3, atol=2e-3, err_msg=name)
    scores = [json.loads((tmp_path / name / "config.json").read_text())["scores"]["val"] for name in ("one", "two")]
    assert scores[0]["mean_iou"] == pytest.approx(scores[1]["mean_iou"], abs=0.02)


def test_another_list_of_classes_is_not_resumed(street, tmp_path):
    lists = tmp_path / "classes.txt"
    lists.write_text("background\ncar\nroad\n")
    options = ["--data", street, *CLASSES[:-1], lists, "--epochs", 1, "--main-repeats", 1, "--output", "w"]
    finish(tmp_path, *options)
    lists.write_text("background\nroad\ncar\n")
    assert "the classes are not those that the run began with" in finish(tmp_path, *options, "--resume", status=1)


def test_ids_without_a_name_and_contradictions_stop_a_run(street, tmp_path):
    lists = tmp_path / "classes.txt"
    lists.write_text("background\ncar\n")
    assert "ids without a class: 2" in finish(tmp_path, "--data", street, "--classes", lists, status=1)
    assert "--clicks" in finish(tmp_path, "--data", street, "--classes", "auto", "--clicks", status=1)
    assert "--loss edge" in finish(tmp_path, "--data", street, "--classes", "auto", "--loss", "edge", status=1)
    assert "give --classes" in finish(tmp_path, "--data", street, "--loss", "balanced", status=1)
    assert not list(tmp_path.glob("**/weights*"))


def test_balanced_loss_is_trained_with_and_named_on_the_card(street, tmp_path):
    first_loss = {}
    for loss in ("dice", "balanced"):
        options = ["--epochs", 1, "--main-repeats", 1, "--lr", 1e-9, "--loss", loss]
        finish(tmp_path, "--data", street, *CLASSES, *options, "--output", loss)
        assert ("ENet" in (tmp_path / loss / "README.md").read_text()) == (loss == "balanced")
        first_loss[loss] = read_checkpoint(tmp_path / "runs" / loss / CHECKPOINT)["progress"]["history"][0]["loss"]
    # Seed and pictures are the same, so only the loss differs.
    assert abs(first_loss["dice"] - first_loss["balanced"]) > 1e-3


def unlabelled(folder, part):
    """Masks of a part without one pixel that counts, as public test sets have them."""
    for mask in (folder / part).glob("*_mask.png"):
        with Image.open(mask) as image:
            nothing = Image.new(image.mode, image.size, 255)
        nothing.save(mask)


def test_a_test_part_without_labels_ends_no_training_and_is_not_scored(tmp_path):
    roboflow(tmp_path / "set")
    unlabelled(tmp_path / "set", "test")
    finish(tmp_path, "--data", tmp_path / "set", *CLASSES, "--epochs", 1, "--output", "w", "--run-dir", "r")
    scores = json.loads((tmp_path / "w/config.json").read_text())["scores"]
    assert scores["test"]["mean_iou"] is None
    assert scores["val"]["mean_iou"] is not None
    assert (tmp_path / "w/confusion.png").exists()
    assert "| n/a | n/a |" in (tmp_path / "w/README.md").read_text()


def test_validation_without_labels_is_refused_before_the_first_step(tmp_path):
    roboflow(tmp_path / "set")
    unlabelled(tmp_path / "set", "valid")
    stderr = finish(tmp_path, "--data", tmp_path / "set", *CLASSES, "--epochs", 1, status=1)
    assert "no validation picture (3) has a pixel that counts" in stderr


def test_weights_of_another_task_start_a_run_without_their_head(street, tmp_path):
    save_weights(tmp_path / "before", UNet(widths=(4, 8)), WeightsConfig(size=(32, 32)))
    same = ClassTable(tuple(SegmentClass(n, name) for n, name in enumerate(("background", "car", "road"))))
    save_weights(tmp_path / "same", UNet(widths=(4, 8), out_channels=3), WeightsConfig(size=(32, 32), classes=same))
    options = ["--data", street, *CLASSES, "--epochs", 1, "--main-repeats", 1, "--lr", 1e-9, "--weight-decay", 0]
    for name, head in (("before", False), ("same", True)):
        finish(tmp_path, *options, "--output", f"from-{name}", "--init-from", name)
        before, after = (load_file(tmp_path / folder / "model.safetensors") for folder in (name, f"from-{name}"))
        np.testing.assert_allclose(after["expansive.ups.0.weight"], before["expansive.ups.0.weight"], atol=1e-3)
        assert after["head.weight"].shape[0] == 3
        if head:
            np.testing.assert_allclose(after["head.weight"], before["head.weight"], atol=1e-3)

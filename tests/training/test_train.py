"""Training end to end, as a user runs it: train.py in a process of its own, on tiny generated pictures."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from generated import draw_pair, write_folder
from safetensors.torch import load_file
from training_runs import SMALL, command, environment, train

from unet import Predictor
from unet.data.split import split_stems
from unet.network.weights import load_weights
from unet.training.checkpoint import CHECKPOINT, read_checkpoint, write_atomically


@pytest.fixture(scope="module")
def extra(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("extra") / "more", 10, first_seed=100)


def same_weights(a: Path, b: Path) -> bool:
    return (a / "model.safetensors").read_bytes() == (b / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trained(photos, extra, tmp_path_factory):
    cwd = tmp_path_factory.mktemp("trained")
    options = ["--data", photos, "--extra-data", extra, *SMALL, "--epochs", 4, "--main-repeats", 1]
    result = train(cwd, *options, "--output", "weights", "--seed", 3)
    assert result.returncode == 0, result.stderr
    return cwd, options, result


def test_training_writes_the_five_files_and_says_what_it_did(trained):
    cwd, _, result = trained
    names = ["README.md", "config.json", "curves.png", "model.safetensors", "split.json"]
    assert sorted(p.name for p in (cwd / "weights").iterdir()) == names
    assert "processes: 1" in result.stdout
    assert "train 10, extra_train 9, val 2, test 2, extra_test 1" in result.stdout
    assert load_file(cwd / "weights/model.safetensors")["head.weight"].dtype == torch.float16
    assert (cwd / "runs/weights" / CHECKPOINT).exists()
    assert (cwd / "runs/weights/validation.png").exists()


def test_split_covers_each_picture_once(trained, photos):
    split = json.loads((trained[0] / "weights/split.json").read_text())
    stems = sorted(split["train"] + split["val"] + split["test"])
    assert stems == sorted(p.stem for p in (photos / "images").iterdir())
    assert len(split["extra_test"]) == 1


def test_config_carries_measured_scores_that_evaluate_repeats(trained, photos):
    cwd, _, _ = trained
    config = json.loads((cwd / "weights/config.json").read_text())
    assert config["widths"] == [4, 8]
    assert config["encoder"] == "plain"
    assert config["data"] == ["shapes", "more"]
    arguments = ["evaluate", "--data", str(photos), "--weights", "weights", "--split", "test", "--json"]
    result = subprocess.run(
        [sys.executable, "-m", "unet", *arguments],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    metrics = json.loads(result.stdout)["metrics"]
    for name in ("iou", "dice", "mae", "pixel_accuracy"):
        assert metrics[name]["mean"] == pytest.approx(config["scores"]["test"][name], abs=1e-9)


def test_the_cards_benchmark_measures_as_training_does(trained, photos, extra, tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(trained[0] / "weights", folder)
    card, config = (folder / "README.md").read_text(), (folder / "config.json").read_text()
    (folder / "README.md").write_text(re.sub(r"\b0\.\d{4}\b", "0.1234", card))
    spoilt = json.loads(config)
    spoilt["scores"]["test"]["iou"], spoilt["threshold"] = 0.1234, 0.99
    (folder / "config.json").write_text(json.dumps(spoilt))

    def run(*data):
        script = [sys.executable, Path(__file__).parents[2] / "benchmarks/cards.py", "--weights", "weights"]
        return subprocess.run([*script, *data], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    refused = run("--data", photos)
    assert refused.returncode == 1
    assert refused.stderr == "error: these weights were scored on shapes, more, in this order; give them all\n"
    result = run("--data", photos, "--extra-data", extra)
    assert result.returncode == 0, result.stderr
    assert (folder / "README.md").read_text() == card
    assert json.loads((folder / "config.json").read_text()) == json.loads(config)


def test_the_same_seed_gives_identical_weights_and_another_does_not(trained, tmp_path):
    cwd, options, _ = trained
    assert train(tmp_path, *options, "--output", "again", "--seed", 3).returncode == 0
    assert same_weights(cwd / "weights", tmp_path / "again")
    assert train(tmp_path, *options, "--output", "other", "--seed", 4).returncode == 0
    assert not same_weights(cwd / "weights", tmp_path / "other")


@pytest.mark.parametrize("loss", ["dice", "edge"])
def test_the_network_learns_the_shapes(photos, tmp_path, loss):
    options = [*SMALL, "--epochs", 25, "--lr", "0.01", "--ema-decay", "0.9", "--loss", loss]
    result = train(tmp_path, "--data", photos, *options, "--output", "weights")
    assert result.returncode == 0, result.stderr
    scores = json.loads((tmp_path / "weights/config.json").read_text())["scores"]
    rgb, mask = draw_pair(999)
    predictor = Predictor.load(tmp_path / "weights")
    predicted = predictor.prob8(rgb) >= 255 * predictor.threshold
    union = (predicted | (mask > 0)).sum()
    assert (predicted & (mask > 0)).sum() / union > 0.7
    assert scores["test"]["iou"] > 0.7


def wait_for(path: Path, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 0), (signal.SIGINT, 2), (signal.SIGKILL, 0)])
def test_resumed_weights_are_those_of_an_undisturbed_run(photos, tmp_path, number, workers):
    options = ["--data", photos, "--widths", 4, 8, "--size", 96, "--batch-size", 2, "--epochs", 6, "--main-repeats", 4]
    assert train(tmp_path, *options, "--output", "whole").returncode == 0
    process = subprocess.Popen(
        command(*options, "--output", "parts", "--workers", workers),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(tmp_path / "runs/parts" / CHECKPOINT)  # the first epoch is done
    time.sleep(0.4)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=180)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "go on with --resume" in stderr
    else:
        assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "parts").exists()
    assert read_checkpoint(tmp_path / "runs/parts" / CHECKPOINT)["progress"]["epoch"] < 6
    result = train(tmp_path, *options, "--output", "parts", "--resume")
    assert result.returncode == 0, result.stderr
    assert re.search(r"resumed after epoch \d", result.stdout)
    assert same_weights(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--data", "nowhere"], 1, "nowhere"),
        (["--data", "PHOTOS", "--resume"], 1, "no checkpoint to resume from"),
        (["--data", "PHOTOS", "--epochs", "0"], 1, "--epochs must be at least 1, not 0"),
        (["--data", "PHOTOS", "--min-crop", "0"], 1, "--min-crop must lie in 0..1 (0 excluded), not 0.0"),
        (["--data", "PHOTOS", "--jitter", "1.5"], 1, "--jitter must lie in 0..1, not 1.5"),
        (["--data", "PHOTOS", "--batch-size", "3", "--accumulate", "2"], 1, "does not divide"),
        (["--data", "PHOTOS", "--private"], 1, "--private goes with --push-to-hub"),
        (["--data", "PHOTOS", "--push-to-hub", "somebody/shapes"], 1, "no token for the Hub is set"),
        (["--data", "PHOTOS", "--push-to-hub", "no repo"], 1, "no repo"),
        (["--data", "PHOTOS", "--init-from", "missing/folder/here"], 1, "missing/folder/here"),
        (["--data", "PHOTOS", "--epochs", "many"], 2, "epochs"),
        (["--data", "PHOTOS", "--colour", "red"], 2, "--colour"),
        (["--data", "PHOTOS", "--encoder", "vgg"], 2, "vgg"),
    ],
)
def test_errors_are_one_message_without_traceback(photos, tmp_path, arguments, status, message):
    result = train(tmp_path, *[photos if a == "PHOTOS" else a for a in arguments])
    assert result.returncode == status
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("**/weights*"))


def test_resume_with_other_options_is_refused(trained):
    cwd, options, _ = trained
    result = train(cwd, *options, "--output", "weights", "--seed", 5, "--resume")
    assert result.returncode == 1
    assert "--seed was 3, is 5" in result.stderr


def test_the_last_epoch_is_validated_and_of_the_others_each_third(photos, tmp_path):
    options = ["--data", photos, *SMALL, "--epochs", 4, "--validate-every", 3, "--workers", 2]
    result = train(tmp_path, *options, "--output", "weights")
    assert result.returncode == 0, result.stderr
    progress = read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]
    assert [row["epoch"] for row in progress["history"] if "val_iou" in row] == [3, 4]
    assert [row["epoch"] for row in progress["history"] if row["loss"] > 0] == [1, 2, 3, 4]
    assert progress["best_epoch"] in (3, 4)


def test_a_finished_run_resumes_to_the_same_weights(trained):
    cwd, options, _ = trained
    before = (cwd / "weights/model.safetensors").read_bytes()
    assert train(cwd, *options, "--output", "weights", "--seed", 3, "--resume").returncode == 0
    assert (cwd / "weights/model.safetensors").read_bytes() == before


def test_a_checkpoint_with_options_that_no_longer_exist_is_resumed(trained, tmp_path):
    cwd, options, _ = trained
    saved = read_checkpoint(cwd / "runs/weights" / CHECKPOINT)
    saved["config"] |= {"blend_with": "runs/earlier", "blend_share": 0.25}
    write_atomically(saved, tmp_path / "run" / CHECKPOINT)
    result = train(tmp_path, *options, "--output", "weights", "--seed", 3, "--run-dir", "run", "--resume")
    assert result.returncode == 0, result.stderr
    assert same_weights(cwd / "weights", tmp_path / "weights")


def test_init_from_starts_from_those_weights_and_refuses_a_leak(trained, photos, tmp_path):
    cwd, options, _ = trained
    weights = cwd / "weights"
    last = ["--epochs", 1, "--lr", "1e-9", "--ema-decay", "0", "--output", "weights"]
    result = train(tmp_path, *options, "--init-from", weights, *last)
    assert result.returncode == 0, result.stderr
    old, _ = load_weights(weights)
    new, _ = load_weights(tmp_path / "weights")
    torch.testing.assert_close(new.head.weight, old.head.weight, rtol=1e-2, atol=1e-3)
    result = train(tmp_path, *options, "--init-from", weights, "--split-seed", 1)
    assert result.returncode == 1
    assert "another split" in result.stderr


def test_a_loss_that_is_not_finite_stops_the_run_and_names_its_pictures(photos, tmp_path):
    options = [*SMALL, "--epochs", 3, "--lr", "1e30", "--warmup-steps", 0, "--main-repeats", 1, "--seed", 7]
    result = train(tmp_path, "--data", photos, *options, "--output", "weights")
    assert result.returncode == 1
    pattern = r"the loss became (?:nan|inf) at step (\d+) \(epoch 1\); pictures: (.*)"
    step, named = re.search(pattern, result.stderr).groups()
    pictures = split_stems([f"p{number:02}" for number in range(14)], seed=0)["train"]
    order = np.random.default_rng([7, 0]).permutation(len(pictures))
    batch = np.resize(order, (-(-len(order) // 4), 4))[int(step)]
    assert [Path(name).stem for name in named.split(", ")] == [pictures[sample] for sample in batch]

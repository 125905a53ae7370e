"""train.py on folders that are not as they should be, and one picture at a time."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from training_runs import SMALL, train

from unet.training.checkpoint import CHECKPOINT, read_checkpoint


def test_broken_pictures_stop_a_run_unless_they_are_skipped(photos, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(photos, data)
    broken = next((data / "images").iterdir())
    broken.write_bytes(broken.read_bytes()[:-200])  # its header is whole
    options = ["--data", data, *SMALL, "--epochs", 1, "--output", "weights"]
    refused = train(tmp_path, *options)
    assert refused.returncode == 1
    assert broken.name in refused.stderr
    assert "--skip-broken" in refused.stderr
    assert not (tmp_path / "weights").exists()
    result = train(tmp_path, *options, "--skip-broken")
    assert result.returncode == 0, result.stderr
    assert broken.name in result.stderr + result.stdout
    split = json.loads((tmp_path / "weights/split.json").read_text())
    assert broken.stem not in str(split)


def test_without_data_and_network_the_error_says_how_to_pass_a_folder(tmp_path):
    result = train(tmp_path, "--epochs", 1)
    assert result.returncode == 1
    assert "--data DIR" in result.stderr
    assert "kaggle.com/datasets/4quant/interactivesegmentation" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_that_a_console_cannot_show_end_no_training(photos, tmp_path, encoding, monkeypatch):
    data = tmp_path / "写真"
    shutil.copytree(photos, data)
    for folder in ("images", "masks"):
        for file, name in zip(sorted((data / folder).iterdir()), ("łódź", "\U0001f408", "空"), strict=False):
            file.rename(file.with_name(name + file.suffix))
    (data / "images" / "空.png").write_bytes(b"")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    monkeypatch.setenv("PYTHONUTF8", "0")
    options = ["--data", data, *SMALL, "--epochs", 1, "--output", "weights"]
    refused = train(tmp_path, *options)
    assert refused.returncode == 1
    assert "\\u7a7a.png" in refused.stderr
    assert "Traceback" not in refused.stderr
    result = train(tmp_path, *options, "--skip-broken")
    assert result.returncode == 0, result.stderr
    split = json.loads((tmp_path / "weights/split.json").read_text(encoding="utf-8"))
    stems = split["train"] + split["val"] + split["test"]
    assert {"łódź", "\U0001f408"} < set(stems)
    assert "空" not in stems


@pytest.mark.parametrize("options", [["--batch-size", 1], ["--batch-size", 2, "--accumulate", 2]])
def test_one_picture_at_a_time_is_enough_for_training(photos, tmp_path, options):
    result = train(tmp_path, "--data", photos, *SMALL, *options, "--epochs", 2, "--output", "weights")
    assert result.returncode == 0, result.stderr
    weights = load_file(tmp_path / "weights/model.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())
    (row,) = read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["history"][-1:]
    assert row["loss"] > 0

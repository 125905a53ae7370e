"""train.py on streamed datasets, of the Hub and of a folder, in one process and in two."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets_of_rows import drawn_rows, write_dataset
from generated import draw_pair
from hub_server import LocalHub
from PIL import Image
from training_runs import PROCESS, SMALL, TRAIN, TWO, train

from unet.training.checkpoint import CHECKPOINT, read_checkpoint

OPTIONS = [*SMALL, "--epochs", 3]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("hub") / "user" / "name", drawn_rows(60))


IMPORTED = """
import sys
sys.modules["datasets"] = None
import train
sys.exit(train.main())
"""


def test_without_the_library_the_error_names_it(tmp_path):
    result = train(tmp_path, *OPTIONS, "--data", "user/name", program=["-c", IMPORTED])
    assert result.returncode == 1
    assert "error: --data user/name is a dataset, which needs a library: pip install datasets" in result.stderr


def as_parquet(rows: list[dict], folder: Path) -> dict[str, bytes]:
    path = write_dataset(folder, rows) / "train.parquet"
    return {"data/train-00000-of-00001.parquet": path.read_bytes()}


def as_files(rows: list[dict], folder: Path) -> dict[str, bytes]:
    """Pictures and masks as files of the repo, and a table of their names."""
    files, table = {}, []
    for index, row in enumerate(rows):
        names = {column: f"{column}{index:02}.png" for column in row}
        files |= {f"train/{names[column]}": cell["bytes"] for column, cell in row.items()}
        table.append({f"{column}_file_name": name for column, name in names.items()})
    return {**files, "train/metadata.jsonl": "\n".join(map(json.dumps, table)).encode()}


@pytest.mark.parametrize("made", [as_parquet, as_files])
def test_training_on_a_dataset_of_the_hub(tmp_path, made):
    with LocalHub() as hub:
        hub.add_repo("user/pictures", made(drawn_rows(60), tmp_path / "made"), kind="dataset")
        env = hub.env(tmp_path / "home", **PROCESS)
        options = ["--stream-pictures", 12, "--output", "weights"]
        result = train(tmp_path, *OPTIONS, "--data", "user/pictures", *options, env=env)
        assert result.returncode == 0, result.stderr
        missing = train(tmp_path, *OPTIONS, "--data", "user/nothing", env=env)
    assert "[its card](https://huggingface.co/datasets/user/pictures)" in (tmp_path / "weights/README.md").read_text()
    first = min((tmp_path / "runs/weights/streamed/process-0/val/images").iterdir())
    drawn, _ = draw_pair(int(first.stem.removeprefix("train-")))
    assert np.array_equal(np.asarray(Image.open(first)), drawn)
    assert missing.returncode == 1
    assert "error: the dataset user/nothing could not be loaded" in missing.stderr
    assert "there is no folder of this name" in missing.stderr
    assert "Traceback" not in missing.stderr


@pytest.mark.slow
def test_streams_in_two_processes_and_resumed_in_one_are_those_of_one(dataset, tmp_path):
    options = ["--data", dataset, "--stream-pictures", 12, "--output", "weights"]
    histories = {}
    for name, arguments in {
        "one": [["--accumulate", 2]],
        "two": [[]],
        "resumed": [["--stop", 2], ["--accumulate", 2, "--resume"]],
    }.items():
        cwd = tmp_path / name
        cwd.mkdir()
        for more in arguments:
            stopped = more == ["--stop", 2]
            program = ["-c", STOPPED] if stopped else TRAIN
            launcher = TWO if name == "two" else []
            result = train(cwd, *OPTIONS, *options, *([] if stopped else more), program=[*launcher, *program])
            assert result.returncode == (130 if stopped else 0), result.stderr
        histories[name] = read_checkpoint(cwd / "runs/weights" / CHECKPOINT)["progress"]["history"]
    for name in ("two", "resumed"):
        for mine, theirs in zip(histories["one"], histories[name], strict=True):
            for key in ("loss", "val_iou"):
                assert mine[key] == pytest.approx(theirs[key], rel=1e-3, abs=1e-3), (name, key)


# Ctrl-C in the second epoch.
STOPPED = """
import os, signal, sys
import train

step, steps = train.train_step, []

def interrupted_step(*arguments):
    steps.append(1)
    if len(steps) == 5:
        os.kill(os.getpid(), signal.SIGINT)
    return step(*arguments)

train.train_step = interrupted_step
sys.argv += ["--accumulate", "2"]
sys.exit(train.main())
"""


def test_training_on_a_dataset(dataset, tmp_path):
    result = train(tmp_path, *OPTIONS, "--data", dataset, "--stream-pictures", 12, "--output", "weights")
    assert result.returncode == 0, result.stderr
    assert "pictures: train_an_epoch 12, val" in result.stdout
    assert len(read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["history"]) == 3
    assert (tmp_path / "weights/model.safetensors").is_file()

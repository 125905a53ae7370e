"""Tracked runs: the tracker holds the run's history, and its errors do not stop the run."""

import json
import sqlite3
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from generated import write_folder
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_runs import TRAIN, TWO, environment, train

from unet.training.checkpoint import CHECKPOINT, read_checkpoint

OPTIONS = ["--widths", "4", "8", "--size", "32", "--batch-size", "4", "--epochs", "2", "--output", "weights"]
FAILING = """
import sys
import trackio
import train

def no_disk(*arguments, **options):
    raise OSError(28, "No space left on device")

trackio.init = no_disk
sys.exit(train.main())
"""
MISSING = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "trackio" else find(name, package)
import train
sys.exit(train.main())
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("photos") / "shapes", 14)


def tracked(cwd: Path, photos: Path, program: Sequence[str] = TRAIN, tracker: str = "trackio"):
    arguments = ["--data", photos, *OPTIONS, "--track", tracker]
    return train(cwd, *arguments, program=program, env=environment(TRACKIO_DIR=str(cwd / "trackio")))


def test_trackio_holds_the_history_and_the_sheet(photos, tmp_path):
    result = tracked(tmp_path, photos)
    assert result.returncode == 0, result.stderr
    assert "warning: not tracked" not in result.stderr
    history = read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["history"]
    (database,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(database) as connection:
        rows = [json.loads(row) for (row,) in connection.execute("select metrics from metrics order by step")]
    *epochs, sheet = rows
    assert len(epochs) == len(history) == 2
    for logged, epoch in zip(epochs, history, strict=True):
        assert logged == pytest.approx(epoch)
    assert "predictions" in sheet


def test_tensorboard_holds_the_history_of_two_processes_once_and_the_sheet(photos, tmp_path):
    result = tracked(tmp_path, photos, [*TWO, *TRAIN], "tensorboard")
    assert result.returncode == 0, result.stderr
    assert "warning: not tracked" not in result.stderr
    history = read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["history"]
    events = EventAccumulator(str(tmp_path / "runs/weights/tracking/unet"))
    events.Reload()
    for name in ("loss", "lr", "val_iou", "val_dice", "pictures_per_second"):
        logged = events.Scalars(name)
        assert [event.step for event in logged] == [1, 2]
        assert [event.value for event in logged] == pytest.approx([row[name] for row in history], rel=1e-6)
    (sheet,) = events.Images("predictions")
    with (
        Image.open(BytesIO(sheet.encoded_image_string)) as logged,
        Image.open(tmp_path / "runs/weights/validation.png") as drawn,
    ):
        assert np.array_equal(np.asarray(logged.convert("RGB")), np.asarray(drawn.convert("RGB")))


def test_nothing_is_tracked_unless_asked(photos, tmp_path):
    result = train(tmp_path, "--data", photos, *OPTIONS, env=environment(TRACKIO_DIR=str(tmp_path / "t")))
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "t").exists()
    assert not (tmp_path / "runs/weights/tracking").exists()


@pytest.mark.parametrize(
    ("program", "reason"), [(FAILING, "No space left on device"), (MISSING, "trackio is not installed")]
)
def test_a_tracker_in_trouble_does_not_stop_the_run(photos, tmp_path, program, reason):
    result = tracked(tmp_path, photos, ["-c", program])
    assert result.returncode == 0, result.stderr
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("warning: not tracked")]
    assert reason in warning
    assert (tmp_path / "weights/model.safetensors").is_file()

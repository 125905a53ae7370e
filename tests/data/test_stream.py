"""Streamed datasets: which rows are trained on, what a window holds, and how little memory it takes."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from datasets_of_rows import drawn_rows, png, write_dataset
from generated import draw_pair
from PIL import Image

from unet.data import stream as streaming
from unet.data.options import NO_OPTIONS
from unet.data.pairs import load_resized
from unet.data.stream import DatasetStream, is_hub_dataset, part_of_row
from unet.errors import DataError

ROOT = Path(__file__).parents[2]
LIMIT = 150 * 2**20  # bytes that streaming may take beyond what the libraries take at rest


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("hub") / "user" / "name", drawn_rows(60))


def test_what_is_a_dataset(dataset, tmp_path):
    assert is_hub_dataset(Path("user/name"))
    assert is_hub_dataset(dataset)
    assert not is_hub_dataset(tmp_path)
    assert not is_hub_dataset(Path("/user/name"))
    assert not is_hub_dataset(Path("name"))


def test_windows_follow_each_other_through_the_training_rows(dataset, tmp_path):
    stream = DatasetStream(str(dataset), 16, 0, tmp_path)
    val, test = stream.held_out()
    parts = {
        part: {f"train-{i:08d}" for i in range(60) if part_of_row(i, 0) == part} for part in ("train", "val", "test")
    }
    assert {pair.stem for pair in val} == parts["val"]
    assert {pair.stem for pair in test} == parts["test"]
    seen = []
    for epoch in range(6):
        window = stream.window(epoch)
        assert len(window) == 16
        for pair in window:
            rgb, target = load_resized(pair)
            drawn, mask = draw_pair(int(pair.stem.removeprefix("train-")))
            assert np.array_equal(rgb, drawn)
            assert np.array_equal(target, mask // 255)
        seen += [pair.stem for pair in window]
        files = list((tmp_path / "train" / "images").iterdir())
        assert len(files) <= 16
    train = sorted(parts["train"])
    assert seen == (train * 3)[: len(seen)]


def test_a_resumed_stream_is_where_the_first_was(dataset, tmp_path):
    first = DatasetStream(str(dataset), 16, 0, tmp_path / "first")
    windows = [[pair.stem for pair in first.window(epoch)] for epoch in range(3)]
    resumed = DatasetStream(str(dataset), 16, 0, tmp_path / "resumed")
    assert [pair.stem for pair in resumed.window(2)] == windows[2]
    assert [pair.stem for pair in resumed.window(2)] == windows[2]


def test_a_restored_stream_reads_no_row_from_before_its_window(dataset, tmp_path, monkeypatch):
    first = DatasetStream(str(dataset), 16, 0, tmp_path / "first")
    windows, states = [], []
    for epoch in range(8):
        windows.append([pair.stem for pair in first.window(epoch)])
        states.append(json.loads(json.dumps(first.state())))
    read = []
    read_row = streaming.read_row
    monkeypatch.setattr(streaming, "read_row", lambda *row: read.append(row) or read_row(*row))
    for epoch in range(8):
        restored = DatasetStream(str(dataset), 16, 0, tmp_path / "restored")
        restored.restore(states[epoch])
        read.clear()
        assert [pair.stem for pair in restored.window(epoch)] == windows[epoch]
        # The rows of one window, and those between that are dealt to others.
        assert len(read) <= 16 * 60 / 40
        if epoch < 7:
            assert [pair.stem for pair in restored.window(epoch + 1)] == windows[epoch + 1]
        restored = DatasetStream(str(dataset), 16, 0, tmp_path / "restored")
        restored.restore(states[epoch])
        assert [pair.stem for pair in restored.window(7)] == windows[7]
        assert [pair.stem for pair in restored.window(0)] == windows[0]


def test_a_stream_decides_how_masks_are_read_and_stops_at_the_first_that_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "DEALT_ROWS", 21)
    rows = drawn_rows(60)
    for index, row in enumerate(rows):
        inside = np.asarray(Image.open(BytesIO(row["mask"]["bytes"]))) > 0
        greys = np.tile(np.repeat(np.array([0, 60, 120, 200], np.uint8), 14), (40, 1))
        row["mask"] = png(greys if index == 55 else inside.astype(np.uint8) * 7)
    stream = DatasetStream(str(write_dataset(tmp_path / "data", rows)), 12, 0, tmp_path / "spool")
    val, test = stream.decide(NO_OPTIONS)
    assert str(stream.reading) == "0 is background, 7 foreground"
    for part in (lambda: val + test, lambda: stream.window(0), lambda: stream.window(1)):
        for pair in part():
            drawn = draw_pair(int(pair.stem.removeprefix("train-")))[1]
            assert np.array_equal(load_resized(pair)[1], drawn // 255)
    with pytest.raises(DataError, match=r"train row 55 of the dataset .*: the mask does not fit: it holds .*120"):
        list(map(stream.window, range(2, 6)))
    refused = DatasetStream(str(tmp_path / "data"), 60, 0, tmp_path / "other")
    with pytest.raises(DataError, match=r"the masks of the dataset .*data cannot be read: .*--foreground"):
        refused.decide(NO_OPTIONS)


def test_only_the_first_rows_are_dealt_to_validation_and_test():
    parts = [part_of_row(index, 0) for index in range(5000)]
    assert set(parts[streaming.DEALT_ROWS :]) == {"train"}
    for part in ("val", "test"):
        assert 150 < parts.count(part) < 250


@pytest.mark.parametrize("masks_of_test", [True, False])
def test_a_datasets_own_validation_and_test_splits_are_used(tmp_path, masks_of_test):
    rows = drawn_rows(40)
    folder = tmp_path / "own"
    for split, part in (("train", rows[:24]), ("validation", rows[24:32]), ("test", rows[32:])):
        write_dataset(folder, part if split != "test" or masks_of_test else [{"image": row["image"]} for row in part])
        (folder / "train.parquet").rename(folder / f"{split}-00000-of-00001.parquet")
    stream = DatasetStream(str(folder), 16, 0, tmp_path / "spool")
    val, test = stream.held_out()
    assert [pair.stem for pair in val] == [f"validation-{i:08d}" for i in range(8)]
    assert np.array_equal(load_resized(val[3])[0], draw_pair(27)[0])
    dealt = {f"train-{i:08d}" for i in range(24) if part_of_row(i, 0) == "test"}
    assert {p.stem for p in test} == ({f"test-{i:08d}" for i in range(8)} if masks_of_test else dealt)
    trained = {pair.stem for epoch in range(4) for pair in stream.window(epoch)}
    assert trained == {f"train-{i:08d}" for i in range(24)} - (set() if masks_of_test else dealt)


def test_rows_that_cannot_be_used_are_named_or_skipped(tmp_path):
    rows = drawn_rows(30)
    rows[7]["mask"] = {"bytes": b"no picture", "path": None}
    rows[9]["mask"] = png(np.zeros((5, 5), np.uint8))
    folder = write_dataset(tmp_path / "broken", rows)
    with pytest.raises(DataError, match=r"train row 7 of the dataset .*--skip-broken"):
        DatasetStream(str(folder), 16, 0, tmp_path / "spool").window(0)
    skipping = DatasetStream(str(folder), 16, 0, tmp_path / "spool", skip_broken=True)
    stems = {pair.stem for epoch in range(3) for pair in skipping.window(epoch)}
    assert not stems & {"train-00000007", "train-00000009"}
    assert len(stems) > 15


def test_columns_that_are_not_there_are_named(tmp_path):
    rows = [{"image": row["image"], "depth": row["mask"]} for row in drawn_rows(3)]
    folder = write_dataset(tmp_path / "columns", rows, ("image", "depth"))
    with pytest.raises(DataError, match=r"one of masks \(mask, .*its image columns are: image, depth"):
        DatasetStream(str(folder), 4, 0, tmp_path / "spool")


LIMITED = """
import resource, sys
from pathlib import Path
import datasets
import torch  # which datasets imports when it is used
from unet.data import stream as streaming

if sys.argv[4] == "keeping rows":
    kept, write = [], streaming.write_row
    streaming.write_row = lambda row, *where: kept.append(row) or write(row, *where)
(line,) = [line for line in open("/proc/self/status") if line.startswith("VmData")]
resource.setrlimit(resource.RLIMIT_DATA, [int(line.split()[1]) * 1024 + int(sys.argv[3])] * 2)
stream = streaming.DatasetStream(sys.argv[1], 100, 0, Path(sys.argv[2]))
stream.held_out()
for epoch in range(4):
    stream.window(epoch)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A dataset of 500 rows in 25 files."""
    folder = tmp_path_factory.mktemp("large")
    noise = np.random.default_rng(0)
    mask = png(draw_pair(0, 400, 400)[1])
    rows = [
        {"image": png(noise.integers(0, 256, (400, 400, 3), dtype=np.uint8), compress_level=0), "mask": mask}
        for _ in range(20)
    ]
    for part in range(25):
        write_dataset(folder, rows)
        (folder / "train.parquet").rename(folder / f"train-{part:05d}-of-00025.parquet")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sets RLIMIT_DATA")
@pytest.mark.parametrize("how", ["as it is", "keeping rows"])
def test_a_dataset_larger_than_the_memory_allowed_is_streamed(large, tmp_path, how):
    assert sum(file.stat().st_size for file in large.iterdir()) > 1.5 * LIMIT
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", LIMITED, str(large), str(tmp_path), str(LIMIT), how]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if how == "as it is":
        assert result.returncode == 0, result.stderr
    else:  # the limit is one that tells the difference
        assert result.returncode == 1
        assert "MemoryError" in result.stderr.splitlines()[-1]

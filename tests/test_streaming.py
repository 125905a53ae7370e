"""Datasets that are streamed: who is trained on, what a window holds, and how little memory it takes."""

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from generated import draw_pair
from PIL import Image

from unet.checkpoints import CHECKPOINT, read_checkpoint
from unet.data import load_resized
from unet.errors import DataError
from unet.streaming import DatasetStream, is_hub_dataset, part_of_row

datasets = pytest.importorskip("datasets")
ROOT = Path(__file__).parent.parent
LIMIT = 150 * 2**20  # bytes that streaming may take


def png(array: np.ndarray, **options: int) -> dict[str, bytes]:
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG", **options)
    return {"bytes": buffer.getvalue(), "path": None}


def write_dataset(folder: Path, rows: list[dict], columns: tuple[str, str] = ("image", "mask")) -> Path:
    features = datasets.Features({column: datasets.Image() for column in columns})
    folder.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(folder / "train.parquet"))
    return folder


def drawn_rows(count: int) -> list[dict]:
    return [dict(zip(("image", "mask"), map(png, draw_pair(seed)), strict=True)) for seed in range(count)]


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
        part: {f"row-{i:08d}" for i in range(60) if part_of_row(i, 0) == part} for part in ("train", "val", "test")
    }
    assert {pair.stem for pair in val} == parts["val"]
    assert {pair.stem for pair in test} == parts["test"]
    seen = []
    for epoch in range(6):
        window = stream.window(epoch)
        assert len(window) == 16
        for pair in window:
            rgb, target = load_resized(pair)
            drawn, mask = draw_pair(int(pair.stem.removeprefix("row-")))
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


def test_rows_that_cannot_be_used_are_named_or_skipped(tmp_path):
    rows = drawn_rows(30)
    rows[7]["mask"] = {"bytes": b"no picture", "path": None}
    rows[9]["mask"] = png(np.zeros((5, 5), np.uint8))
    folder = write_dataset(tmp_path / "broken", rows)
    with pytest.raises(DataError, match=r"row 7 of the dataset .*--skip-broken"):
        DatasetStream(str(folder), 16, 0, tmp_path / "spool").window(0)
    skipping = DatasetStream(str(folder), 16, 0, tmp_path / "spool", skip_broken=True)
    stems = {pair.stem for epoch in range(3) for pair in skipping.window(epoch)}
    assert not stems & {"row-00000007", "row-00000009"}
    assert len(stems) > 15


def test_columns_and_datasets_that_are_not_there_are_named(tmp_path):
    rows = [{"image": row["image"], "depth": row["mask"]} for row in drawn_rows(3)]
    folder = write_dataset(tmp_path / "columns", rows, ("image", "depth"))
    with pytest.raises(DataError, match=r"one of masks \(mask, .*its image columns are: image, depth"):
        DatasetStream(str(folder), 4, 0, tmp_path / "spool")
    with pytest.raises(DataError, match=r"the dataset nobody/nothing cannot be had .*--data takes a folder"):
        DatasetStream("nobody/nothing", 4, 0, tmp_path / "spool")


def train(cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    options = ["--widths", 4, 8, "--size", 32, "--batch-size", 4, "--warmup-steps", 2, "--epochs", 3]
    command = [sys.executable, ROOT / "train.py", *options, *arguments]
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240
    )


def test_training_on_a_dataset(dataset, tmp_path):
    result = train(tmp_path, "--data", dataset, "--stream-pictures", 12, "--output", "weights")
    assert result.returncode == 0, result.stderr
    assert "pictures: train 12, val" in result.stdout
    assert len(read_checkpoint(tmp_path / "runs/weights" / CHECKPOINT)["progress"]["history"]) == 3
    assert (tmp_path / "weights/model.safetensors").is_file()


WATCHED = """
import resource, sys
from pathlib import Path
from unet.streaming import DatasetStream

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
stream = DatasetStream(sys.argv[1], 100, 0, Path(sys.argv[2]))
stream.window(0)
before = peak()
for epoch in range(1, int(sys.argv[3])):
    stream.window(epoch)
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_dataset(tmp_path):
    noise = np.random.default_rng(0)
    mask = png(draw_pair(0, 400, 400)[1])
    rows = [
        {"image": png(noise.integers(0, 256, (400, 400, 3), dtype=np.uint8), compress_level=0), "mask": mask}
        for _ in range(20)
    ]
    folder = tmp_path / "large"
    for part in range(25):
        write_dataset(folder, rows)
        (folder / "train.parquet").rename(folder / f"train-{part:05d}-of-00025.parquet")
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size > 1.5 * LIMIT
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", WATCHED, str(folder), str(tmp_path / "spool"), "4"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < LIMIT

"""train.py on a streamed dataset with a damaged row: the run ends, and is resumed with --skip-broken."""

import pytest
from datasets_of_rows import drawn_rows, write_dataset
from training_runs import SMALL, finish

from unet.data.stream import part_of_row
from unet.training.checkpoint import CHECKPOINT, read_checkpoint

TRAIN = [index for index in range(60) if part_of_row(index, 0) == "train"]


@pytest.mark.slow
def test_a_run_that_met_a_damaged_row_goes_on_when_it_may_skip_it(tmp_path):
    rows = drawn_rows(60)
    lost = TRAIN[20]  # of the second of three windows
    cell = rows[lost]["mask"]
    rows[lost]["mask"] = {**cell, "bytes": cell["bytes"][: len(cell["bytes"]) * 2 // 3]}
    options = [*SMALL, "--epochs", 3, "--data", write_dataset(tmp_path / "data", rows), "--stream-pictures", 12]
    histories = {}
    for name, runs in {"skipping": [["--skip-broken"]], "resumed": [[], ["--resume", "--skip-broken"]]}.items():
        cwd = tmp_path / name
        cwd.mkdir()
        for more in runs:
            errors = finish(cwd, *options, "--output", "weights", *more, status=0 if more else 1)
            assert more or f"error: train row {lost} of the dataset" in errors
        histories[name] = read_checkpoint(cwd / "runs/weights" / CHECKPOINT)["progress"]["history"]
    assert len(histories["resumed"]) == 3
    for mine, theirs in zip(*histories.values(), strict=True):
        for key in ("loss", "val_iou"):
            assert mine[key] == pytest.approx(theirs[key], rel=1e-3, abs=1e-3)

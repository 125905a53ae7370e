"""Checkpoints: whole or not there, damaged or hostile; and the moving average of the weights."""

import os

import numpy as np
import pytest
import torch

from unet.errors import TrainingError
from unet.training.checkpoint import CHECKPOINT, ema_decay, read_checkpoint, update_ema, write_atomically


def test_a_checkpoint_is_whole_or_the_old_one_stays(tmp_path, monkeypatch):
    path = tmp_path / CHECKPOINT
    write_atomically({"step": 1}, path)

    def full_disk(content, file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(TrainingError, match=r"No space left.*the last good checkpoint stays"):
        write_atomically({"step": 2}, path)
    monkeypatch.undo()
    assert read_checkpoint(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98])
def test_a_damaged_checkpoint_is_named(tmp_path, keep):
    path = tmp_path / CHECKPOINT
    write_atomically({"weights": torch.zeros(1000)}, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(TrainingError, match="damaged"):
        read_checkpoint(path)


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    path = tmp_path / CHECKPOINT
    torch.save({"x": Evil()}, path)
    with pytest.raises(TrainingError, match="damaged"):
        read_checkpoint(path)


def test_the_moving_average_is_the_textbooks():
    model, ema = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    value = np.ones(2)
    for step in range(30):
        model.weight.data.fill_(step)
        model.running_mean.fill_(-step)
        model.num_batches_tracked.fill_(step)
        decay = ema_decay(step, 0.5)
        value = value * decay + step * (1 - decay)
        update_ema(ema, model, decay)
    np.testing.assert_allclose(ema.weight.detach().numpy(), value, rtol=1e-5)
    assert ema.num_batches_tracked == 29
    assert ema_decay(0, 0.998) == 0.1
    assert ema_decay(10**6, 0.998) == 0.998

"""Batches that other processes prepare: the same ones in the same order, without these processes' traces."""

import os

import numpy as np
import pytest
import torch

from unet.errors import ConfigError
from unet.evaluation.simulated_clicks import draw_clicks
from unet.training import prefetch
from unet.training.batches import Batch
from unet.training.prefetch import chosen_workers, prepare_batches

ROWS = [np.arange(start, start + 3) for start in range(0, 30, 3)]


def make(samples):
    rng = np.random.default_rng(samples)
    targets = rng.integers(0, 2, (len(samples), 8, 9), dtype=np.uint8)
    drawn = [
        draw_clicks(np.random.default_rng(int(n)), t) if n % 2 else None for n, t in zip(samples, targets, strict=True)
    ]
    return Batch(rng.integers(0, 256, (len(samples), 8, 9, 3), dtype=np.uint8), targets, drawn)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_are_those_asked_for_whoever_makes_them(workers):
    batches = list(prepare_batches(make, ROWS, workers))
    assert len(batches) == len(ROWS)
    for batch, row in zip(batches, ROWS, strict=True):
        expected = make(row)
        np.testing.assert_array_equal(batch.images, expected.images)
        np.testing.assert_array_equal(batch.targets, expected.targets)
        assert batch.clicks == expected.clicks


def test_workers_are_other_processes_and_leave_this_ones_random_numbers_alone():
    def telling(samples):
        return Batch(np.full((1, 1, 1, 3), os.getpid() % 256, np.uint8), np.zeros((1, 1, 1), np.uint8), [])

    before = torch.get_rng_state()
    makers = {int(batch.images[0, 0, 0, 0]) for batch in prepare_batches(telling, ROWS, 2)}
    assert len(makers) == 2
    assert os.getpid() % 256 not in makers
    torch.testing.assert_close(torch.get_rng_state(), before)


def test_an_error_in_a_worker_arrives_with_its_message():
    def fail(samples):
        raise ConfigError("no such picture")

    with pytest.raises(ConfigError, match=r"^no such picture$"):
        list(prepare_batches(fail, ROWS, 1))


def test_without_a_gpu_there_are_no_workers_unless_they_are_wanted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen_workers(None) == 0
    assert chosen_workers(3) == 3
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("unet.training.prefetch.usable_cores", lambda: 16)
    assert chosen_workers(None) == 15
    assert chosen_workers(None, processes=4) == 3
    assert chosen_workers(0) == 0


def test_a_system_that_cannot_fork_says_so(monkeypatch):
    monkeypatch.setattr(prefetch.multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(ConfigError, match="--workers 0"):
        chosen_workers(2)
    assert chosen_workers(0) == chosen_workers(None) == 0

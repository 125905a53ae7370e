"""Sizes of two sides: as they are given, kept, trained with and checked."""

import numpy as np
import pytest
import tyro
from generated import write_folder

from unet import UNet
from unet.data.inspect import inspect_folder
from unet.errors import ConfigError
from unet.training.batches import LONGEST_SIDE, PictureStore, make_batch
from unet.training.config import TrainConfig, check_config
from unet.training.run import check_deepest


@pytest.mark.parametrize(
    ("words", "size", "trained", "served"),
    [
        ([], 240, (240, 240), (240, 240)),
        (["--size", "96"], 96, (96, 96), (96, 96)),
        (["--size", "360x480"], (360, 480), (360, 480), (360, 480)),
        (["--size", "360X480", "--serve-size", "288"], (360, 480), (360, 480), (288, 288)),
        (["--size", "96", "--serve-size", "288x384"], 96, (96, 96), (288, 384)),
    ],
)
def test_one_number_or_two(words, size, trained, served):
    config = tyro.cli(TrainConfig, args=words)
    assert (config.size, config.train_size, config.served_size) == (size, trained, served)
    check_config(config)
    assert config.as_json()["size"] == (size if isinstance(size, int) else list(size))  # as checkpoints compare them


@pytest.mark.parametrize("word", ["wide", "3x4x5", "x", "1.5"])
def test_what_is_no_size_is_wrong_usage(word, capsys):
    with pytest.raises(SystemExit) as stopped:
        tyro.cli(TrainConfig, args=["--size", word])
    assert stopped.value.code == 2
    assert "--size" in capsys.readouterr().err


@pytest.mark.parametrize("size", [0, (0, 5), (5, 0)])
def test_sides_are_at_least_one_pixel(size):
    with pytest.raises(ConfigError, match="--size must be at least 1, not 0"):
        check_config(TrainConfig(size=size))


def test_one_pixel_of_the_deepest_map_is_refused_only_if_both_sides_shrink_to_it():
    model = UNet(widths=(4, 4, 4, 8))
    with pytest.raises(ConfigError, match="--size 16x9 leaves one pixel"):
        check_deepest(TrainConfig(size=(16, 9), batch_size=1), model, 1)
    check_deepest(TrainConfig(size=(16, 17), batch_size=1), model, 1)


def test_pictures_are_kept_no_smaller_than_the_network_sees_them(tmp_path):
    assert TrainConfig(size=240).longest_side == LONGEST_SIDE
    assert TrainConfig(size=(360, 480)).longest_side == 480
    write_folder(tmp_path / "set", 3)
    pairs = inspect_folder(tmp_path / "set").pairs  # 40 x 56
    assert PictureStore(pairs, longest=28)[0][0].shape == (20, 28, 3)
    assert PictureStore(pairs, longest=56)[0][1].shape == (40, 56)
    batch = make_batch(PictureStore(pairs), [0, 1], 0, 0, (24, 40))
    assert batch.images.shape == (2, 24, 40, 3)
    assert batch.targets.shape == (2, 24, 40)
    assert set(np.unique(batch.targets)) <= {0, 1}

"""The pictures of a run with classes: one table for all folders, and the given split."""

from dataclasses import replace

import numpy as np
import pytest
from class_folders import by_values, roboflow, write

from unet.data.pair import load_resized
from unet.errors import DataError, TrainingError
from unet.training.config import TrainConfig
from unet.training.datasets import make_splits


def test_folders_of_parts_are_the_split_and_their_list_the_classes(tmp_path):
    meant = roboflow(tmp_path / "set")
    splits = make_splits(TrainConfig(data=tmp_path / "set", classes="auto"))
    assert splits.classes.names == ["background", "car", "road"]
    for part, name in (("train", "train"), ("val", "valid"), ("test", "test")):
        assert [pair.stem for pair in getattr(splits, part)] == sorted(s for s in meant if s.startswith(name))


def test_extra_folders_are_read_by_the_classes_of_the_main_one(tmp_path):
    roboflow(tmp_path / "set")
    meant = write(tmp_path / "more", by_values((2, 1, 255)), 3, count=12, stem="m", first_seed=50)
    splits = make_splits(TrainConfig(data=tmp_path / "set", extra_data=(tmp_path / "more",), classes="auto"))
    assert len(splits.extra[0]) == 11
    for pair in splits.extra[0]:
        np.testing.assert_array_equal(load_resized(pair)[1], np.array([2, 1, 255])[meant[pair.stem]])
    assert splits.readings()["more"].table == splits.classes


def test_pixels_of_the_classes_are_those_of_an_epochs_training_pictures(tmp_path):
    meant = roboflow(tmp_path / "set")
    more = write(tmp_path / "more", by_values((2, 1, 255)), 3, count=12, stem="m", first_seed=50)
    data = {"data": tmp_path / "set", "extra_data": (tmp_path / "more",), "classes": "auto"}
    config = TrainConfig(**data, main_repeats=3, extra_repeats=(2,), loss="balanced")
    splits = make_splits(config)
    labels = [meant[pair.stem] for pair in splits.train] * 3
    labels += [np.array([2, 1, 255])[more[pair.stem]] for pair in splits.extra[0]] * 2
    expected = [sum(int((map_ == label).sum()) for map_ in labels) for label in range(3)]
    assert splits.class_pixels(config) == expected


def test_nobody_has_counted_the_pixels_of_a_stream(tmp_path):
    roboflow(tmp_path / "set")
    config = TrainConfig(data=tmp_path / "set", classes="auto", loss="balanced")
    streamed = replace(make_splits(config), stream=object())
    with pytest.raises(TrainingError, match="download it to a folder, or take another --loss"):
        streamed.class_pixels(config)


def test_an_id_that_only_an_extra_folder_has_stops_the_run(tmp_path):
    roboflow(tmp_path / "set")
    write(tmp_path / "more", by_values((0, 7)), 2, count=4)
    config = TrainConfig(data=tmp_path / "set", extra_data=(tmp_path / "more",), classes="auto")
    with pytest.raises(DataError, match="the masks of more have ids without a class: 7"):
        make_splits(config)


def test_an_extra_folder_whose_list_contradicts_the_main_ones_stops_the_run(tmp_path):
    roboflow(tmp_path / "set")
    write(tmp_path / "more", by_values((0, 1, 2)), 3, count=4)
    (tmp_path / "more/classes.txt").write_text("background\nroad\ncar\n")
    config = TrainConfig(data=tmp_path / "set", extra_data=(tmp_path / "more",), classes="auto")
    with pytest.raises(DataError, match=r"more/classes\.txt contradicts .* 1 road \(not car\), 2 car \(not road\)"):
        make_splits(config)


def test_what_counts_nowhere_need_not_be_in_an_extra_folder(tmp_path):
    write(tmp_path / "set", by_values((0, 1, 77)), 3, count=12)
    write(tmp_path / "more", by_values((0, 1)), 2, count=4, first_seed=50)
    data = {"data": tmp_path / "set", "extra_data": (tmp_path / "more",), "classes": "auto"}
    readings = make_splits(TrainConfig(**data, unknown=("77",))).readings()
    assert (readings["set"].unknown, readings["more"].unknown) == ((77,), ())
    with pytest.raises(DataError, match=r"no mask of .*set has 78, which the options name"):
        make_splits(TrainConfig(**data, unknown=("78",)))


def test_a_list_may_be_named_by_its_place_in_the_data_folder(tmp_path):
    roboflow(tmp_path / "set")
    config = TrainConfig(data=tmp_path / "set", classes="train/_classes.csv")
    assert make_splits(config).classes.names == ["background", "car", "road"]


def test_without_the_option_the_task_is_binary(tmp_path):
    roboflow(tmp_path / "set")
    splits = make_splits(TrainConfig(data=tmp_path / "set"))
    assert splits.classes is None
    assert splits.folders[0].unused_classes == tmp_path / "set/test/_classes.csv"

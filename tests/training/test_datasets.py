"""Which pictures a run trains on, validates and is scored with, and which earlier weights it may start from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated import write_folder
from PIL import Image

from unet import UNet
from unet.data.pairs import Pair
from unet.data.split import load_split, save_split
from unet.errors import ConfigError, DataError, TrainingError
from unet.network.weights import WeightsConfig, save_weights
from unet.training import datasets as module
from unet.training.config import TrainConfig, check_config
from unet.training.datasets import Splits, make_splits, refuse_leak


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    counts = {"shapes": 20, "more": 30, "most": 40, "new": 30}
    made = {name: write_folder(root / name, count, 100 * i) for i, (name, count) in enumerate(counts.items())}
    for path in sorted(made["new"].glob("*/*")):
        path.rename(path.with_name(f"new-{path.name}"))
    return made


@pytest.fixture(scope="module")
def three(folders):
    config = TrainConfig(data=folders["shapes"], extra_data=(folders["more"], folders["most"]))
    return config, make_splits(config)


def weights_of(folder: Path, splits: Splits, stems: dict[str, list[str]] | None = None) -> Path:
    """A weights folder as a run with `splits` writes it."""
    save_weights(folder, UNet(widths=(2,)), WeightsConfig(size=(16, 16), data=splits.names))
    save_split(folder / "split.json", stems or splits.stems())
    return folder


def test_every_folder_with_pictures_to_validate_with_is_a_set_of_its_own(three):
    _, splits = three
    assert splits.validation_sets() == [splits.val, *splits.extra_val]
    assert all(splits.validation_sets())
    assert replace(splits, extra_val=[[], splits.extra_val[1]]).validation_sets() == [
        splits.val,
        splits.extra_val[1],
    ]


def test_no_picture_plays_two_parts(three, folders):
    _, splits = three
    for index, name in enumerate(("more", "most")):
        parts = (splits.extra[index], splits.extra_val[index], splits.extra_test[index])
        images = [pair.image for part in parts for pair in part]
        assert sorted(images) == sorted((folders[name] / "images").iterdir())
        assert len(parts[1]) + len(parts[2]) == len(images) // 10


def test_scores_are_named_by_part_and_folder(three):
    _, splits = three
    named = splits.scored_sets()
    assert list(named) == ["val", "val/more", "val/most", "test", "extra_test/more", "extra_test/most"]
    assert named["val/most"] == splits.extra_val[1]
    assert named["extra_test/more"] == splits.extra_test[0]
    single = replace(splits, names=splits.names[:2], extra_val=splits.extra_val[:1], extra_test=splits.extra_test[:1])
    assert list(single.scored_sets()) == ["val", "val/more", "test", "extra_test"]
    assert "val/more" not in replace(single, extra_val=[[]]).scored_sets()


def test_an_epoch_shows_each_folder_as_often_as_it_is_told(three):
    config, splits = three
    config = replace(config, main_repeats=3, extra_repeats=(1, 4))
    samples = splits.samples(config, 0)
    assert len(samples) == splits.epoch_length(config)
    for pairs, repeats in ((splits.train, 3), (splits.extra[0], 1), (splits.extra[1], 4)):
        assert all(samples.count(pair) == repeats for pair in pairs)
    kept_out = {p.image for part in (splits.val, splits.test, *splits.extra_val, *splits.extra_test) for p in part}
    assert not kept_out & {pair.image for pair in samples}
    once = replace(config, extra_repeats=())
    assert len(splits.samples(once, 0)) == 3 * len(splits.train) + sum(map(len, splits.extra))


@pytest.mark.parametrize(
    ("repeats", "message"),
    [
        ((2,), "--extra-repeats gives 1 numbers for 2 --extra-data folders"),
        ((2, 2, 2), "--extra-repeats gives 3 numbers for 2"),
        ((2, 0), r"--extra-repeats must be at least 1, not \[2, 0\]"),
    ],
)
def test_repeats_that_do_not_fit_are_refused(three, repeats, message):
    config, _ = three
    check_config(replace(config, extra_repeats=(2, 1)))
    with pytest.raises(ConfigError, match=message):
        check_config(replace(config, extra_repeats=repeats))


def test_split_json_names_the_folder_of_extra_pictures(three, tmp_path):
    _, splits = three
    save_split(tmp_path / "split.json", splits.stems())
    stems = load_split(tmp_path / "split.json")
    assert stems["train"] == sorted(pair.stem for pair in splits.train)
    extra = {f"{pair.root.name}/{pair.stem}" for pairs in splits.extra_val for pair in pairs}
    assert set(stems["val"]) == {pair.stem for pair in splits.val} | extra
    assert len(stems["val"]) == len(splits.val) + len(extra)
    assert set(stems["extra_test"]) == {f"{p.root.name}/{p.stem}" for pairs in splits.extra_test for p in pairs}


def test_the_same_split_may_start_from_its_own_weights(three, tmp_path):
    _, splits = three
    refuse_leak(weights_of(tmp_path, splits), splits)


def test_pictures_that_were_kept_out_may_play_another_part_now(folders, tmp_path):
    splits = make_splits(TrainConfig(data=folders["shapes"], extra_data=(folders["more"],)))
    kept_out = [pair.stem for pairs in (*splits.extra_val, *splits.extra_test) for pair in pairs]
    earlier = {**splits.stems(), "val": sorted(p.stem for p in splits.val), "extra_test": sorted(kept_out)}
    refuse_leak(weights_of(tmp_path, splits, earlier), splits)


def test_pictures_that_the_weights_were_trained_on_are_refused(three, tmp_path):
    config, splits = three
    weights = weights_of(tmp_path, splits)
    other = make_splits(replace(config, split_seed=1))
    with pytest.raises(TrainingError, match="was trained with another split"):
        refuse_leak(weights, other)
    # Alone, the main folder's other split is refused, and an extra folder's is too.
    with pytest.raises(TrainingError, match="another split"):
        refuse_leak(weights, replace(splits, val=other.val, test=other.test))
    with pytest.raises(TrainingError, match="another split"):
        refuse_leak(weights, replace(splits, extra_val=other.extra_val, extra_test=other.extra_test))


def test_a_main_folder_of_other_pictures_is_new_to_weights_with_extra_folders(three, folders, tmp_path):
    _, splits = three
    refuse_leak(weights_of(tmp_path, splits), make_splits(TrainConfig(data=folders["new"])))


def test_a_folder_that_the_weights_do_not_know_is_new_to_them(folders, tmp_path):
    earlier = make_splits(TrainConfig(data=folders["shapes"], extra_data=(folders["more"],)))
    weights = weights_of(tmp_path, earlier)
    refuse_leak(weights, make_splits(TrainConfig(data=folders["shapes"], extra_data=(folders["more"], folders["new"]))))
    refuse_leak(weights, make_splits(TrainConfig(data=folders["shapes"], extra_data=(folders["most"],))))


def test_numbers_that_two_folders_share_say_nothing_but_names_and_the_whole_folder_do(folders, tmp_path):
    earlier = make_splits(TrainConfig(data=folders["shapes"]))  # p00 to p19
    weights = weights_of(tmp_path / "weights", earlier)
    refuse_leak(weights, make_splits(TrainConfig(data=folders["more"], split_seed=1)))  # p00 to p29, other pictures
    renamed = tmp_path / "renamed"
    shutil.copytree(folders["shapes"], renamed)
    with pytest.raises(TrainingError, match="give a folder of other pictures another name"):
        refuse_leak(weights, make_splits(TrainConfig(data=renamed, split_seed=1)))
    stems = [f"aero_2008_{number:06}" for number in range(12)]
    held_out = Splits([], pairs_of("other", *stems), [], [], [], [], ("other",))
    split = {"train": stems[5:6], "val": [], "test": [], "extra_test": []}
    with pytest.raises(TrainingError, match="aero_2008_000005 would be tested"):
        refuse_leak(weights_of(tmp_path / "named", earlier, split), held_out)


def pairs_of(root: str, *stems: str) -> list[Pair]:
    return [Pair(stem, Path(root, f"{stem}.jpg"), Path(root, f"{stem}.png"), Path(root)) for stem in stems]


def test_what_is_said_of_masks_holds_for_extra_folders_as_far_as_they_have_it(tmp_path):
    main, extra = write_folder(tmp_path / "main", 12), write_folder(tmp_path / "extra", 12, first_seed=50)
    for path in (main / "masks").iterdir():  # trimaps of 1, 2 and 3
        inside = np.asarray(Image.open(path)) > 0
        Image.fromarray(np.where(inside, 1, np.where(np.arange(56) < 3, 3, 2)).astype(np.uint8)).save(path)
    (main / "images").rename(main / "views")
    (main / "masks").rename(main / "trimap")
    options = {"images": "views", "masks": "trimap", "foreground": ("1",), "unknown": ("3",)}
    splits = make_splits(TrainConfig(data=main, extra_data=(extra,), **options))
    assert {name: str(reading) for name, reading in splits.readings().items()} == {
        "main": "as the options say: 1 foreground, the rest background; 3 unknown",
        "extra": "0 is background, 255 foreground",
    }
    with pytest.raises(DataError, match=r"no mask of .*extra has 1 or 3, which the options name"):
        make_splits(TrainConfig(data=extra, foreground=("1",), unknown=("3",)))


@pytest.mark.parametrize("seed", range(4))
def test_a_tenth_of_a_given_train_keeps_groups_together(folders, tmp_path, seed):
    stems = [f"p{i:02}" for i in range(20)]
    groups, split = tmp_path / "groups.txt", tmp_path / "split.json"
    split.write_text(json.dumps({"train": stems[:16], "test": stems[16:]}))
    groups.write_text("\n".join(f"{a} {b}" for a, b in zip(stems[:16:2], stems[1:16:2], strict=True)) + "\np16 p17")
    config = TrainConfig(data=folders["shapes"], split_file=split, groups=groups, split_seed=seed)
    splits = make_splits(config)
    val = [int(pair.stem[1:]) for pair in splits.val]
    assert val == [2 * (val[0] // 2), 2 * (val[0] // 2) + 1]
    groups.write_text("p00 p01\np02 gone")
    with pytest.raises(DataError, match="the groups name pictures that do not exist: gone"):
        make_splits(config)


def test_weights_without_a_split_are_not_checked(three, tmp_path):
    refuse_leak(tmp_path, three[1])


def test_kaggles_folder_goes_by_the_name_of_the_set(folders, tmp_path, monkeypatch):
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions/1").symlink_to(folders["new"])
    monkeypatch.setattr(module, "kaggle_folder", lambda: tmp_path / "versions/1")
    assert make_splits(TrainConfig(extra_data=(folders["more"],))).names == ("iseg", "more")

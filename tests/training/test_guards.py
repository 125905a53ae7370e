"""What is refused before the first step: shared pictures, changed folders, folders that cannot be written."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from accelerate import Accelerator
from generated import write_folder
from PIL import Image
from training_runs import SMALL, train

from unet.data.stream import is_hub_dataset
from unet.errors import DataError, TrainingError
from unet.hub.source import Location
from unet.network.unet import UNet
from unet.network.weights import WeightsConfig, save_weights
from unet.training import guards
from unet.training.checkpoint import CHECKPOINT, read_checkpoint
from unet.training.config import TrainConfig
from unet.training.datasets import make_splits
from unet.training.guards import refuse_changed_pictures, try_folder
from unet.training.run import build_model, start_run

OPTIONS = [*SMALL, "--main-repeats", "1"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which a run of two epochs has ended, without --output."""
    cwd = tmp_path_factory.mktemp("finished")
    write_folder(cwd / "shapes", 14)
    result = train(cwd, "--data", "shapes", "--epochs", 2, *OPTIONS)
    assert result.returncode == 0, result.stderr
    return cwd, result.stdout


def test_without_output_the_weights_go_to_runs_and_say_how_masks_were_read(finished):
    cwd, printed = finished
    assert not (cwd / "weights").exists()
    config = json.loads((cwd / "runs/weights-shapes/config.json").read_text())
    assert config["reading"]["shapes"]["means"] == "0 is background, 255 foreground"
    card = (cwd / "runs/weights-shapes/README.md").read_text()
    for text in (printed, card):
        assert "0 is background, 255 foreground" in text
    assert "values      0 (" in printed
    assert (cwd / "runs/shapes" / CHECKPOINT).is_file()


def test_a_finished_run_goes_on_with_a_new_cosine(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "more")
    cwd = tmp_path / "more"
    result = train(cwd, "--data", "shapes", "--epochs", 4, "--resume", *OPTIONS)
    assert result.returncode == 0, result.stderr
    progress = read_checkpoint(cwd / "runs/shapes" / CHECKPOINT)["progress"]
    rates = [row["lr"] for row in progress["history"]]
    assert (progress["epoch"], progress["first_epoch"], len(rates)) == (4, 2, 4)
    assert rates[2:] == pytest.approx(rates[:2])  # the same cosine again
    assert train(cwd, "--data", "shapes", "--epochs", 3, "--resume", *OPTIONS).returncode == 1


def test_a_run_does_not_go_on_after_its_pictures_changed(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "changed")
    cwd = tmp_path / "changed"
    for kind in ("images", "masks"):
        shutil.copyfile(cwd / f"shapes/{kind}/p00.png", cwd / f"shapes/{kind}/added.png")
        (cwd / f"shapes/{kind}/p05.png").unlink()
    result = train(cwd, "--data", "shapes", "--epochs", 2, "--resume", *OPTIONS)
    assert result.returncode == 1
    assert "the pictures are not those that the run began with" in result.stderr
    assert "added" in result.stderr
    assert "p05" in result.stderr


def test_changed_parts_are_named_and_old_checkpoints_have_none():
    refuse_changed_pictures(None, {"train": ["a"]})
    refuse_changed_pictures({"train": ["a"]}, {"train": ["a"]})
    with pytest.raises(TrainingError, match=r"no longer there: a \(train\); new: a \(test\)"):
        refuse_changed_pictures({"train": ["a", "b"], "test": []}, {"train": ["b"], "test": ["a"]})


@pytest.mark.parametrize("part", ["val", "test"])
def test_extra_data_that_holds_pictures_kept_out_is_refused_by_content(tmp_path, part):
    main, extra = write_folder(tmp_path / "main", 14), write_folder(tmp_path / "extra", 20, first_seed=50)
    config = TrainConfig(data=main)
    pair = getattr(make_splits(config), part)[0]
    trained = make_splits(replace(config, extra_data=(extra,))).extra[0][0]
    shutil.copyfile(pair.image, trained.image)  # under another name
    with pytest.raises(DataError, match=f"{trained.stem} of extra = {pair.stem} of main"):
        make_splits(replace(config, extra_data=(extra,)))


def test_an_extra_folder_may_share_pictures_that_both_train_on(tmp_path):
    main, extra = write_folder(tmp_path / "main", 14), write_folder(tmp_path / "extra", 20, first_seed=50)
    config = TrainConfig(data=main, extra_data=(extra,))
    splits = make_splits(config)
    shutil.copyfile(splits.train[0].image, splits.extra[0][0].image)
    make_splits(config)


def test_weights_of_a_repo_come_with_their_split_which_tells_leaks(finished, monkeypatch):
    cwd, _ = finished
    folder = cwd / "runs/weights-shapes"

    def located(source, also=()):
        """Without being asked for, split.json is not fetched."""
        return Location(folder if also == ("split.json",) else cwd / "nothing", source)

    monkeypatch.setattr("unet.training.run.locate", located)
    config = TrainConfig(data=cwd / "shapes", init_from="user/name")
    build_model(config, make_splits(config))
    other = replace(config, split_seed=1)
    with pytest.raises(TrainingError, match="was trained with another split"):
        build_model(other, make_splits(other))


def test_a_click_layer_that_no_step_uses_does_not_learn(tmp_path, capsys):
    data = write_folder(tmp_path / "shapes", 14)
    save_weights(
        tmp_path / "w", UNet(encoder="lite0", widths=(4, 4, 4, 4, 4), clicks=True), WeightsConfig(size=(32, 32))
    )
    config = TrainConfig(data=data, init_from=str(tmp_path / "w"), run_dir=tmp_path / "run")
    model = start_run(config, Accelerator(cpu=True)).model
    assert "--clicks trains it" in capsys.readouterr().out
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == [
        name for name, _ in model.named_parameters() if name.startswith("click_layer.")
    ]
    model = build_model(replace(config, clicks=True), make_splits(config))
    assert all(p.requires_grad for p in model.parameters())


def test_folders_of_one_name_are_refused_before_they_are_read(tmp_path):
    main = write_folder(tmp_path / "main", 14)
    folders = [write_folder(tmp_path / name / "photos", 4, first_seed=50) for name in "ab"]
    with pytest.raises(DataError, match=r"several data folders are called photos.*rename one of them"):
        make_splits(TrainConfig(data=main, extra_data=tuple(folders)))
    with pytest.raises(DataError, match="called photos"):
        make_splits(TrainConfig(data=folders[0], extra_data=(folders[1],)))


def test_copies_that_are_trained_on_and_kept_out_are_named(tmp_path, caplog):
    folder = write_folder(tmp_path / "main", 14)
    splits = make_splits(TrainConfig(data=folder))
    assert not caplog.messages
    trained, tested = splits.train[0], splits.test[0]
    shutil.copyfile(trained.image, tested.image)
    make_splits(TrainConfig(data=folder))
    pair = " = ".join(sorted([trained.stem, tested.stem]))
    assert caplog.messages[0].startswith("main: nearly equal pictures are partly trained on and partly kept out")
    assert f"(1 times: {pair}); a line of groups.txt keeps them together" in caplog.messages[0]
    (folder / "groups.txt").write_text(f"{trained.stem} {tested.stem}\n")
    caplog.clear()
    make_splits(TrainConfig(data=folder))
    assert not caplog.messages


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    try_folder(tmp_path / "new" / "deep", "--output")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"--output .*file/weights cannot be written: Not a directory"):
        try_folder(tmp_path / "file" / "weights", "--output")
    free = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(guards.shutil, "disk_usage", lambda folder: free)
    try_folder(tmp_path, "--run-dir", 900_000)
    with pytest.raises(TrainingError, match=r"--run-dir .* with 1 MB left, but the run needs 2 MB"):
        try_folder(tmp_path, "--run-dir", 2_000_000)


def test_an_output_that_is_a_file_is_refused_before_the_first_step(finished, tmp_path):
    (tmp_path / "taken").write_text("")
    result = train(tmp_path, "--data", finished[0] / "shapes", "--epochs", 1, "--output", "taken", *OPTIONS)
    assert result.returncode == 1
    assert "--output taken cannot be written" in result.stderr
    assert "step" not in result.stderr
    assert not (tmp_path / "runs").exists()


def test_given_splits_are_kept(tmp_path):
    folder = write_folder(tmp_path / "data", 10)
    (tmp_path / "split.json").write_text(json.dumps({"train": ["p00", "p01"], "val": ["p02"], "test": ["p03.png"]}))
    splits = make_splits(TrainConfig(data=folder, split_file=tmp_path / "split.json"))
    assert splits.stems() == {"train": ["p00", "p01"], "val": ["p02"], "test": ["p03"], "extra_test": []}
    (tmp_path / "split.json").write_text(json.dumps({"train": [f"p0{i}" for i in range(8)], "test": ["p09"]}))
    splits = make_splits(TrainConfig(data=folder, split_file=tmp_path / "split.json"))
    assert len(splits.val) == 1
    assert splits.val[0] not in splits.train
    assert len(splits.train) == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"train": ["p00", "gone"]}, "names pictures that are not there: gone"),
        ({"train": ["p00"], "test": ["p00"]}, "has pictures twice: p00"),
        ({"test": ["p00"]}, "leaves nothing to train on"),
        (["p00"], "must be an object"),
    ],
)
def test_a_split_that_does_not_fit_is_named(tmp_path, content, message):
    folder = write_folder(tmp_path / "data", 4)
    (tmp_path / "own.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        make_splits(TrainConfig(data=folder, split_file=tmp_path / "own.json"))


def test_a_stray_parquet_file_makes_no_dataset_and_a_missing_folder_neither(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "data", 3)
    (folder / "metadata.parquet").write_bytes(b"PAR1")
    assert not is_hub_dataset(folder)
    monkeypatch.chdir(tmp_path)
    assert not is_hub_dataset(Path("data/mycats"))
    assert is_hub_dataset(Path("user/mycats"))


@pytest.mark.parametrize("name", ["./photos/mycats", "photos/mycats/", "../photos/mycats", "data/mycats"])
def test_a_folder_that_is_missing_is_no_dataset(tmp_path, name):
    (tmp_path / "data").mkdir()
    result = train(tmp_path, "--data", name, *OPTIONS)
    assert result.returncode == 1
    assert re.fullmatch(r"error: the data folder \S*(photos|data)/mycats does not exist\n", result.stderr)


def test_masks_without_foreground_train_nothing(tmp_path):
    folder = write_folder(tmp_path / "data", 6)
    for path in (folder / "masks").iterdir():
        Image.new("L", Image.open(path).size).save(path)
    result = train(tmp_path, "--data", folder, *OPTIONS)
    assert result.returncode == 1
    assert "no mask has foreground" in result.stderr
    assert not (tmp_path / "runs").exists()

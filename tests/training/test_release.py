"""The end of a run: what it measures, how often it predicts for that, and what the card says of the command."""

import json
from collections import Counter

import pytest
import torch
from generated import write_folder

from unet import Predictor, UNet
from unet.network.weights import WeightsConfig
from unet.training import release
from unet.training.config import TrainConfig
from unet.training.datasets import make_splits
from unet.training.run import RunProgress


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "FOLDER", "--seed", "3"], "--data photos --seed 3"),
        (["--data=FOLDER", "--extra-data", "FOLDER", "--extra_data", "FOLDER"], None),
        (["--data", "../nowhere/iseg"], "--data iseg"),
        (["--data", "user/name"], "--data user/name"),
        (["--data", "FOLDER", "--resume", "--flip"], "--data photos --flip"),
        (["--init-from", "/home/me/weights", "--run-dir", "runs/x"], "--init-from weights --run-dir runs/x"),
        (["--output", "a b"], "--output 'a b'"),
    ],
)
def test_the_cards_command_shows_no_path_of_the_machine(arguments, said, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    said = said or "--data=photos --extra-data photos --extra_data photos"
    written = release.command_line([word.replace("FOLDER", str(folder)) for word in arguments])
    assert written == f"python train.py {said}"


def test_each_picture_is_predicted_twice_at_most_and_the_weights_are_loaded_once(tmp_path, monkeypatch):
    main, extra = (write_folder(tmp_path / name, 20, seed) for name, seed in (("shapes", 0), ("more", 100)))
    config = TrainConfig(data=main, extra_data=(extra,), output=tmp_path / "w", run_dir=tmp_path / "run")
    splits = make_splits(config)
    predicted, loaded, thresholds = Counter(), [], []
    prob8, load = Predictor.prob8, Predictor.load

    def counted(self, rgb, clicks=()):
        predicted[rgb.tobytes()] += 1
        thresholds.append(self.threshold)
        return prob8(self, rgb, clicks)

    monkeypatch.setattr(Predictor, "prob8", counted)
    monkeypatch.setattr(release, "calibrate_threshold", lambda sets: 0.3)
    monkeypatch.setattr(Predictor, "load", lambda source, **options: loaded.append(source) or load(source, **options))
    monkeypatch.setattr("sys.argv", ["train.py", "--data", str(main), "--init-from", "../before/weights"])
    torch.manual_seed(0)
    history = [{"epoch": 1, "loss": 1.0, "lr": 0.1, "val_iou": 0.5, "val_dice": 0.5}]
    settings = WeightsConfig(size=(32, 32), data=splits.names)
    progress = RunProgress(epoch=1, best_epoch=1, history=history)
    release.release(config, UNet(widths=(4, 8)), settings, splits, progress)
    assert loaded == [tmp_path / "w"]
    validation, measured = sum(map(len, splits.validation_sets())), sum(map(len, splits.scored_sets().values()))
    assert sorted(predicted.values()) == [1] * (measured - validation) + [2] * validation
    assert thresholds == [0.5] * validation + [0.3] * measured  # measured as `evaluate` will: at the calibrated one
    assert (tmp_path / "run/validation.png").is_file()
    written = json.loads((tmp_path / "w/config.json").read_text())
    assert set(written["scores"]) == set(splits.scored_sets())
    card = (tmp_path / "w/README.md").read_text(encoding="utf-8")
    assert "python train.py --data shapes --init-from weights\n" in card
    assert str(tmp_path) not in card

"""The end of a run: what it measures, how often it predicts for that, and what the card says of the command."""

import json
import sys
from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from generated import write_folder
from PIL import Image

from unet import Predictor, UNet
from unet.data.pairs import find_pairs
from unet.errors import ConfigError
from unet.network.weights import WeightsConfig
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob, overlay
from unet.training import release
from unet.training.config import TrainConfig, check_config
from unet.training.datasets import make_splits
from unet.training.plots import sheet_row
from unet.training.run import RunProgress

HISTORY = [{"epoch": 1, "loss": 1.0, "lr": 0.1, "val_iou": 0.5, "val_dice": 0.5}]


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
    settings = WeightsConfig(size=(32, 32), data=splits.names)
    progress = RunProgress(epoch=1, best_epoch=1, history=HISTORY)
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


def test_a_sheet_has_true_masks_with_unknown_in_grey_and_overlays(tmp_path, tiny_weights):
    write_folder(tmp_path / "set", 2)
    labels = np.asarray(Image.open(tmp_path / "set/masks/p01.png")).copy()
    labels[:5] = 128
    Image.fromarray(labels).save(tmp_path / "set/masks/p01.png")
    predictor, sheet = Predictor.load(tiny_weights, precision="fp32"), []
    pairs = find_pairs(tmp_path / "set")
    row = release.measure(predictor, pairs, 0.3, sheet)
    assert row["boundary_f"] is None  # the second picture has none
    assert release.measure(predictor, pairs[:1], 0.3)["boundary_f"] is not None
    assert row["iou"] == pytest.approx(np.mean([float(shown.caption.split("IoU")[1]) for shown in sheet]), abs=1e-3)
    for pair, shown in zip(pairs, sheet, strict=True):
        rgb = read_picture(pair.image).rgb
        result = overlay(rgb, mask_from_prob(predictor.prob8(rgb), 0.3))
        expected = sheet_row(shown.caption, rgb, np.asarray(Image.open(pair.mask)), result)
        for tile, other in zip(shown[1:], expected[1:], strict=True):
            np.testing.assert_array_equal(tile, other)


def test_the_onnx_file_is_written_if_asked_for_and_that_of_other_weights_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    data, folder = write_folder(tmp_path / "shapes", 14), tmp_path / "w"
    for wanted in (True, False):
        config = TrainConfig(
            data=data, output=folder, run_dir=tmp_path / "run", onnx=wanted, push_to_hub="user/name" if wanted else None
        )
        splits = make_splits(config)
        settings = WeightsConfig(size=(32, 32), data=splits.names)
        progress = RunProgress(epoch=1, best_epoch=1, history=HISTORY)
        release.release(config, UNet(widths=(4, 8)), settings, splits, progress)
        assert (folder / "model.onnx").exists() == wanted
        assert ("model.onnx" in (folder / "README.md").read_text(encoding="utf-8")) == wanted
        if wanted:
            facts = {prop.key: prop.value for prop in onnx.load(folder / "model.onnx").metadata_props}
            assert facts["source"] == "user/name"
            assert json.loads(facts["threshold"]) == json.loads((folder / "config.json").read_text())["threshold"]


def test_a_missing_package_is_named_before_training(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    check_config(TrainConfig())
    with pytest.raises(ConfigError, match="pip install onnx onnxscript"):
        check_config(TrainConfig(onnx=True))

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from generated import draw_pair
from PIL import Image

from unet.errors import TrainingError
from unet.training.plots import SheetRow, plot_curves, plot_reliability, prediction_sheet, sheet_row

ROOT = Path(__file__).parents[2]


def history(best, epochs=10):
    return [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "lr": 1e-3,
            "val_iou": 0.6 - 0.02 * abs(epoch - best),
            "val_dice": 0.7,
            "pictures_per_second": 9.0,
        }
        for epoch in range(1, epochs + 1)
    ]


def orange(path):
    """Columns and rows of the pixels in the colour of what is marked: the best epoch, the threshold."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    rows, columns = np.nonzero(np.abs(pixels - (0xD5, 0x5E, 0x00)).sum(axis=-1) < 20)
    return columns, rows


def test_curves_are_a_wide_picture_and_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        plot_curves(history(best=4), 4, tmp_path / "new" / f"{name}.png")
    assert (tmp_path / "new" / "a.png").read_bytes() == (tmp_path / "new" / "b.png").read_bytes()
    width, height = Image.open(tmp_path / "new" / "a.png").size
    assert width > 1000
    assert 2 < width / height < 3


def test_epochs_without_validation_have_a_loss_and_no_score(tmp_path):
    rows = history(best=6)
    for row in rows[::2]:
        del row["val_iou"], row["val_dice"]
    plot_curves(rows, 6, tmp_path / "some.png")
    plot_curves(history(best=6), 6, tmp_path / "all.png")
    some, every = (orange(tmp_path / name)[0].mean() for name in ("some.png", "all.png"))
    assert some == pytest.approx(every, abs=20)  # the same epoch is marked; the axis begins a little later
    for row in rows:
        row.pop("val_iou", None)
    with pytest.raises(TrainingError, match="no epoch has been validated"):
        plot_curves(rows, 1, tmp_path / "none.png")


def test_curves_mark_the_epoch_that_was_kept_whether_or_not_its_iou_is_the_highest(tmp_path):
    places = []
    for kept in (2, 5, 9):
        plot_curves(history(best=3), kept, tmp_path / "curves.png")
        columns, _ = orange(tmp_path / "curves.png")
        places.append(columns.mean())
    assert places[0] < places[1] < places[2]
    assert min(places) > Image.open(tmp_path / "curves.png").width / 2


def test_curves_of_one_epoch(tmp_path):
    plot_curves(history(best=1, epochs=1), 1, tmp_path / "curves.png")
    assert len(orange(tmp_path / "curves.png")[0])


def test_reliability_shows_the_threshold_where_it_is(tmp_path):
    rows = [(0.05 + i / 10, (0.05 + i / 10) ** 2, 10**i) for i in range(10)]
    places = []
    for threshold in (0.2, 0.4, 0.8):
        plot_reliability(rows, threshold, tmp_path / "reliability.png")
        columns, _ = orange(tmp_path / "reliability.png")
        places.append(np.bincount(columns).argmax())  # the line's own column
    assert places[2] - places[1] == pytest.approx(2 * (places[1] - places[0]), abs=3)


def test_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="no epoch"):
        plot_curves([], 1, tmp_path / "x.png")
    with pytest.raises(TrainingError, match="no pixels"):
        plot_reliability([], 0.5, tmp_path / "x.png")
    with pytest.raises(TrainingError, match="no pictures"):
        prediction_sheet([], tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file" / "x.png"
    blocked.parent.write_text("a file")
    rgb, mask = draw_pair(0)
    for draw in (
        lambda: plot_curves(history(1), 1, blocked),
        lambda: plot_reliability([(0.5, 0.5, 1)], 0.5, blocked),
        lambda: prediction_sheet([SheetRow("a", rgb, mask, rgb)], blocked),
    ):
        with pytest.raises(TrainingError, match=str(blocked)):
            draw()


def test_matplotlib_is_asked_for_only_when_something_is_drawn():
    program = """
import sys
sys.modules["matplotlib"] = None  # importing it fails
from unet.errors import TrainingError
from unet.training.plots import plot_curves
try:
    plot_curves([{"epoch": 1, "loss": 1.0, "val_iou": 0.5, "val_dice": 0.5}], 1, "never.png")
except TrainingError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "pip install -r requirements-dev.txt" in done.stdout


def test_a_row_holds_no_more_pixels_than_are_drawn(tmp_path):
    large, mask = draw_pair(5, 900, 600)
    row = sheet_row("large", large, mask, large)
    assert [tile.shape[:2] for tile in row[1:]] == [(240, 160)] * 3
    prediction_sheet([SheetRow("large", large, mask, large)], tmp_path / "whole.png")
    prediction_sheet([row], tmp_path / "row.png")
    assert (tmp_path / "row.png").read_bytes() == (tmp_path / "whole.png").read_bytes()


def test_a_sheet_shows_picture_truth_and_result(tmp_path):
    side = 240  # the size of a tile: nothing is resized
    rgb, mask = draw_pair(3, side, side)
    result = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    small, small_mask = draw_pair(4, 60, 30)
    rows = [SheetRow("first", rgb, mask, result), SheetRow("second", small, small_mask, small)]
    prediction_sheet(rows, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    expected = (rgb, np.repeat(mask[..., None], 3, axis=2), result)
    for column, tile in enumerate(expected):
        left, top = 8 + column * (side + 8), 8 + 22
        np.testing.assert_array_equal(sheet[top : top + side, left : left + side], tile)
    second = sheet[8 + 270 + 22 :, 8:248]  # a tall picture: full height, half the width, then white
    assert second.shape[0] == side + 8
    assert (second[:side, 120:] == 255).all()
    assert (second[:side, :120] != 255).any(axis=2).mean() > 0.9

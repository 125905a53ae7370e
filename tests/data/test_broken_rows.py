"""Rows of a streamed dataset that are damaged behind their headers or do not fit: named, and skipped if asked to."""

import io
import json

import numpy as np
import pytest
from datasets_of_rows import drawn_rows, png, write_dataset
from generated import draw_pair
from PIL import Image

from unet.data.options import NO_OPTIONS
from unet.data.stream import DatasetStream, part_of_row
from unet.errors import DataError

TRAIN = [index for index in range(60) if part_of_row(index, 0) == "train"]
LENGTH = 12  # rows of a window; the first 12 decide how masks are read
CUT_PICTURE, CUT_MASK, GREY = TRAIN[14], TRAIN[15], TRAIN[LENGTH * 2]  # the last begins a window


def cut(cell):
    """A file whose header is whole, but not its pixels."""
    return {**cell, "bytes": cell["bytes"][: len(cell["bytes"]) * 2 // 3]}


def grey():
    return png(np.tile(np.repeat(np.array([0, 60, 120, 200], np.uint8), 14), (40, 1)))


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """60 rows, of which three of training, one of validation and one of test cannot be used."""
    rows = drawn_rows(60)
    rows[CUT_PICTURE]["image"] = cut(rows[CUT_PICTURE]["image"])
    rows[CUT_MASK]["mask"] = cut(rows[CUT_MASK]["mask"])
    rows[GREY]["mask"] = grey()
    for part in ("val", "test"):
        index = next(index for index in range(60) if part_of_row(index, 0) == part)
        rows[index]["image"] = cut(rows[index]["image"])
    return write_dataset(tmp_path_factory.mktemp("hub") / "broken", rows)


def opened(folder, spool, skip=True):
    return DatasetStream(str(folder), LENGTH, 0, spool, skip)


def stems(pairs):
    return [int(pair.stem.removeprefix("train-")) for pair in pairs]


def test_unusable_rows_are_skipped_and_named_once(broken, tmp_path, caplog):
    stream = opened(broken, tmp_path)
    val, test = stream.decide(NO_OPTIONS)
    held_out = {part: [i for i in range(60) if part_of_row(i, 0) == part] for part in ("val", "test")}
    assert stems(val) == held_out["val"][1:]
    assert stems(test) == held_out["test"][1:]
    usable = [index for index in TRAIN if index not in (CUT_PICTURE, CUT_MASK, GREY)]
    seen = [stem for epoch in range(9) for stem in stems(stream.window(epoch))]
    assert seen == (usable * 3)[: len(seen)]
    assert all(pair.reading is stream.reading for pair in stream.window(8))
    lost = sorted([CUT_PICTURE, CUT_MASK, GREY, held_out["val"][0], held_out["test"][0]])
    assert sorted(int(text.split()[2]) for text in caplog.messages) == lost
    assert all(text.startswith("train row ") and "skipped, the" in text for text in caplog.messages)
    assert "the mask does not fit: it holds" in caplog.messages[-1]


def test_a_resumed_stream_skips_the_same_rows(broken, tmp_path):
    stream = opened(broken, tmp_path / "first")
    stream.decide(NO_OPTIONS)
    windows, states = [], []
    for epoch in range(7):
        windows.append(stems(stream.window(epoch)))
        states.append(json.loads(json.dumps(stream.state())))
    for epoch in range(7):
        for later in range(epoch, min(epoch + 3, 7)):
            resumed = opened(broken, tmp_path / "resumed")
            resumed.decide(NO_OPTIONS)
            resumed.restore(states[epoch])
            assert stems(resumed.window(later)) == windows[later]
            assert len(list((tmp_path / "resumed/train/masks").iterdir())) == LENGTH
    again = opened(broken, tmp_path / "again")
    again.decide(NO_OPTIONS)
    assert stems(again.window(6)) == windows[6]
    assert stems(again.window(0)) == windows[0]


@pytest.mark.parametrize(
    ("index", "column", "words"),
    [
        (CUT_PICTURE, "image", "the picture is damaged or cut off"),
        (CUT_MASK, "mask", f"the mask train-{CUT_MASK:08} is damaged"),
        (GREY, "mask", "the mask does not fit: it holds"),
    ],
)
def test_without_the_option_the_row_and_the_option_are_named(tmp_path, index, column, words):
    rows = drawn_rows(60)
    rows[index][column] = grey() if index == GREY else cut(rows[index][column])
    stream = opened(write_dataset(tmp_path / "data", rows), tmp_path / "spool", skip=False)
    stream.decide(NO_OPTIONS)
    with pytest.raises(DataError, match=rf"train row {index} of the dataset .*data: {words}.*--skip-broken skips such"):
        list(map(stream.window, range(1, 4)))


@pytest.mark.parametrize("skip", [True, False])
def test_rows_of_a_datasets_own_validation_split_are_looked_through_too(tmp_path, skip, caplog):
    rows = drawn_rows(24)
    rows[20]["mask"] = cut(rows[20]["mask"])
    for split, part in (("train", rows[:18]), ("validation", rows[18:])):
        write_dataset(tmp_path / "own", part)
        (tmp_path / "own/train.parquet").rename(tmp_path / f"own/{split}-00000-of-00001.parquet")
    stream = opened(tmp_path / "own", tmp_path / "spool", skip)
    if skip:
        assert [pair.stem[-1] for pair in stream.held_out()[0]] == ["0", "1", "3", "4", "5"]
        assert "validation row 2 of the dataset" in caplog.text
    else:
        with pytest.raises(DataError, match=r"validation row 2 of the dataset .*--skip-broken"):
            stream.held_out()


def test_a_row_that_decided_how_masks_are_read_fits_when_it_comes_again(tmp_path):
    rows = drawn_rows(60)
    odd = draw_pair(TRAIN[3])[1]
    odd[2:10, 5:45] = 100  # an area of a grey, too small a share of all masks to be refused
    rows[TRAIN[3]]["mask"] = png(odd)
    stream = opened(write_dataset(tmp_path / "data", rows), tmp_path / "spool", skip=False)
    stream.decide(NO_OPTIONS)
    assert stream.reading.rule == "brightness"
    assert sum(stems(stream.window(epoch)).count(TRAIN[3]) for epoch in range(7)) == 2


def test_a_dataset_without_a_usable_row_is_refused(tmp_path):
    rows = [{**row, "image": cut(row["image"])} for row in drawn_rows(20)]
    stream = opened(write_dataset(tmp_path / "data", rows), tmp_path / "spool")
    with pytest.raises(DataError, match="has no rows to train on"):
        stream.window(0)


def test_a_row_is_not_skipped_because_memory_is_short(tmp_path, monkeypatch):
    stream = opened(write_dataset(tmp_path / "data", drawn_rows(20)), tmp_path / "spool")

    def exhausted(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", exhausted)
    monkeypatch.setattr(Image.Image, "load", exhausted)
    with pytest.raises(MemoryError):
        stream.window(0)


def test_a_jpeg_with_a_second_picture_is_a_jpeg(tmp_path):
    rows = drawn_rows(20)
    content = io.BytesIO()
    first, second = (Image.fromarray(draw_pair(seed, 40, 56)[0]) for seed in (0, 1))
    first.save(content, "MPO", save_all=True, append_images=[second])
    rows[TRAIN[0]]["image"] = {"bytes": content.getvalue(), "path": None}
    stream = opened(write_dataset(tmp_path / "rows", rows), tmp_path, skip=False)
    stream.decide(NO_OPTIONS)
    assert next(pair for pair in stream.window(0) if stems([pair]) == [TRAIN[0]]).image.suffix == ".jpg"

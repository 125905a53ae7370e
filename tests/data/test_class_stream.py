"""Streamed datasets with classes: ids of the first masks, and a later one that is none of them."""

from io import BytesIO

import datasets
import numpy as np
import pytest
from generated import draw_pair
from PIL import Image

from unet.data.options import DataOptions
from unet.data.pairs import load_resized
from unet.data.stream import DatasetStream
from unet.errors import DataError


def png(array):
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def opened(folder, ids):
    """A stream of pictures with one object each, whose pixels have the picture's id of `ids`."""
    rows = []
    for seed, value in enumerate(ids):
        rgb, mask = draw_pair(seed)
        rows.append({"image": png(rgb), "mask": png(mask // 255 * value)})
    features = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    folder.mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(folder / "train.parquet"))
    return DatasetStream(str(folder), 8, 0, folder.with_name("spool"))


def test_labels_are_places_among_the_ids_of_the_first_masks(tmp_path):
    stream = opened(tmp_path / "set", [7, 8] * 20)
    val, _ = stream.decide(DataOptions(classes="auto"))
    assert stream.reading.table.ids.tolist() == [0, 7, 8]
    for pair in (*val, *stream.window(1)):
        number = int(pair.stem.removeprefix("train-"))
        np.testing.assert_array_equal(load_resized(pair)[1], draw_pair(number)[1] // 255 * (1 + number % 2))


def test_an_id_that_comes_later_stops_the_run(tmp_path):
    stream = opened(tmp_path / "set", [7, 8] * 19 + [7, 9])
    stream.decide(DataOptions(classes="auto"))
    with pytest.raises(DataError, match=r"does not fit: it holds .*9 \("):
        list(map(stream.window, range(1, 5)))

"""Streamed datasets with classes: ids of the first masks, and a later one that does not fit them."""

from io import BytesIO

import datasets
import numpy as np
import pytest
from class_folders import paletted
from generated import draw_pair
from PIL import Image

from unet.data.options import DataOptions
from unet.data.pairs import load_resized
from unet.data.stream import DatasetStream
from unet.errors import DataError


def png(image):
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def opened(folder, ids, palettes=()):
    """A stream of pictures with one object each, whose pixels have the picture's id of `ids`.

    `palettes` gives each mask the colours of its indices.
    """
    rows = []
    for seed, value in enumerate(ids):
        rgb, mask = draw_pair(seed)
        ids_ = mask // 255 * value
        image = paletted(ids_, palettes[seed]) if palettes else Image.fromarray(ids_)
        rows.append({"image": png(Image.fromarray(rgb)), "mask": png(image)})
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


@pytest.mark.parametrize("later", [{0: (0, 0, 0), 8: (200, 0, 0)}, None])
def test_a_palette_that_comes_later_stops_the_run_if_it_is_another(later, tmp_path):
    first = {0: (0, 0, 0), 7: (200, 0, 0), 8: (0, 0, 200)}
    fewer = {index: first[index] for index in (0, 8)}
    stream = opened(tmp_path / "set", [7, 8] * 20, [first] * 39 + [later or fewer])
    stream.decide(DataOptions(classes="auto"))
    windows = range(1, 5)
    if later is None:
        assert sum(len(stream.window(number)) for number in windows) == 32
    else:
        with pytest.raises(DataError, match="indices of its palette have other colours"):
            list(map(stream.window, windows))

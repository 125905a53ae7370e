"""Values that the options name, in masks whose colours mix along contours: what is near them is meant, too."""

import numpy as np
import pytest
from mask_folders import write_masks
from mask_kinds import Mask, U, halves, ids, one_value, smooth
from PIL import Image, ImageFilter

from unet.data.inspect import inspect_folder
from unet.data.options import DataOptions
from unet.data.pairs import load_resized


def mixed(*colours, ground=(0, 0, 0), lossy=False, blur=0):
    """Masks whose colours, of strips of the object, mix along contours."""

    def draw(index, inside, rgb):
        inside = np.kron(inside, np.ones((4, 4), bool))  # most of an object is no contour
        parts = halves(inside, *range(1, len(colours) + 1))
        values = Image.fromarray(np.array([ground, *colours], np.uint8)[parts])
        values = values.filter(ImageFilter.GaussianBlur(blur)) if blur else values
        return Mask(values, inside, ".jpg" if lossy else ".png", {"quality": 75} if lossy else {})

    return draw


def read_by_options(folder, draw, **options):
    """The labels read and those of the objects, each of all masks in a row, and the reading."""
    labels = write_masks(folder, draw)
    for path in (folder / "images").iterdir():
        Image.open(path).resize(labels[path.stem].shape[::-1]).save(path)
    found = inspect_folder(folder, DataOptions(**options))
    read = {pair.stem: load_resized(pair)[1] for pair in found.pairs}
    for pair in found.pairs:
        known = read[pair.stem][read[pair.stem] != U]
        assert found.shares[pair.stem] == pytest.approx(known.mean(), 0.02)
    return *(np.concatenate([part[stem].ravel() for stem in labels]) for part in (read, labels)), found.reading


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize(
    ("draw", "value", "least"),
    [
        (mixed((255, 0, 0), lossy=True), "254,0,0", 0.98),
        (mixed((255, 0, 0), lossy=True, blur=1), "254,0,0", 0.95),
        (mixed((255, 0, 0), lossy=True, blur=1), "253,1,0", 0.95),  # which is not the commonest
        (mixed((255, 0, 0), blur=2), "#ff0000", 0.85),
        (mixed((255, 255, 255), blur=2), "255", 0.85),
        (mixed((0, 0, 0), ground=(255, 255, 255), blur=2), "0", 0.85),
    ],
)
def test_where_colours_mix_values_of_the_options_hold_for_those_near_them(tmp_path, draw, value, least):
    read, meant, reading = read_by_options(tmp_path, draw, foreground=(value,))
    assert iou(read == 1, meant == 1) > least
    assert reading.as_json()["means"].endswith(
        "foreground, the rest background; what is within 48 levels of a named value counts as that value"
    )
    assert "their colours mix along contours" in reading.why


def test_values_reach_less_than_half_way_to_other_areas(tmp_path):
    draw = mixed((130,) * 3, (200,) * 3, blur=1)
    read, meant, reading = read_by_options(tmp_path, draw, foreground=("130",))
    assert "within 34 levels" in str(reading)
    both = read_by_options(tmp_path / "both", draw, foreground=("130", "200"))[0]
    assert 0.4 < read.sum() / both.sum() < 0.6
    assert iou(both == 1, meant == 1) > 0.9


def test_unknown_values_reach_around_them_as_far(tmp_path):
    draw = mixed((255, 0, 0), (255, 255, 0), lossy=True)
    read, meant, _ = read_by_options(tmp_path, draw, foreground=("254,0,0",), unknown=("255,255,0",))
    assert iou(read != 0, meant == 1) > 0.97
    assert 0.4 < (read == 1).sum() / (read != 0).sum() < 0.6


@pytest.mark.parametrize(
    ("draw", "value"),
    [
        (ids(*range(1, 120)), 40),  # thin strips
        (mixed(*((id, id, id) for id in range(80, 150))), 120),  # areas of many values
        (smooth(257, np.uint16), 65535),
        (one_value(255), 255),
    ],
)
def test_values_are_exact_where_nothing_mixes_and_in_16_bits(tmp_path, draw, value):
    read, _, reading = read_by_options(tmp_path, draw, foreground=(str(value),))
    assert str(reading) == f"as the options say: {value} foreground, the rest background"
    masks = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "masks").iterdir())]
    masks = [mask if mask.ndim == 2 else mask[..., 0] for mask in masks]
    np.testing.assert_array_equal(read, np.concatenate([mask.ravel() for mask in masks]) == value)

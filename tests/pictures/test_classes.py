import json

import numpy as np
import pytest

from unet.errors import ConfigError
from unet.pictures.class_colours import BLACK, OKABE_ITO, VISIONS, default_colours, seen_colours
from unet.pictures.classes import FOREGROUND_TABLE, ClassTable, SegmentClass

TABLE = ClassTable(
    (SegmentClass(3, "Sky", (128, 128, 255)), SegmentClass(300, "background"), SegmentClass(17, "Road sign")),
    (SegmentClass(11, "void"), SegmentClass(12, "ignore", (224, 224, 192))),
)


def test_a_table_survives_config_json():
    content = json.loads(json.dumps(TABLE.as_json()))
    assert content["classes"][0] == {"id": 3, "name": "Sky", "color": "#8080ff"}
    again = ClassTable.from_json(content["classes"], content["void"])
    assert again.names == TABLE.names
    assert again.ids.tolist() == [3, 300, 17]
    np.testing.assert_array_equal(again.colours, TABLE.colours)
    assert again.void == TABLE.void
    assert again.as_json() == TABLE.as_json()


def test_colours_that_the_data_lacks_are_unlike_those_it_has():
    assert TABLE.colours[0].tolist() == [128, 128, 255]
    assert tuple(TABLE.colours[1]) == BLACK
    assert len({tuple(colour) for colour in TABLE.colours}) == 3


def test_beside_a_background_the_first_colours_are_those_of_okabe_and_ito():
    table = ClassTable((SegmentClass(0, "Background"), SegmentClass(1, "a"), SegmentClass(2, "b")))
    assert [tuple(colour) for colour in table.colours.tolist()] == [BLACK, *OKABE_ITO[:2]]


@pytest.mark.parametrize("names", [("background", "car", "tree"), ("road", "car", "tree")])
@pytest.mark.parametrize("colour", [(0, 0, 0), (230, 159, 0), (86, 180, 233)])
def test_no_default_colour_is_one_of_what_counts_nowhere(names, colour):
    table = ClassTable(tuple(SegmentClass(n, name) for n, name in enumerate(names)), (SegmentClass(9, "void", colour),))
    assert colour not in map(tuple, table.colours.tolist())
    again = ClassTable.from_json(**table.as_json())
    np.testing.assert_array_equal(again.colours, table.colours)


def test_a_class_without_a_name_is_refused():
    with pytest.raises(ConfigError, match="the class of id 4 has no name"):
        ClassTable((SegmentClass(0, "sky"), SegmentClass(4, " ")))


def test_a_class_is_found_by_its_name_capitals_aside():
    assert (TABLE.label("Sky"), TABLE.label("road SIGN")) == (0, 2)
    both = ClassTable((SegmentClass(0, "a"), SegmentClass(1, "A")))
    assert (both.label("a"), both.label("A")) == (0, 1)
    with pytest.raises(ConfigError, match="no class 'tree'; the classes are Sky, background, Road sign"):
        TABLE.label("tree")


def test_the_binary_tasks_table():
    assert FOREGROUND_TABLE.names == ["background", "foreground"]
    assert FOREGROUND_TABLE.background == 0


@pytest.mark.parametrize(
    ("classes", "void", "message"),
    [
        (None, [], "should be a list"),
        ([{"id": 0, "name": "a"}], [], "2 to 254 classes"),
        ([{"id": 0, "name": "a"}, {"id": 0, "name": "b"}], [], "ids 0"),
        ([{"id": 0, "name": "a"}, {"id": 1, "name": "b"}], [{"id": 1, "name": "void"}], "ids 1"),
        ([{"id": 0, "name": "a"}, {"id": True, "name": "b"}], [], "objects of id, name"),
        ([{"id": 0, "name": "a"}, {"id": 1, "name": "b", "size": 2}], [], "objects of id, name"),
        ([{"id": 0, "name": "a"}, {"id": 1, "name": "b", "color": "red"}], [], "'red' is no colour"),
        ([{"id": 0, "name": "a"}, {"id": 1, "name": "b", "color": 3}], [], "color of b"),
        ([{"id": 0, "name": "a"}, {"id": -1, "name": "b"}], [], "outside 0..65535"),
    ],
)
def test_json_that_is_no_table_is_refused(classes, void, message):
    with pytest.raises(ConfigError, match=message):
        ClassTable.from_json(classes, void)


def lab_distance(a, b):
    """CIE76, from the definitions of sRGB and CIELAB, one pair of colours at a time."""

    def lab(rgb):
        light = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        x = (0.4124 * light[0] + 0.3576 * light[1] + 0.1805 * light[2]) / 0.9505
        y = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
        z = (0.0193 * light[0] + 0.1192 * light[1] + 0.9505 * light[2]) / 1.089
        x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    return float(np.linalg.norm(lab(a) - lab(b)))


def test_colours_look_as_cielab_says():
    a, b = OKABE_ITO[:2]
    seen = seen_colours([a, b])
    expected = lab_distance(np.array(a) / 255, np.array(b) / 255)
    assert np.linalg.norm(seen[0, 0] - seen[0, 1]) == pytest.approx(expected, rel=0.01)
    np.testing.assert_allclose(VISIONS.sum(axis=-1), 1, atol=2e-6)  # whoever looks, white stays white


@pytest.mark.parametrize(("count", "least"), [(7, 16), (12, 16), (20, 15), (40, 9)])
def test_default_colours_can_be_told_apart_also_by_the_colour_blind(count, least):
    colours = default_colours(count)
    assert colours[:7] == list(OKABE_ITO)[:count]
    seen = seen_colours([BLACK, *colours])
    distances = np.linalg.norm(seen[:, :, None] - seen[:, None], axis=-1)
    distances[:, np.arange(count + 1), np.arange(count + 1)] = np.inf
    assert distances.min() > least


def test_there_are_colours_for_as_many_classes_as_there_can_be():
    colours = default_colours(254)
    assert len(set(colours)) == 254
    assert colours[:40] == default_colours(40)

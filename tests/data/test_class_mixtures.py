"""Folders with classes whose masks are of different kinds, and colours that lie near each other: nothing is guessed."""

import numpy as np
import pytest
from class_folders import UNKNOWN, assert_read, by_colours, by_palette, by_values, in_turn, write

from unet.data.inspect import inspect_folder
from unet.data.options import DataOptions
from unet.errors import DataError

AUTO = DataOptions(classes="auto")
BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (200, 30, 30), (30, 30, 200)
PERMUTED = in_turn(
    by_palette({0: BLACK, 1: RED, 2: BLUE}),
    by_palette({2: BLACK, 0: RED, 1: BLUE}),
    by_palette({1: BLACK, 2: RED, 0: BLUE}),
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "_background_\ncat\ndog\n"),
        ("_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n2, dog\n"),
        ("classes.txt", "background #000000\ncat #c81e1e\ndog\n"),
    ],
)
def test_palettes_that_differ_need_the_colours_of_the_classes(name, text, tmp_path):
    write(tmp_path, PERMUTED, 3, count=3)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=r"their palettes differ.* colour for each"):
        inspect_folder(tmp_path, AUTO)


def test_palettes_that_differ_are_not_read_by_indices_because_one_colour_is_unknown(tmp_path):
    meant = write(tmp_path, PERMUTED, 3, count=3)
    (tmp_path / "classes.txt").write_text("background #000000\ncat #c81e1e\ndog #00ff00\n")
    with pytest.raises(DataError, match=r"no class's colours.*#1e1ec8"):
        inspect_folder(tmp_path, AUTO)
    (tmp_path / "classes.txt").write_text("background #000000\ncat #c81e1e\ndog #1e1ec8\n")
    assert_read(inspect_folder(tmp_path, AUTO), meant)


@pytest.mark.parametrize("text", [None, "background\ncat\ndog\n", "background #000000\ncat #c81e1e\ndog #1e1ec8\n"])
@pytest.mark.parametrize(
    "greys", [by_values((0, 1, 2)), by_colours((0, 0, 0), (1, 1, 1), (2, 2, 2))], ids=["grey", "rgb"]
)
def test_greys_beside_a_palette_are_ids(greys, text, tmp_path):
    meant = write(tmp_path, in_turn(greys, greys, by_palette({0: BLACK, 1: RED, 2: BLUE})), 3, count=6)
    if text:
        (tmp_path / "classes.txt").write_text(text)
    found = inspect_folder(tmp_path, AUTO)
    assert found.reading.table.ids.tolist() == [0, 1, 2]
    assert_read(found, meant)
    if text is None:
        np.testing.assert_array_equal(found.reading.table.colours, [BLACK, RED, BLUE])


@pytest.mark.parametrize("text", [None, "ground\nobject\n", "ground #000000\nobject #ffffff\n"])
def test_greys_that_are_an_index_and_the_colour_of_another_are_refused(text, tmp_path):
    write(tmp_path, in_turn(by_values((0, 255)), by_palette({0: BLACK, 1: WHITE})), 2)
    if text:
        (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(DataError, match=r"p00\.png has no palette.*255.*as index 1"):
        inspect_folder(tmp_path, AUTO)


@pytest.mark.parametrize("greys", [by_values((0, 1, 2)), by_colours((0, 0, 0), (1, 1, 1), (2, 2, 2))])
@pytest.mark.parametrize("text", [None, "background #000000\ncat #c81e1e\ndog #1e1ec8\n"])
def test_ids_beside_colours_are_refused(text, greys, tmp_path):
    write(tmp_path, in_turn(by_colours(BLACK, RED, BLUE), greys), 3)
    if text:
        (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(DataError, match=r"no class's colours.*1 \(.*2 \(.*p01\.png has greys alone"):
        inspect_folder(tmp_path, AUTO)


def test_greys_beside_colours_are_colours_where_a_class_has_just_these(tmp_path):
    grey = (120, 120, 120)
    draw = in_turn(by_colours(BLACK, RED, BLUE), by_values((0, 0, 0)), by_colours(BLACK, grey, grey))
    meant = write(tmp_path, draw, 3, count=3)
    found = inspect_folder(tmp_path, AUTO)
    np.testing.assert_array_equal(found.reading.table.colours, [BLACK, grey, BLUE, RED])
    places = iter([(0, 3, 2), (0, 0, 0), (0, 1, 1)])
    assert_read(found, {stem: np.array(next(places))[drawn] for stem, drawn in meant.items()})


def test_values_above_255_have_no_colour(tmp_path):
    wide = by_values((0, 3000, 3000), np.uint16)
    meant = write(tmp_path, in_turn(by_colours(BLACK, WHITE, RED), wide), 3, count=2)
    for text in (None, "ground #000000\nwall #ffffff\nobject #c81e1e\n"):
        if text:
            (tmp_path / "classes.txt").write_text(text)
        with pytest.raises(DataError, match=r"no class's colours.*3000 \("):
            inspect_folder(tmp_path, AUTO)
    options = DataOptions(classes="auto", unknown=("3000",))
    labels = iter([(0, 1, 2), (0, UNKNOWN, UNKNOWN)])
    told = {stem: np.array(next(labels))[drawn] for stem, drawn in meant.items()}
    assert_read(inspect_folder(tmp_path, options), told)
    (tmp_path / "classes.txt").unlink()
    found = inspect_folder(tmp_path, options)
    np.testing.assert_array_equal(found.reading.table.colours, [BLACK, WHITE, RED])
    assert_read(found, told)


@pytest.mark.parametrize(
    ("text", "colours", "unknown"),
    [
        ("a #000000\nb #c81e1e\nvoid #020202\n", (BLACK, RED, (2, 2, 2)), ()),
        ("a #000000\nb #c81e1e\n", (BLACK, RED, (2, 2, 2)), ("2",)),
        ("a #e0e0be\nb #c81e1e\n", ((224, 224, 190), RED, (224, 224, 192)), ()),
    ],
)
def test_what_counts_nowhere_does_so_near_the_colour_of_a_class(text, colours, unknown, tmp_path):
    meant = write(tmp_path, by_colours(*colours), 3)
    (tmp_path / "classes.txt").write_text(text)
    found = inspect_folder(tmp_path, DataOptions(classes="auto", unknown=unknown))
    assert_read(found, {stem: np.array([0, 1, UNKNOWN])[places] for stem, places in meant.items()})


def test_a_colour_half_way_between_two_classes_is_of_neither(tmp_path):
    meant = write(tmp_path, by_colours(BLACK, (0, 0, 4), RED), 3)
    (tmp_path / "classes.txt").write_text("a #000000\nb #000004\nc #c81e1e\n")
    assert_read(inspect_folder(tmp_path, AUTO), meant)
    write(tmp_path, by_colours((0, 1, 0), (1, 0, 3), (203, 30, 27)), 3)
    assert_read(inspect_folder(tmp_path, AUTO), meant)
    write(tmp_path, by_colours(BLACK, (0, 0, 2), RED), 3)
    with pytest.raises(DataError, match=r"half way to another class's.*#000002"):
        inspect_folder(tmp_path, AUTO)


def test_indices_of_one_colour_are_told_apart(tmp_path):
    meant = write(tmp_path, by_palette({0: BLACK, 1: RED, 255: BLACK}), 3)
    (tmp_path / "classes.txt").write_text("ground #000000\nobject #c81e1e\n")
    assert_read(inspect_folder(tmp_path, AUTO), {s: np.array([0, 1, UNKNOWN])[p] for s, p in meant.items()})


@pytest.mark.parametrize("unknown", ["77", "#c81e1e"])
def test_a_value_that_no_mask_has_cannot_count_nowhere(unknown, tmp_path):
    write(tmp_path, by_palette({0: BLACK, 1: RED, 2: BLUE}), 3)
    shown = unknown.replace("#c81e1e", "200, 30, 30")
    with pytest.raises(DataError, match=rf"no mask of .* has \(?{shown}\)?, which the options name"):
        inspect_folder(tmp_path, DataOptions(classes="auto", unknown=(unknown,)))
    assert len(inspect_folder(tmp_path, DataOptions(classes="auto", unknown=(unknown,), extra=True)).reading.table) == 3

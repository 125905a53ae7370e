"""Classes that come from elsewhere, such as weights, beside the list that a data folder has itself."""

import numpy as np
import pytest
from class_folders import UNKNOWN, assert_read, by_colours, by_values, voc_rgb, write
from PIL import Image

from unet.data.inspect import inspect_folder
from unet.data.options import DataOptions
from unet.errors import DataError
from unet.pictures.classes import ClassTable, SegmentClass, split_void

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)
TABLE = split_void(
    [
        SegmentClass(1, "car", RED),
        SegmentClass(2, "road", GREEN),
        SegmentClass(3, "class 3", BLUE),
        SegmentClass(7, "void"),
    ]
)
GIVEN = DataOptions(classes=TABLE)
VALUES = by_values((1, 2, 7))
MEANT = np.array([0, 1, UNKNOWN])


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("1 road\n2 car\n", r"1 road \(not car\), 2 car \(not road\)"),
        ("2 car\n7 road\n", r"2 car \(not road\)"),
        ("1 person\n2 road\n", r"1 person \(not car\)"),
        ("1 ignore\n2 road\n", r"1 ignore \(not car\)"),
        ("ground\nroad\ncar\n", r"1 road \(not car\)"),
        ("1 wheel\n", r"1 wheel \(not car\)"),
        ("3 void\n", r"3 void \(not class 3\)"),
    ],
)
def test_a_list_that_gives_the_ids_other_names_is_refused(text, odd, tmp_path):
    write(tmp_path, VALUES, 3)
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(DataError, match=rf"classes\.txt contradicts the classes in use.*{odd}"):
        inspect_folder(tmp_path, GIVEN)


@pytest.mark.parametrize(
    "text",
    [
        "1 Car\n2 ROAD\n7 void\n",
        "2 road\n1 car\n40 tree\n",
        "1 car\n2 road\n3 bicycle\n",  # which had no name where the classes come from
        "1 car\n2 road\n7 tree\n",  # which counts nowhere, so that it is taken for no other class
        "1 car #0000ff\n2 road #ff0000\n",  # colours that the masks do not have
        "1 car\n",
    ],
)
def test_a_list_that_agrees_as_far_as_it_goes_is_not_in_the_way(text, tmp_path):
    meant = write(tmp_path, VALUES, 3)
    (tmp_path / "classes.txt").write_text(text)
    assert_read(inspect_folder(tmp_path, GIVEN), {stem: MEANT[places] for stem, places in meant.items()})


def test_the_lists_of_all_parts_are_compared(tmp_path):
    for part, text in (("train", "1,car\n2,road\n"), ("valid", "1,road\n2,car\n")):
        write(tmp_path, VALUES, 3, (f"{part}/{{}}.jpg", f"{part}/{{}}_mask.png"), 3, f"{part}-")
        (tmp_path / part / "_classes.csv").write_text(text)
    with pytest.raises(DataError, match=r"valid/_classes\.csv contradicts.*1 road \(not car\)"):
        inspect_folder(tmp_path, GIVEN)


def test_masks_of_colours_are_compared_by_colours(tmp_path):
    meant = write(tmp_path, by_colours(RED, GREEN, BLUE), 3)
    (tmp_path / "labelmap.txt").write_text("road:30,200,30::\ncar:200,30,30::\n")  # in another order
    assert_read(inspect_folder(tmp_path, GIVEN), meant)
    (tmp_path / "labelmap.txt").write_text("car:30,200,30::\nroad:200,30,30::\n")
    with pytest.raises(DataError, match=r"contradicts.*by whose colours.*#1ec81e car \(not road\)"):
        inspect_folder(tmp_path, GIVEN)


def test_a_file_that_is_named_need_not_agree_with_the_folders_own(tmp_path):
    meant = write(tmp_path / "set", by_values((0, 1, 2)), 3)
    (tmp_path / "set/classes.txt").write_text("ground\nroad\ncar\n")
    (tmp_path / "mine.txt").write_text("unknown thing\ncar\nroad\n")
    found = inspect_folder(tmp_path / "set", DataOptions(classes=str(tmp_path / "mine.txt")))
    assert_read(found, meant)


def test_colours_as_names_contradict_nothing(tmp_path):
    meant = write(tmp_path, lambda places: Image.fromarray(voc_rgb(places)), 3)
    auto = inspect_folder(tmp_path, DataOptions(classes="auto"))
    (tmp_path / "classes.txt").write_text("ground #000000\nroad #800000\ncar #008000\n")
    again = ClassTable.from_json(*auto.reading.table.as_json().values())
    found = inspect_folder(tmp_path, DataOptions(classes=again))
    assert_read(found, {stem: np.array([0, 2, 1])[places] for stem, places in meant.items()})

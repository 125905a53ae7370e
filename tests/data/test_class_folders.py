"""Folders with classes: the labels that are read, the table that `check` shows, and what is refused."""

import json

import numpy as np
import pytest
from class_folders import HEIGHT, TOOLS, UNKNOWN, WIDTH, assert_read, by_values, paletted, voc_rgb, write
from PIL import Image

from unet.__main__ import main
from unet.data.class_convention import refuse_nameless
from unet.data.class_files import voc_colour
from unet.data.inspect import inspect_folder
from unet.data.options import DataOptions
from unet.errors import ConfigError, DataError

AUTO = DataOptions(classes="auto")
NAMES = {
    "LabelMe": ["background", "cat", "dog"],
    "CVAT": ["background", "handle", "human", "table"],
    "Roboflow": ["background", "car", "road"],
    "VOC": ["class 0", "class 5", "class 15"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_label_tools_export_is_read_as_it_is_meant(tool, tmp_path):
    meant = TOOLS[tool](tmp_path / "set")
    found = inspect_folder(tmp_path / "set", AUTO)
    assert found.reading.table.names == NAMES[tool]
    assert_read(found, meant)
    refuse_nameless(found.reading, "set")
    if tool == "Roboflow":
        assert {part: len(stems) for part, stems in found.split.items()} == {"train": 3, "val": 3, "test": 3}
    if tool == "VOC":
        assert found.reading.table.ids.tolist() == [0, 5, 15]
        assert [tuple(colour) for colour in found.reading.table.colours] == [voc_colour(i) for i in (0, 5, 15)]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((1, 2, 3, 4), np.uint8),
        ((0, 3, 17, 200), np.uint8),
        ((7, 300, 1200, 65535), np.uint16),
        (tuple(range(40)), np.uint8),
        ((0, 1, 2), np.float32),
    ],
)
def test_values_are_ids_with_gaps_without_background_and_of_16_bits(values, dtype, tmp_path):
    if dtype is np.float32:
        meant = write(tmp_path, by_values(values, dtype), len(values), ("images/{}.jpg", "masks/{}.tif"))
    else:
        meant = write(tmp_path, by_values(values, dtype), len(values))
    found = inspect_folder(tmp_path, AUTO)
    assert found.reading.table.ids.tolist() == list(values)
    assert_read(found, meant)


def test_colours_are_classes_and_those_within_three_levels_are_one(tmp_path):
    colours = np.array([(0, 0, 0), (200, 30, 30), (30, 30, 200), (100, 105, 102)], np.uint8)
    rng = np.random.default_rng(0)

    def draw(places):
        near = rng.integers(-1, 2, (*places.shape, 3)) * (rng.random(places.shape) < 0.02)[..., None]
        return Image.fromarray(np.clip(colours[places].astype(int) + near, 0, 255).astype(np.uint8))

    meant = write(tmp_path, draw, 4)
    found = inspect_folder(tmp_path, AUTO)
    order = np.argsort([r << 16 | g << 8 | b for r, g, b in colours.tolist()])
    np.testing.assert_array_equal(found.reading.table.colours, colours[order])
    assert_read(found, {stem: np.argsort(order)[places] for stem, places in meant.items()})


def test_a_colour_of_no_class_is_refused_with_its_share(tmp_path):
    write(tmp_path, lambda places: Image.fromarray(voc_rgb(places)), 3)
    (tmp_path / "classes.txt").write_text("ground #000000\nobject #800000\n")
    with pytest.raises(DataError, match=r"(?s)#008000 \(.*%\).*--classes FILE"):
        inspect_folder(tmp_path, AUTO)
    (tmp_path / "classes.txt").write_text("ground #000000\nobject #800000\nvoid #008000\n")
    assert len(inspect_folder(tmp_path, AUTO).reading.table) == 2


@pytest.mark.parametrize("classes", ["auto", "classes.txt"])
def test_masks_as_jpeg_are_refused(classes, tmp_path):
    template = ("images/{}.png", "masks/{}.jpg")
    write(tmp_path, lambda places: Image.fromarray(voc_rgb(places * 3)), 3, template)
    if classes != "auto":
        (tmp_path / classes).write_text("".join(f"c{i} #{bytes(voc_colour(3 * i)).hex()}\n" for i in range(3)))
    with pytest.raises(DataError, match="JPEG"):
        inspect_folder(tmp_path, DataOptions(classes=classes))


def test_palettes_in_another_order_in_each_file_are_read_by_their_colours(tmp_path):
    colours = [(0, 0, 0), (200, 30, 30), (30, 30, 200)]
    orders = iter([(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1)])

    def draw(places):
        order = next(orders)
        return paletted(np.array(order)[places], {index: colours[place] for place, index in enumerate(order)})

    meant = write(tmp_path, draw, 3)
    found = inspect_folder(tmp_path, AUTO)
    np.testing.assert_array_equal(found.reading.table.colours, [(0, 0, 0), (30, 30, 200), (200, 30, 30)])
    assert_read(found, {stem: np.array([0, 2, 1])[places] for stem, places in meant.items()})


def test_black_and_white_are_colours_where_the_list_says_so(tmp_path):
    meant = write(tmp_path, by_values((0, 255)), 2)
    (tmp_path / "classes.txt").write_text("ground #000000\nobject #ffffff\n")
    assert_read(inspect_folder(tmp_path, AUTO), meant)
    (tmp_path / "classes.txt").write_text("0 ground\n255 object\n")
    assert_read(inspect_folder(tmp_path, AUTO), meant)
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(DataError, match="which needs no --classes"):
        inspect_folder(tmp_path, AUTO)


def test_a_class_that_only_test_has_and_a_mask_of_nothing_but_void(tmp_path):
    for part in ("train", "val"):
        write(tmp_path, by_values((0, 1)), 2, (f"{part}/images/{{}}.jpg", f"{part}/masks/{{}}.png"), 3, f"{part}-")
    write(tmp_path, by_values((0, 1, 9)), 3, ("test/images/{}.jpg", "test/masks/{}.png"), 3, "test-")
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "val/images/nothing.jpg")
    Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / "val/masks/nothing.png")
    found = inspect_folder(tmp_path, AUTO)
    assert found.reading.table.ids.tolist() == [0, 1, 9]
    assert found.counts["nothing"].tolist() == [0, 0, 0, HEIGHT * WIDTH]
    only_void = [Image.new("L", (WIDTH, HEIGHT), 255)] * 3
    for number, mask in enumerate(only_void):
        (tmp_path / "void/masks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "void/images").mkdir(parents=True, exist_ok=True)
        mask.save(tmp_path / f"void/masks/{number}.png")
        mask.save(tmp_path / f"void/images/{number}.jpg")
    with pytest.raises(DataError, match="a task has 2 to 254 classes"):
        inspect_folder(tmp_path / "void", AUTO)


def test_check_prints_the_table_and_what_does_not_fit(tmp_path, capsys):
    meant = write(tmp_path, by_values((0, 1, 4)), 3)
    (tmp_path / "classes.txt").write_text("0 ground #102030\n1 object\n2 nowhere\n")
    assert main(["check", str(tmp_path), "--classes", "auto", "--sheet", str(tmp_path / "sheet.png")]) == 0
    text = capsys.readouterr().out
    assert "#102030" in text
    assert "these ids have no class: 4" in text
    assert "these classes have no pixel: nowhere" in text
    assert Image.open(tmp_path / "sheet.png").width > 200
    assert main(["check", str(tmp_path), "--classes", str(tmp_path / "classes.txt"), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    every = np.stack(list(meant.values()))
    assert content["classes"][1]["pixels"] == pytest.approx((every == 1).sum() / (every < 2).sum())
    assert [row["pictures"] for row in content["classes"]] == [1, 1, 0]
    assert (content["nameless"], content["missing"]) == ([4], ["nowhere"])
    assert content["unknown"] == pytest.approx((every == 2).mean())
    with pytest.raises(DataError, match=r"ids without a class: 4.*`4 void`"):
        refuse_nameless(inspect_folder(tmp_path, AUTO).reading, "set")


def test_without_the_option_the_task_stays_binary_and_the_list_is_named(tmp_path, capsys):
    TOOLS["LabelMe"](tmp_path)
    assert main(["check", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "every other colour foreground" in text
    assert "class_names.txt lists classes, which --classes auto would use" in text


def test_options_that_contradict_classes_are_refused():
    with pytest.raises(ConfigError, match="--classes"):
        DataOptions(classes="auto", foreground=("1",))
    with pytest.raises(ConfigError, match="--classes"):
        DataOptions(classes="auto", invert_masks=True)


def test_a_value_may_be_told_to_count_nowhere(tmp_path):
    meant = write(tmp_path, by_values((0, 1, 2)), 3)
    found = inspect_folder(tmp_path, DataOptions(classes="auto", unknown=("1",)))
    assert found.reading.table.ids.tolist() == [0, 2]
    assert_read(found, {stem: np.array([0, UNKNOWN, 1])[places] for stem, places in meant.items()})

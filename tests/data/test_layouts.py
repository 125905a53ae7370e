"""The layouts of data sets and label tools, and what is refused by its name."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from generated import draw_pair
from layouts import LAYOUTS, NAMES, REFUSED, SPLITS, each, retina, write_masks, write_pictures
from PIL import Image

from unet.data.inspect import inspect_folder
from unet.data.options import DataOptions
from unet.data.pairs import find_pairs, load_resized, select_pairs
from unet.data.split import load_split, save_split
from unet.errors import DataError


def found_paths(found):
    return [
        (p.image.relative_to(found.root).as_posix(), p.mask.relative_to(found.root).as_posix()) for p in found.pairs
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_found(tmp_path, layout):
    images, masks = LAYOUTS[layout]
    write_pictures(tmp_path, images)
    write_masks(tmp_path, masks)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "license.txt").write_text("free")
    found = inspect_folder(tmp_path)
    assert sorted(found_paths(found)) == sorted(zip(images, masks, strict=True))
    assert found.split is None
    for pair in found.pairs:
        seed = images.index(pair.image.relative_to(tmp_path).as_posix())
        np.testing.assert_array_equal(load_resized(pair)[1], draw_pair(seed)[1] // 255)


@pytest.mark.parametrize("layout", SPLITS)
@pytest.mark.parametrize("same_names", [False, True])
def test_folders_of_parts_are_a_given_split(tmp_path, layout, same_names):
    image, mask, folders = SPLITS[layout]
    names = {part: [f"{'' if same_names else part}{n}" for n in range(3)] for part in folders}
    for kind, write in ((image, write_pictures), (mask, write_masks)):
        write(tmp_path, [kind.format(part=folders[part], name=name) for part in folders for name in names[part]])
    found = inspect_folder(tmp_path)
    prefix = {part: f"{part}/" if same_names else "" for part in folders}
    expected = {part: [prefix[part] + name for name in names.get(part, ())] for part in names}
    assert found.split == {"val": [], "test": [], **expected}
    assert len(found.pairs) == 3 * len(folders)


def test_a_part_without_masks_is_no_part(tmp_path):
    write_pictures(tmp_path, [*each("train/{}.jpg"), *each("test/{}.jpg")])
    write_masks(tmp_path, each("train_masks/{}.png"))
    assert inspect_folder(tmp_path).split is None


@pytest.mark.parametrize("kind", REFUSED)
def test_what_are_no_pairs_is_refused_by_its_name(tmp_path, kind):
    make, words = REFUSED[kind]
    make(tmp_path)
    with pytest.raises(DataError) as caught:
        find_pairs(tmp_path)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("chosen", "mask"), [("1st_manual", "1st_manual/{}_manual1.gif"), ("mask", "mask/{}_training_mask.gif")]
)
def test_the_option_chooses_between_two_folders_of_masks(tmp_path, chosen, mask):
    retina(tmp_path)
    if chosen == "mask":
        for path in (tmp_path / "training/mask").iterdir():
            Image.fromarray(draw_pair(9)[1]).save(path)
    found = inspect_folder(tmp_path, DataOptions(masks=chosen))
    assert found_paths(found) == [
        (f"training/images/{name}_training.tif", f"training/{mask.format(name)}") for name in NAMES
    ]


@pytest.mark.parametrize(
    ("images", "masks", "options"),
    [
        ("blurred_image/{}.jpg", "trimap/{}.png", {"images": "blurred_image", "masks": "trimap"}),
        ("a/b/photos of mine/{}.jpg", "a/b/drawn/{}.png", {"masks": "a/b/drawn"}),
        ("a/left/{}.jpg", "b/right/{}.png", {"images": "left", "masks": "b/right"}),
        ("x/{}.jpg", "x/{}-cutout.png", {"masks": "-cutout"}),
        ("x/{}.jpg", "x/{}-cutout.png", {"masks": "cutout"}),
        ("{}_rgb.png", "{}_id.png", {"images": "_rgb", "masks": "_id"}),
        ("rgb.{}.png", "id.{}.png", {"images": "rgb", "masks": "id"}),
        ("{}.png", "truth-{}.png", {"masks": "truth-"}),
    ],
)
def test_options_name_folders_or_parts_of_names(tmp_path, images, masks, options):
    write_pictures(tmp_path, each(images))
    write_masks(tmp_path, each(masks))
    found = inspect_folder(tmp_path, DataOptions(**options))
    assert found_paths(found) == list(zip(each(images), each(masks), strict=True))


def test_folders_are_named_from_where_the_program_runs_too(tmp_path, monkeypatch):
    write_pictures(tmp_path, each("set/left/{}.jpg"))
    write_masks(tmp_path, each("set/right/{}.png"))
    monkeypatch.chdir(tmp_path)
    for masks in ("set/right", "./set/right/", str(tmp_path / "set/right"), "right"):
        assert len(find_pairs("set", options=DataOptions(masks=masks))) == len(NAMES)


@pytest.mark.parametrize("options", [{"images": "nowhere"}, {"masks": "_gone"}])
def test_names_that_do_not_exist_are_refused(tmp_path, options):
    write_pictures(tmp_path, each("images/{}.jpg"))
    write_masks(tmp_path, each("masks/{}.png"))
    with pytest.raises(DataError, match="no such folder, nor files with that prefix or suffix"):
        find_pairs(tmp_path, options=DataOptions(**options))


@pytest.mark.parametrize("second", ["a_mask_1.png", "a_mask2.png", "a_mask (1).png", "a_1_mask.png"])
def test_several_masks_of_one_picture_are_joined(tmp_path, second):
    write_pictures(tmp_path, ["a.png", "b.png"])
    write_masks(tmp_path, ["a_mask.png", "b_mask.png", second])
    found = inspect_folder(tmp_path)
    assert found.joined == ["a"]
    joined = load_resized(found.pairs[0])[1]
    np.testing.assert_array_equal(joined, (draw_pair(0)[1] | draw_pair(2)[1]) // 255)
    assert found.shares["a"] == pytest.approx(joined.mean())


@pytest.mark.parametrize("mask", ["masks/{1}/{0}.png", "masks/{0}/{1}.png", "masks/{0}_instance_{1}.png"])
def test_masks_of_one_picture_that_names_or_folders_number_are_joined(tmp_path, mask):
    write_pictures(tmp_path, each("images/{}.jpg"))
    write_masks(tmp_path, [mask.format(name, number) for number in (1, 2) for name in NAMES])
    assert inspect_folder(tmp_path).joined == list(NAMES)


def test_a_mask_of_a_series_is_no_object_of_the_picture_without_a_number(tmp_path):
    write_pictures(tmp_path, ["a.png", "a_1.png"])
    write_masks(tmp_path, ["a_mask.png", "a_1_mask.png", "a_2_mask.png"])
    with pytest.raises(DataError, match=r"mask without a picture: a_2_mask\.png"):
        find_pairs(tmp_path)


@pytest.mark.parametrize("mask", ["{}.ah.png", "{}_1stHO.png", "{}_overlay.png"])
def test_names_that_tell_no_masks_are_refused_with_the_options_that_do(tmp_path, mask):
    write_pictures(tmp_path, each("{}.jpg"))
    write_masks(tmp_path, each(mask))
    with pytest.raises(DataError, match=r"--images and --masks name .*\n  picture without a mask: a1\.jpg"):
        find_pairs(tmp_path)
    with pytest.raises(DataError, match="no usable pair of picture and mask; --images and --masks name"):
        find_pairs(tmp_path, skip_broken=True)
    suffix = Path(mask.format("")).stem
    found = inspect_folder(tmp_path, DataOptions(masks=suffix))
    assert found_paths(found) == list(zip(each("{}.jpg"), each(mask), strict=True))


def test_masks_in_a_folder_of_one_picture_are_its_objects(tmp_path):
    write_pictures(tmp_path, each("{0}/images/{0}.png"))
    write_masks(tmp_path, [*each("{}/masks/0f.png"), *each("{}/masks/9e.png")])
    found = inspect_folder(tmp_path)
    assert found.joined == list(NAMES)
    np.testing.assert_array_equal(load_resized(found.pairs[0])[1], (draw_pair(0)[1] | draw_pair(4)[1]) // 255)


@pytest.mark.parametrize("other", ["a_gt.png", "a_mask.bmp"])
def test_two_masks_that_are_no_objects_are_refused(tmp_path, other):
    write_pictures(tmp_path, ["a.jpg"])
    write_masks(tmp_path, ["a_mask.png", other])
    with pytest.raises(DataError, match="several files for one stem"):
        find_pairs(tmp_path)


def test_stems_of_nested_folders_are_found_in_a_split(tmp_path):
    write_pictures(tmp_path, each("images/{}/1.jpg"))
    write_masks(tmp_path, each("masks/{}/1.png"))
    pairs = find_pairs(tmp_path)
    save_split(tmp_path / "split.json", {"test": ["a1/1", "d4/1"]})
    assert [pair.stem for pair in select_pairs(pairs, load_split(tmp_path / "split.json"), "test")] == ["a1/1", "d4/1"]


def turned(folder: Path, orientation: int, size: tuple[int, int], stored: bool, tag: bool = False, name: str = "a"):
    """A picture that EXIF turns, `size` as its rows are stored, and its mask, as stored or upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    width, height = size
    rgb, mask = draw_pair(len(name), height, width)
    (folder / "images").mkdir(exist_ok=True, parents=True)
    (folder / "masks").mkdir(exist_ok=True)
    Image.fromarray(rgb).save(folder / "images" / f"{name}.jpg", exif=exif)
    if not stored:
        sideways = orientation > 4
        mask = draw_pair(0, *((width, height) if sideways else (height, width)))[1]
    Image.fromarray(mask).save(folder / "masks" / f"{name}.png", **({"exif": exif} if tag else {}))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("size", [(60, 40), (50, 50)])
def test_masks_of_turned_pictures(tmp_path, orientation, size):
    told = orientation > 4 and size[0] != size[1]
    turned(tmp_path / "stored", orientation, size, stored=True)
    with pytest.raises(DataError, match="EXIF orientation" if told else "--upright-masks"):
        find_pairs(tmp_path / "stored")
    turned(tmp_path / "upright", orientation, size, stored=False)
    if not told:
        with pytest.raises(DataError, match="--upright-masks"):
            find_pairs(tmp_path / "upright")
    assert find_pairs(tmp_path / "upright", options=DataOptions(upright_masks=True))
    turned(tmp_path / "tagged", orientation, size, stored=True, tag=True)
    (pair,) = find_pairs(tmp_path / "tagged")
    assert load_resized(pair)


def test_the_other_pairs_tell_how_masks_of_turned_squares_lie(tmp_path):
    turned(tmp_path, 6, (50, 50), stored=False, name="square")
    turned(tmp_path, 3, (60, 40), stored=False, name="half a turn")
    with pytest.raises(DataError, match="--upright-masks"):
        find_pairs(tmp_path)
    turned(tmp_path, 8, (60, 40), stored=False, name="sideways")
    assert len(find_pairs(tmp_path)) == 3
    turned(tmp_path, 6, (60, 40), stored=True, name="other")
    with pytest.raises(DataError, match="3 faults"):
        find_pairs(tmp_path)


def test_one_level_deeper_is_not_empty(tmp_path):
    for name in ("mine", "yours"):
        write_pictures(tmp_path, each(f"{name}/{{}}.jpg"))
    with pytest.raises(DataError) as caught:
        find_pairs(tmp_path)
    assert "is empty" not in str(caught.value)
    assert "--masks" in str(caught.value)
    shutil.rmtree(tmp_path / "yours")
    with pytest.raises(DataError, match=r"picture without a mask: mine/a1\.jpg"):
        find_pairs(tmp_path)

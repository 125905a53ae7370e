import builtins
import logging
import os
import shutil
import time
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet.data.pairs import Pair, extra_test_names, find_pairs, load_resized, select_pairs
from unet.data.split import read_groups, split_stems
from unet.errors import DataError, UnetError

REAL = os.environ.get("UNET_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="UNET_TEST_DATA names no folder of photographs")


def write(path, shape=(6, 8), mode="RGB", **options):
    """A picture file of height and width `shape`, or a mask if `mode` is L."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(shape, np.uint8)
    values[: shape[0] // 2] = 255
    Image.fromarray(values).convert(mode).save(path, **options)


def make(folder, images, masks, under=("images", "masks")):
    for name in images:
        write(folder / under[0] / name)
    for name in masks:
        write(folder / under[1] / name, mode="L")
    return folder


def names(pairs):
    return [(pair.stem, pair.image.name, pair.mask.name) for pair in pairs]


def message(folder):
    with pytest.raises(DataError) as caught:
        find_pairs(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    "under",
    [
        ("images", "masks"),
        ("Images", "MASKS"),
        ("images", "images-gt"),
        ("imgs", "labels"),
        ("img", "gt"),
        ("image", "mask"),
        ("photos", "groundtruth"),
        ("images", "Ground Truth"),
        ("JPEGImages", "SegmentationClass"),
        ("images", "annotations"),
    ],
)
def test_two_folders(tmp_path, under):
    make(tmp_path, ["b.jpg", "a.png"], ["a.png", "b.png"], under)
    assert find_pairs(tmp_path) == [
        Pair("a", tmp_path / under[0] / "a.png", tmp_path / under[1] / "a.png", tmp_path),
        Pair("b", tmp_path / under[0] / "b.jpg", tmp_path / under[1] / "b.png", tmp_path),
    ]


def test_any_mix_of_formats(tmp_path):
    make(tmp_path, ["a.jpg", "b.JPEG", "c.PNG", "d.bmp", "e.webp"], ["a.webp", "b.bmp", "c.jpg", "d.png", "e.PNG"])
    assert [pair.stem for pair in find_pairs(tmp_path)] == list("abcde")


def test_stems_pair_not_the_listing_order(tmp_path):
    # Sorted by name the masks come in another order than the pictures.
    make(tmp_path, ["a.b.png", "a-1.jpg", "a10.jpg", "a9.jpg"], ["a9.png", "a.b.jpg", "a-1.png", "a10.bmp"])
    for pair in find_pairs(tmp_path):
        assert pair.image.stem == pair.mask.stem == pair.stem
    assert [pair.stem for pair in find_pairs(tmp_path)] == ["a-1", "a.b", "a10", "a9"]


@pytest.mark.parametrize(
    "suffix", ["_mask", "_gt", "-mask", "_MASK", " mask", ".mask", "_GroundTruth", "_label", "_seg"]
)
def test_one_folder_told_by_suffix(tmp_path, suffix):
    make(tmp_path, ["a.jpg", "b_1.png"], [f"a{suffix}.png", f"b_1{suffix}.jpg"], (".", "."))
    assert names(find_pairs(tmp_path)) == [
        ("a", "a.jpg", f"a{suffix}.png"),
        ("b_1", "b_1.png", f"b_1{suffix}.jpg"),
    ]


def test_a_picture_of_a_mask(tmp_path):
    make(tmp_path, ["gas_mask.jpg", "cat.jpg"], ["gas_mask_mask.png", "cat_mask.png"], (".", "."))
    assert names(find_pairs(tmp_path)) == [
        ("cat", "cat.jpg", "cat_mask.png"),
        ("gas_mask", "gas_mask.jpg", "gas_mask_mask.png"),
    ]


def test_suffixes_within_the_masks_folder(tmp_path):
    make(tmp_path, ["cat.jpg", "gas_mask.jpg", "dog.jpg"], ["cat_mask.png", "gas_mask.png", "dog.png"])
    assert names(find_pairs(tmp_path)) == [
        ("cat", "cat.jpg", "cat_mask.png"),
        ("dog", "dog.jpg", "dog.png"),
        ("gas_mask", "gas_mask.jpg", "gas_mask.png"),
    ]


def test_ambiguous_suffixes_are_named(tmp_path):
    make(tmp_path, ["cat.jpg"], ["cat.png", "cat_mask.png"])
    assert "several files for one stem: masks/cat.png and masks/cat_mask.png" in message(tmp_path)


def test_what_is_no_picture_is_ignored(tmp_path):
    make(tmp_path, ["a.jpg"], ["a.png"])
    for name in (".DS_Store", "Thumbs.db", "readme.txt", "._a.jpg", "._b.jpg"):
        (tmp_path / "images" / name).write_bytes(b"x")
        (tmp_path / "masks" / name).write_bytes(b"x")
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "images" / "folder.jpg").mkdir()
    write(tmp_path / "preview.png")
    assert names(find_pairs(tmp_path)) == [("a", "a.jpg", "a.png")]


def test_other_folders_are_ignored(tmp_path):
    make(tmp_path, ["a.jpg"], ["a.png"])
    (tmp_path / "labels").mkdir()  # as YOLO has it: text files
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 1 1")
    write(tmp_path / "originals" / "b.jpg")
    assert [pair.stem for pair in find_pairs(tmp_path)] == ["a"]


def test_two_folders_of_masks_are_one_too_many(tmp_path):
    make(tmp_path, ["a.jpg"], ["a.png"])
    write(tmp_path / "labels" / "a.png", mode="L")
    assert "several folders of masks: labels, masks;" in message(tmp_path)


def test_a_folder_within_a_folder(tmp_path):
    make(tmp_path / "archive" / "set", ["a.jpg", "b.jpg"], ["a.png"])
    (tmp_path / "__MACOSX").mkdir()
    assert "picture without a mask: archive/set/images/b.jpg" in message(tmp_path)
    write(tmp_path / "archive" / "set" / "masks" / "b.png", mode="L")
    assert {pair.root for pair in find_pairs(tmp_path)} == {tmp_path}


def test_composed_and_decomposed_names_are_one(tmp_path):
    nfc, nfd = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    make(tmp_path, [f"{nfd}.jpg"], [f"{nfc}.png"])
    assert [pair.stem for pair in find_pairs(tmp_path)] == [nfc]


def test_rotated_pictures_are_compared_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / "images" / "a.jpg", (6, 8), exif=exif)
    write(tmp_path / "masks" / "a.png", (8, 6), mode="L")
    (pair,) = find_pairs(tmp_path)
    rgb, target = load_resized(pair)
    assert rgb.shape == (8, 6, 3)
    assert target.shape == (8, 6)


@pytest.fixture
def broken(tmp_path):
    """A folder with every fault, and two good pairs."""
    folder = make(tmp_path / "broken", ["good.jpg", "fine.png"], ["good.png", "fine.png"])
    make(folder, ["lonely.jpg", "twin.jpg", "twin.png"], ["orphan.png", "twin.png", "garbage.png", "empty.png"])
    write(folder / "images" / "wide.jpg", (6, 9))
    write(folder / "masks" / "wide.png", (6, 8), mode="L")
    (folder / "images" / "garbage.jpg").write_bytes(b"no picture")
    (folder / "images" / "empty.jpg").write_bytes(b"")
    return folder


def test_all_faults_come_in_one_message(broken):
    text = message(broken)
    assert f"the data folder {broken} has 6 faults" in text
    lines = {line.split(":")[0].strip(): line for line in text.splitlines()[1:]}
    assert len(lines) == 5
    assert "images/lonely.jpg" in lines["picture without a mask"]
    assert "masks/orphan.png" in lines["mask without a picture"]
    assert "images/twin.jpg and images/twin.png" in lines["several files for one stem"]
    assert "masks/wide.png (8 x 6, images/wide.jpg 9 x 6)" in lines["mask of another size than its picture"]
    assert "images/garbage.jpg (" in lines["file that cannot be read"]
    assert "images/empty.jpg (" in lines["file that cannot be read"]
    assert "good" not in text
    assert "fine" not in text
    assert "--skip-broken" in text


def test_broken_files_can_be_skipped(broken, caplog):
    with caplog.at_level(logging.WARNING):
        pairs = find_pairs(broken, skip_broken=True)
    assert [pair.stem for pair in pairs] == ["fine", "good"]
    assert len(caplog.records) == 6
    for name in ("lonely.jpg", "orphan.png", "twin.jpg", "twin.png", "wide.png", "garbage.jpg", "empty.jpg"):
        assert sum(name in record.message for record in caplog.records) == 1


def test_nothing_left_after_skipping(tmp_path):
    make(tmp_path, ["a.jpg"], ["b.png"])
    with pytest.raises(DataError, match="no usable pair of picture and mask"):
        find_pairs(tmp_path, skip_broken=True)


def test_many_faults_are_named_and_the_rest_counted(tmp_path):
    make(tmp_path, [f"{i:03}.jpg" for i in range(60)], ["000.png"])
    text = message(tmp_path)
    assert "59 faults" in text
    assert all(f"images/{i:03}.jpg" in text for i in range(1, 51))
    assert text.endswith("images/050.jpg and 9 more")


@pytest.mark.parametrize("given", ["nowhere", "./here/../nowhere"])
def test_a_missing_folder_is_named_as_given(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert message(given) == f"the data folder {given} does not exist"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"")
    assert "set.zip is not a folder" in message(tmp_path / "set.zip")


@pytest.mark.parametrize("folders", [(), ("images",), ("images", "masks"), ("other", "another")])
def test_an_empty_folder_is_named_as_given(tmp_path, monkeypatch, folders):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    for name in folders:
        (tmp_path / "set" / name).mkdir()
    assert message("./set/").startswith("the data folder ./set/ is empty: ")


@pytest.mark.parametrize(("empty", "full"), [("images", "masks"), ("masks", "images")])
def test_one_empty_part_is_named(tmp_path, empty, full):
    write(tmp_path / full / "a.png")
    (tmp_path / empty).mkdir()
    assert f"is empty: {empty}/ has no pictures" in message(tmp_path)


def test_a_dangling_link_is_a_file_that_cannot_be_read(tmp_path):
    make(tmp_path, ["a.jpg"], ["a.png", "b.png"])
    (tmp_path / "images" / "b.jpg").symlink_to(tmp_path / "gone.jpg")
    assert "file that cannot be read: images/b.jpg (" in message(tmp_path)


def test_truncated_bodies_are_found_when_read(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    edges = np.where(np.arange(64 * 64).reshape(64, 64) % 7 > 3, 255, 0).astype(np.uint8)
    for name, values in (("images/a.png", noise), ("masks/a.png", edges)):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(values).save(tmp_path / name)
    (pair,) = find_pairs(tmp_path)
    for path in (pair.image, pair.mask):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        if path == pair.image:  # masks are always decoded
            assert find_pairs(tmp_path) == [pair]
        with pytest.raises(UnetError, match=r"a\.png"):
            load_resized(pair)
        folder = f"{path.parent.name}/a.png"
        with pytest.raises(DataError, match=rf"has 1 fault .*\n.*cannot be read: {folder} \("):
            find_pairs(tmp_path, decode=True)
        path.write_bytes(whole)
        assert find_pairs(tmp_path, decode=True) == [pair]


def test_the_check_is_quick(tmp_path):
    make(tmp_path, ["0.jpg"], ["0.png"])
    for i in range(1, 930):
        shutil.copyfile(tmp_path / "images" / "0.jpg", tmp_path / "images" / f"{i}.jpg")
        shutil.copyfile(tmp_path / "masks" / "0.png", tmp_path / "masks" / f"{i}.png")
    files = [*(tmp_path / "images").iterdir(), *(tmp_path / "masks").iterdir()]
    start = time.process_time()
    for path in files:
        with Image.open(path) as picture:
            picture.load()
    alone = time.process_time() - start
    start = time.process_time()
    assert len(find_pairs(tmp_path)) == 930
    assert time.process_time() - start < 10 * alone  # about 3 times


@pytest.mark.parametrize("decode", [False, True])
def test_files_are_opened_once(tmp_path, monkeypatch, decode):
    make(tmp_path, ["a.jpg", "b.png", "c.tif"], ["a.png", "b.jpg", "c.tif"])
    opened = Counter()
    usual = open

    def counted(file, *args, **kwargs):
        if isinstance(file, str | Path):
            opened[Path(file)] += 1
        return usual(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", counted)
    assert len(find_pairs(tmp_path, decode=decode)) == 3
    assert opened == dict.fromkeys([path for path in tmp_path.rglob("*") if path.is_file()], 1)


def test_resized_pictures_are_smooth_and_labels_are_not(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.choice(np.array([0, 128, 255], np.uint8), (37, 53))
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    Image.fromarray(values).convert("RGB").save(tmp_path / "images" / "a.png")
    Image.fromarray(values).save(tmp_path / "masks" / "a.png")
    (pair,) = find_pairs(tmp_path)
    rgb, target = load_resized(pair)
    np.testing.assert_array_equal(rgb, np.repeat(values[..., None], 3, axis=-1))
    np.testing.assert_array_equal(target, np.select([values == 0, values == 128], [0, 255], 1))
    for height, width in ((20, 30), (240, 240)):
        small_rgb, small = load_resized(pair, (height, width))
        assert (small_rgb.shape, small_rgb.dtype) == ((height, width, 3), np.uint8)
        # The pixel under the middle of each new one.
        rows = ((np.arange(height) + 0.5) * 37 / height).astype(int)
        columns = ((np.arange(width) + 0.5) * 53 / width).astype(int)
        np.testing.assert_array_equal(small, target[np.ix_(rows, columns)])
        assert len(np.unique(small_rgb)) > 50


def test_a_mask_that_changed_its_shape_is_named(tmp_path):
    make(tmp_path, ["a.jpg"], ["a.png"])
    (pair,) = find_pairs(tmp_path)
    write(pair.mask, (5, 5), mode="L")
    with pytest.raises(DataError, match=r"masks/a\.png has another size"):
        load_resized(pair)


def pairs_of(root, *stems):
    return [Pair(stem, Path(root, f"{stem}.jpg"), Path(root, f"{stem}.png"), Path(root)) for stem in stems]


def test_extra_pictures_are_named_by_folder_where_there_are_several():
    assert extra_test_names([]) == []
    assert extra_test_names(pairs_of("x", "b", "a")) == ["a", "b"]
    assert extra_test_names(pairs_of("d/x", "b", "a") + pairs_of("y", "a")) == ["x/a", "x/b", "y/a"]
    with pytest.raises(DataError, match="d/x, x need different names"):
        extra_test_names(pairs_of("d/x", "a") + pairs_of("x", "b"))


def test_selecting_a_part():
    split = {"train": ["a", "c"], "val": ["b"], "test": [], "extra_test": ["y/a", "x/d", "x/c"]}
    pairs = pairs_of("d/x", "a", "b", "c", "d")
    assert [pair.stem for pair in select_pairs(pairs, split, "train")] == ["a", "c"]
    assert [pair.stem for pair in select_pairs(pairs, split, "extra_test")] == ["c", "d"]
    with pytest.raises(DataError, match="no test pictures of d/x"):
        select_pairs(pairs, split, "test")
    with pytest.raises(DataError, match="no extra_test pictures of z"):
        select_pairs(pairs_of("z", "a"), split, "extra_test")
    with pytest.raises(DataError, match="d/x lacks 1 of the 2 pictures of the split's train: c;"):
        select_pairs(pairs[:2], split, "train")


@needs_real
def test_real_photographs():
    iseg, ecssd = (find_pairs(Path(REAL) / name) for name in ("iseg", "ecssd"))
    assert (len(iseg), len(ecssd)) == (140, 790)
    groups = read_groups(Path(__file__).parents[2] / "unet" / "data" / "interactive_segmentation_groups.txt")
    split = split_stems([pair.stem for pair in iseg], seed=0, groups=groups)
    assert [len(stems) for stems in split.values()] == [100, 20, 20]
    for pair in iseg[::20] + ecssd[::100]:
        rgb, target = load_resized(pair)
        assert rgb.shape[:2] == target.shape
        assert {0, 1} <= set(np.unique(target).tolist()) <= {0, 1, 255}

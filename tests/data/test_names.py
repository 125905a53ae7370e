"""Which files of a data folder are pictures, which are masks, and which belong together."""

import unicodedata

import pytest
from drawn_pairs import make, message, write

from unet.data.pairs import Pair, find_pairs


def names(pairs):
    return [(pair.stem, pair.image.name, pair.mask.name) for pair in pairs]


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

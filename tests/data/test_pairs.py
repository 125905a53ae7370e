"""The pairs of a data folder: their faults, their cost, their pixels, and the parts of a split."""

import builtins
import logging
import os
import shutil
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from drawn_pairs import make, message, write
from PIL import Image

from unet.data.pairs import Pair, extra_test_names, find_pairs, load_resized, select_pairs
from unet.data.split import read_groups, split_stems
from unet.errors import DataError, UnetError

REAL = os.environ.get("UNET_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="UNET_TEST_DATA names no folder of photographs")


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

    def decode_all():
        for path in files:
            with Image.open(path) as picture:
                picture.load()

    assert len(find_pairs(tmp_path)) == 930
    # the quickest of five each: what other threads and the garbage of other tests cost comes and goes
    assert _quickest(lambda: find_pairs(tmp_path)) < 10 * _quickest(decode_all)  # about 3 times


def _quickest(work, rounds=5):
    """The least processor time of some rounds, in seconds."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


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

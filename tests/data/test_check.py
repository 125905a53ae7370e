"""`python -m unet check`: what is printed, as text and JSON, and drawn."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from generated import draw_pair, write_folder
from layouts import LAYOUTS, each, write_masks, write_pictures
from mask_folders import READ
from mask_folders import write_masks as write_kind
from PIL import Image

from unet.__main__ import main
from unet.data.duplicates import REDUCED, near_duplicates, thumbnail
from unet.data.split import read_groups
from unet.errors import ImageError
from unet.pictures.decode import decode_opened, read_picture
from unet.pictures.opening import opened

ROOT = Path(__file__).parents[2]


def check(capsys, *arguments):
    """Exit status, standard output and standard error."""
    status = main(["check", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_json_alone_is_printed(tmp_path, capsys):
    labels = write_kind(tmp_path, READ["palette of VOC"])
    status, out, err = check(capsys, tmp_path, "--json")
    report = json.loads(out)
    assert (status, err) == (0, "")
    assert set(report) >= {"reading", "split", "pairs", "left_out", "duplicates"}
    assert (report["split"], report["left_out"], report["duplicates"]) == (None, [], [])
    assert report["reading"]["unknown"] == ["224, 224, 192"]
    for row, (stem, meant) in zip(report["pairs"], sorted(labels.items()), strict=True):
        assert (row["image"], row["mask"]) == (f"images/{stem}.png", f"masks/{stem}.png")
        assert row["foreground"] == pytest.approx(meant[meant != 255].mean(), abs=1e-6)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_that_a_console_cannot_show(tmp_path, encoding):
    names = ["\u5199\u771f", "\u0142\u00f3d\u017a", "\U0001f408", "plain"]
    write_pictures(tmp_path, [f"images/{name}.png" for name in names])
    write_masks(tmp_path, [f"masks/{name}.png" for name in names])
    (tmp_path / "images" / "\u7834.png").write_bytes(b"")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "unet", "check", tmp_path, "--skip-broken"]
    text, report = (
        subprocess.run([*command, *more], env=environment, capture_output=True, check=True, timeout=80)
        for more in ([], ["--json"])
    )
    assert b"left out    images/\\u7834.png" in text.stdout
    assert b"\\u7834.png" in report.stderr
    images = [pair["image"] for pair in json.loads(report.stdout)["pairs"]]
    assert sorted(images) == sorted(f"images/{name}.png" for name in names)


def test_text_names_layout_reading_values_shares_and_what_is_empty(tmp_path, capsys):
    write_kind(tmp_path, READ["some empty"])
    _, out, _ = check(capsys, tmp_path)
    for words in ("images/ and masks/: 6 pairs", "0 is background, 255 foreground", "median", "255 (", "why"):
        assert words in out
    assert "2 pictures without foreground: scene-01, scene-04" in out


def test_a_picture_without_a_mask_refuses_or_is_left_out(tmp_path, capsys):
    write_pictures(tmp_path, each("images/{}.jpg"))
    write_masks(tmp_path, each("masks/{}.png")[:3])
    status, out, err = check(capsys, tmp_path, "--json")
    assert (status, out) == (1, "")
    assert "picture without a mask: images/d4.jpg" in err
    status, out, _ = check(capsys, tmp_path, "--json", "--skip-broken")
    assert status == 0
    assert json.loads(out)["left_out"] == ["images/d4.jpg"]
    assert "left out    images/d4.jpg" in check(capsys, tmp_path, "--skip-broken")[1]


def test_a_given_split_is_shown(tmp_path, capsys):
    write_pictures(tmp_path, ["train/a.jpg", "train/b.jpg", "valid/c.jpg", "test/d.jpg"])
    write_masks(tmp_path, ["train/a_mask.png", "train/b_mask.png", "valid/c_mask.png", "test/d_mask.png"])
    _, out, _ = check(capsys, tmp_path, "--json")
    assert json.loads(out)["split"] == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
    assert "given: train 2, val 1, test 1" in check(capsys, tmp_path)[1]


def test_options_are_those_of_the_folder(tmp_path, capsys):
    write_folder(tmp_path, 3)
    _, out, _ = check(capsys, tmp_path, "--json", "--invert-masks")
    assert json.loads(out)["reading"]["inverted"]
    status, _, err = check(capsys, tmp_path, "--foreground", "red")
    assert status == 1
    assert "'red' is neither a value" in err


def test_the_sheet_shows_pictures_foreground_and_unknown(tmp_path, capsys):
    write_kind(tmp_path, READ["trimap"])
    assert check(capsys, tmp_path, "--sheet", tmp_path / "sheet.png")[0] == 0
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    assert sheet.shape[2] == 3
    red = (sheet[..., 0] > sheet[..., 1] + 60) & (sheet[..., 0] > sheet[..., 2] + 40)
    yellow = (sheet[..., 0] > sheet[..., 2] + 60) & (sheet[..., 1] > sheet[..., 2] + 60)
    assert red.sum() > 1000
    assert yellow.sum() > 200
    status, _, err = check(capsys, tmp_path, "--sheet", tmp_path / "nowhere" / "sheet.png")
    assert status == 1
    assert "sheet.png could not be written" in err


def test_near_duplicates_are_named_as_lines_for_groups(tmp_path, capsys):
    write_pictures(tmp_path, each("images/{}.png"))
    write_masks(tmp_path, [*each("masks/{}.png"), "masks/small copy.png", "masks/again.png"])
    with Image.open(tmp_path / "images/b2.png") as picture:
        small = picture.resize((28, 20))
        small.save(tmp_path / "images/small copy.jpg", quality=70)
        picture.convert("RGB").save(tmp_path / "images/again.webp", quality=60)
    Image.fromarray(draw_pair(1, 20, 28)[1]).save(tmp_path / "masks/small copy.png")
    _, out, _ = check(capsys, tmp_path, "--json")
    assert json.loads(out)["duplicates"] == [["again", "b2", "small copy"]]
    assert 'again b2 "small copy"' in check(capsys, tmp_path)[1].splitlines()


def test_near_duplicates_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    pictures = {f"{i:03}": rng.integers(0, 255, (30, 40, 3), dtype=np.uint8) for i in range(300)}
    for copy, original in (("copy", "007"), ("other", "250"), ("third", "007")):
        noise = rng.integers(-6, 7, (30, 40, 3))
        pictures[copy] = np.clip(pictures[original] + noise, 0, 255).astype(np.uint8)
    thumbnails = {stem: thumbnail(rgb) for stem, rgb in pictures.items()}
    assert near_duplicates(thumbnails) == [["007", "copy", "third"], ["250", "other"]]
    assert near_duplicates({}) == near_duplicates({"a": thumbnails["007"]}) == []


def test_every_layout_is_reported_by_paths_below_the_folder(tmp_path, capsys):
    images, masks = LAYOUTS["deeper"]
    write_pictures(tmp_path, images)
    write_masks(tmp_path, masks)
    report = json.loads(check(capsys, tmp_path, "--json")[1])
    assert [(row["image"], row["mask"]) for row in report["pairs"]] == list(zip(images, masks, strict=True))


@pytest.mark.parametrize(("height", "width"), [(300, 400), (1200, 900), (90, 2000)])
def test_a_jpeg_decoded_at_a_fraction_of_its_size_has_the_same_thumbnail_and_damage(tmp_path, height, width):
    path = tmp_path / "a.jpg"
    Image.fromarray(draw_pair(3, height, width)[0]).save(path, quality=90, exif=exif_of(6))
    with opened(path, None, pixels=True) as file:
        reduced = decode_opened(file, REDUCED).rgb
    whole = read_picture(path).rgb
    assert min(reduced.shape[:2]) >= REDUCED
    assert reduced.size < whole.size / 3
    difference = np.abs(thumbnail(reduced).astype(int) - thumbnail(whole))
    assert difference.mean() < 2  # of the 8 that tell duplicates
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with opened(path, None, pixels=True) as file, pytest.raises(ImageError, match="damaged or cut off"):
        decode_opened(file, REDUCED)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_lines_of_near_duplicates_are_read_as_they_are_printed(tmp_path, capsys):
    for name in ("#1", "#2", "a b", "c"):
        rgb, mask = draw_pair(0 if name[0] == "#" else 1, 40, 40)
        for kind, values in (("images", rgb), ("masks", mask)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(values).save(tmp_path / kind / f"{name}.png")
    _, out, _ = check(capsys, tmp_path)
    lines = out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("near-duplicates"))
    (tmp_path / "groups.txt").write_text("\n".join(lines[start + 1 :]))
    assert sorted(map(sorted, read_groups(tmp_path))) == [["#1", "#2"], ["a b", "c"]]

"""Which files `unet predict` reads, what it calls the results, and what it says about the rest."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from generated import draw_pair
from picture_files import RGB, encoded
from PIL import Image
from raw_writers import tiff, tiff_page

from unet.__main__ import main
from unet.errors import ConfigError, ImageError
from unet.pictures.decode import PICTURE_SUFFIXES
from unet.prediction.tasks import Found, find_pictures, plan

ROOT = Path(__file__).parents[2]


def make(folder, *names):
    """Empty files, with their folders."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def draw(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_pair(index, 24, 32)[0]).save(folder / name)
    return folder


def planned(*names, output="out"):
    """The names of the results for pictures of these names, all in one folder."""
    found = Found([(Path("in", name), Path(name).parent) for name in names])
    return [task.target.relative_to(output).as_posix() for task in plan(found, Path(output))]


@pytest.mark.parametrize(
    ("pictures", "results"),
    [
        (["IMG_1.HEIC", "IMG_1.JPG"], ["IMG_1-heic.png", "IMG_1-jpg.png"]),
        (["IMG_1.HEIC", "IMG_2.JPG"], ["IMG_1.png", "IMG_2.png"]),
        (["IMG_1.jpg", "IMG_1.jpeg", "IMG_1.png"], ["IMG_1-jpg.png", "IMG_1-jpeg.png", "IMG_1-png.png"]),
        (["A.jpg", "a.jpg"], ["A.png", "a-2.png"]),
        (["A.jpg", "a.JPG"], ["A.png", "a-2.png"]),
        (["Ab.jpg", "aB.jpg", "ab.jpg"], ["Ab.png", "aB-2.png", "ab-3.png"]),
        (["A.jpg", "a.png"], ["A-jpg.png", "a-png.png"]),
        (["A.jpg", "a.jpg", "a.png"], ["A-jpg.png", "a-jpg-2.png", "a-png.png"]),
        (["a.jpg", "A.jpg", "a-2.jpg"], ["a.png", "A-3.png", "a-2.png"]),
        (["a.jpg", "a.png", "a-jpg.webp"], ["a-jpg-2.png", "a-png.png", "a-jpg.png"]),
        (["\u00e9.jpg", "e\u0301.jpg"], ["\u00e9.png", "e\u0301-2.png"]),  # one name to macOS
        (["a.b.jpg", "a.c.jpg"], ["a.b.png", "a.c.png"]),
        (["x/a.jpg", "y/a.jpg"], ["x/a.png", "y/a.png"]),
        (["x/a.jpg", "x/a.webp", "y/a.jpg"], ["x/a-jpg.png", "x/a-webp.png", "y/a.png"]),
        (["a", "a.jpg"], ["a-file.png", "a-jpg.png"]),
    ],
)
def test_results_have_names_of_their_own(pictures, results):
    assert planned(*pictures) == results
    assert len({name.casefold() for name in results}) == len(results)


def test_files_of_two_folders_with_one_stem(tmp_path):
    first, second = make(tmp_path / "1", "a.jpg"), make(tmp_path / "2", "a.jpg")
    tasks = plan(find_pictures([first, second]), tmp_path / "out")
    assert [task.target.name for task in tasks] == ["a.png", "a-2.png"]


def test_a_file_that_is_named_twice_counts_once(tmp_path):
    folder = make(tmp_path, "a.jpg", "b.jpg")
    found = find_pictures([folder / "b.jpg", folder, folder / "a.jpg"])
    assert [picture.name for picture, _ in found.pictures] == ["b.jpg", "a.jpg"]


def test_every_ending_counts_in_any_capitals_and_the_rest_is_told(tmp_path):
    names = [f"{n}{suffix}" for n, suffix in enumerate(sorted(PICTURE_SUFFIXES))]
    make(tmp_path, *names, "BIG.JFIF", "notes.txt", "drawing.svg", ".hidden.txt", "more.png/x.jpg")
    found = find_pictures([tmp_path])
    assert sorted(picture.name for picture, _ in found.pictures) == sorted([*names, "BIG.JFIF"])
    assert [path.name for path in found.skipped] == ["drawing.svg", "notes.txt"]


def test_subfolders_are_mirrored_without_the_results_of_an_earlier_run(tmp_path):
    make(tmp_path, "a.jpg", "x/a.jpg", "x/y/b.png", "x/.hidden/c.png", "z/notes.txt", "masks/a.png")
    (tmp_path / "x" / "loop").symlink_to(tmp_path)
    found = find_pictures([tmp_path], recursive=True, output=tmp_path / "masks")
    targets = [task.target.relative_to(tmp_path / "masks").as_posix() for task in plan(found, tmp_path / "masks")]
    assert targets == ["a.png", "x/a.png", "x/y/b.png"]
    assert [path.name for path in found.skipped] == ["notes.txt"]
    assert [picture.name for picture, _ in find_pictures([tmp_path]).pictures] == ["a.jpg"]


@pytest.mark.parametrize(("recursive", "words"), [(False, "without --recursive"), (True, "nor have its subfolders")])
def test_a_folder_without_pictures(recursive, words, tmp_path):
    make(tmp_path, "x/notes.txt")
    with pytest.raises(ImageError, match=words):
        find_pictures([tmp_path], recursive)


def test_patterns_that_the_shell_left_alone(tmp_path):
    make(tmp_path, "b.jpg", "a.jpg", "c.png", "d[1].jpg", "deep/e.jpg")
    for pattern, names in (
        ("*.jpg", ["a.jpg", "b.jpg", "d[1].jpg"]),
        ("?.png", ["c.png"]),
        ("[ab].*", ["a.jpg", "b.jpg"]),
        ("**/e.jpg", ["e.jpg"]),
        ("d[1].jpg", ["d[1].jpg"]),  # a file of that very name comes first
        ("*.gif", ["*.gif"]),  # reading it says that there is none
    ):
        assert [picture.name for picture, _ in find_pictures([tmp_path / pattern]).pictures] == names


@pytest.mark.parametrize("name", ["out.png", "out.PNG", "deep/mask.of.cup.png"])
def test_the_output_of_one_picture_may_be_a_file(name, tmp_path):
    (task,) = plan(Found([(tmp_path / "cup.jpg", Path())]), tmp_path / name)
    assert task.target == tmp_path / name


@pytest.mark.parametrize("name", ["out", "out.d", "v1.2"])
def test_any_other_output_is_a_folder(name, tmp_path):
    (task,) = plan(Found([(tmp_path / "cup.jpg", Path())]), tmp_path / name)
    assert task.target == tmp_path / name / "cup.png"


def test_a_folder_that_is_there_may_have_any_name(tmp_path):
    (tmp_path / "out.jpg").mkdir()
    (task,) = plan(Found([(tmp_path / "cup.jpg", Path())]), tmp_path / "out.jpg")
    assert task.target == tmp_path / "out.jpg" / "cup.png"


@pytest.mark.parametrize("name", ["out.jpg", "out.JPEG", "out.webp", "out.tif", "out.heic"])
def test_other_kinds_of_pictures_are_not_written(name, tmp_path):
    with pytest.raises(ConfigError, match=r"results are PNG files.* name it out\.png, or name a folder"):
        plan(Found([(tmp_path / "cup.jpg", Path())]), tmp_path / name)


def test_one_file_for_several_pictures_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"out\.png names one file for 2 pictures; name a folder"):
        plan(Found([(tmp_path / "a.jpg", Path()), (tmp_path / "b.jpg", Path())]), tmp_path / "out.png")


def test_a_picture_is_not_overwritten_by_a_file_output(tmp_path):
    folder = make(tmp_path, "cup.png")
    with pytest.raises(ConfigError, match="would overwrite"):
        plan(find_pictures([folder / "cup.png"]), folder / "cup.png")


def run(*arguments):
    return main(["predict", *map(str, arguments)])


def test_a_run_over_subfolders_names_what_it_skips(tiny_weights, tmp_path, capsys):
    folder = draw(tmp_path / "in", "a.jpg", "x/a.jpg", "x/y/b.png", "x/b.jfif.jpg")
    (folder / "x" / "drawing.svg").write_text("<svg/>")
    assert run(folder, "-r", "--output", tmp_path / "out", "--weights", tiny_weights) == 0
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert written == ["a.png", "x/a.png", "x/b.jfif.png", "x/y/b.png"]
    assert capsys.readouterr().err == "skipped, because they do not end like pictures: drawing.svg\n"


def test_twins_are_both_written(tiny_weights, tmp_path):
    folder = draw(tmp_path / "in", "IMG_1.jpg", "IMG_1.png")
    assert run(folder, "--output", tmp_path / "out", "--weights", tiny_weights) == 0
    first, second = (np.asarray(Image.open(tmp_path / "out" / f"IMG_1-{kind}.png")) for kind in ("jpg", "png"))
    assert first.shape == second.shape == (24, 32)


def test_one_picture_into_one_file(tiny_weights, tmp_path, capsys):
    folder = draw(tmp_path / "in", "cup.jpg")
    output = tmp_path / "new" / "out.png"
    assert run(folder, "--output", output, "--weights", tiny_weights) == 0
    assert capsys.readouterr().out == f"{output}\n"
    assert np.asarray(Image.open(output)).shape == (24, 32)


def test_notices_are_said_and_the_result_is_written(tiny_weights, tmp_path, capsys):
    (tmp_path / "dark.tif").write_bytes(tiff(tiff_page(RGB.astype(np.uint16) * 16)))
    (tmp_path / "tall.jpg").write_bytes(encoded(Image.fromarray(np.tile(RGB, (40, 1, 1))), "JPEG")[:-12])
    assert run(tmp_path, "--output", tmp_path / "out", "--weights", tiny_weights) == 0
    dark, tall = capsys.readouterr().err.splitlines()
    assert dark.startswith(f"note: {tmp_path / 'dark.tif'}: its values run from ")
    assert dark.endswith("were stretched: 4095 is white")
    assert tall.startswith(f"note: {tmp_path / 'tall.jpg'}: the file is cut off at its end: the last ")
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_that_a_console_cannot_show_end_no_batch(encoding, tiny_weights, tmp_path):
    names = ["\u5199\u771f.png", "\u0142\u00f3d\u017a.png", "\U0001f408.png", "plain.png"]
    folder = draw(tmp_path / "in", *names)
    (folder / "\u8349.txt").touch()
    (folder / "\u7834.png").write_bytes(b"")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "unet", "predict", folder, "--output", tmp_path / "out", "--weights", tiny_weights]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=80)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert done.returncode == 1  # for the file that is empty
    assert b"Traceback" not in done.stderr
    assert b"\\u7834.png is empty" in done.stderr
    assert b"plain.png" in done.stdout
    assert b"\\U0001f408.png" in done.stdout


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_of_the_weights_means_their_folder(name, tiny_weights, tmp_path):
    folder = draw(tmp_path / "in", "cup.jpg")
    assert run(folder, "--output", tmp_path / "out", "--weights", tiny_weights / name) == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/model.safetensors", "there is no such file"),
        ("other.safetensors", "is a file; weights are a folder that holds model.safetensors and config.json"),
        ("model.pth", "is a file; weights are a folder"),
    ],
)
def test_other_files_are_no_weights(name, words, tmp_path, capsys):
    folder = draw(tmp_path / "in", "cup.jpg")
    make(tmp_path, "other.safetensors", "model.pth")
    assert run(folder, "--output", tmp_path / "out", "--weights", tmp_path / name) == 1
    assert words in capsys.readouterr().err


def test_results_beside_their_pictures_are_not_read_by_the_next_run(tmp_path):
    make(tmp_path, "a.jpg", "b.png", "masks/a.png", "masks/b.png")
    everything = [tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "masks"]
    found = find_pictures(everything, output=tmp_path / "masks")
    assert [task.target.name for task in plan(found, tmp_path / "masks")] == ["a.png", "b.png"]
    found = find_pictures([tmp_path / "*"], output=tmp_path / "masks")
    assert [picture.name for picture, _ in found.pictures] == ["a.jpg", "b.png"]
    assert len(find_pictures([tmp_path / "masks"], output=tmp_path / "masks").pictures) == 2  # asked for by name


def test_a_folder_without_pictures_beside_others_is_named_and_the_others_are_read(tmp_path, tiny_weights, capsys):
    draw(tmp_path / "in", "a.jpg")
    make(tmp_path / "in", "notes/readme.txt")
    command = ["predict", str(tmp_path / "in/*"), "--output", str(tmp_path / "out"), "--weights", str(tiny_weights)]
    assert main(command) == 0
    assert (tmp_path / "out/a.png").is_file()
    assert "these folders have no pictures: notes" in capsys.readouterr().err
    with pytest.raises(ImageError, match="none of the folders"):
        find_pictures([make(tmp_path / "x", "1.txt"), make(tmp_path / "y", "2.txt")])


def test_a_pipe_is_one_sentence_and_the_other_pictures_are_segmented(tmp_path, tiny_weights):
    draw(tmp_path, "a.jpg")
    options = ["--output", str(tmp_path / "out"), "--weights", str(tiny_weights)]
    command = [sys.executable, "-m", "unet", "predict", "/dev/stdin", str(tmp_path / "a.jpg"), *options]
    done = subprocess.run(command, input=b"x", capture_output=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr.decode() == "error: /dev/stdin is a pipe or a device; save the picture to a file first\n"
    assert (tmp_path / "out/a.png").is_file()


def test_names_too_long_for_the_system_are_errors_of_one_file(tmp_path, tiny_weights, capsys):
    command = ["predict", "x" * 300 + ".jpg", "--output", str(tmp_path), "--weights", str(tiny_weights)]
    assert main(command) == 1
    assert "File name too long" in capsys.readouterr().err


def test_errors_name_the_whole_path(tmp_path, tiny_weights, capsys):
    draw(tmp_path, "1/a.jpg")
    make(tmp_path, "2/a.jpg")
    folders = ["-r", str(tmp_path), "--output", str(tmp_path / "out"), "--weights", str(tiny_weights)]
    assert main(["predict", *folders]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / '2/a.jpg'} is empty (zero bytes)\n"

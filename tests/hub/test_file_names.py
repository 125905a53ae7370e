"""The names of weights files, and the paths of what comes with the program."""

import pytest
from hub_process import FILES, ROOT

from unet.hub import file_names


def test_published_are_the_files_of_a_weights_folder():
    assert set(file_names.PUBLISHED_FILES) == set(FILES)
    assert set(file_names.LOADED_FILES) < set(FILES)


def test_each_name_is_written_in_one_place():
    sources = [*ROOT.glob("*.py"), *(ROOT / "unet").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    literals = [f'"{name}"' for name in file_names.PUBLISHED_FILES if name != file_names.CARD_FILE]
    found = {(path.name, text) for path in sources for text in literals if text in path.read_text(encoding="utf-8")}
    assert found == {("file_names.py", text) for text in literals}


@pytest.mark.parametrize("name", ["weights", "examples"])
def test_in_a_checkout_it_lies_beside_the_package(name):
    assert file_names.shipped(name) == ROOT / name
    assert file_names.shipped(name).is_dir()


def test_in_an_installed_package_it_lies_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(file_names, "__file__", str(tmp_path / "unet" / "hub" / "file_names.py"))
    (tmp_path / "weights").mkdir()
    assert file_names.shipped("weights") == tmp_path / "weights"
    (tmp_path / "unet" / "weights").mkdir(parents=True)
    assert file_names.shipped("weights") == tmp_path / "unet" / "weights"

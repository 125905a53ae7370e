import pytest

from unet.data.class_files import find_class_files, read_class_file, voc_colour
from unet.errors import DataError


def read(tmp_path, text, name="classes.txt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    table = read_class_file(path)
    return [(c.id, c.name, c.colour) for c in table.classes], [(c.id, c.name) for c in table.void]


def test_lines_with_and_without_ids_and_colours(tmp_path):
    rows, void = read(tmp_path, "# a comment\n3 Sky #8080ff\n\n17\tRoad sign\n300 Tree\n4: Unlabelled\n")
    assert rows == [(3, "Sky", (128, 128, 255)), (17, "Road sign", None), (300, "Tree", None)]
    assert void == [(4, "Unlabelled")]
    assert read(tmp_path, "sky\nroad\nvoid\ntree\n") == (
        [(0, "sky", None), (1, "road", None), (3, "tree", None)],
        [(2, "void")],
    )


def test_names_may_have_numbers(tmp_path):
    text = "1 Route 66\n2 size 10 20\n3 player #10\n4 1.5 2.5 3.5 mm\n5 3D 4K 8K #804080\n"
    rows = [(1, "Route 66", None), (2, "size 10 20", None), (3, "player #10", None), (4, "1.5 2.5 3.5 mm", None)]
    assert read(tmp_path, text) == ([*rows, (5, "3D 4K 8K", (128, 64, 128))], [])


def test_labelmes_lists(tmp_path):
    rows = [(0, "background", None), (1, "cat", None), (2, "dog", None)]
    assert read(tmp_path, "__ignore__\n_background_\ncat\ndog\n", "labels.txt") == (rows, [(255, "__ignore__")])
    assert read(tmp_path, "_background_\ncat\ndog\n", "class_names.txt") == (rows, [])


def test_cvats_list(tmp_path):
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nperson:192,128,128:head,hand:walking\nignored:::\n"
    rows, void = read(tmp_path, text, "labelmap.txt")
    assert rows == [(0, "background", (0, 0, 0)), (1, "person", (192, 128, 128))]
    assert void == [(2, "ignored")]


def test_roboflows_list(tmp_path):
    rows, void = read(
        tmp_path, "Pixel Value, Class\n0, background\n1, car, or van\n".replace(", or", " or"), "_classes.csv"
    )
    assert rows == [(0, "background", None), (1, "car or van", None)]
    assert void == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not 0"),
        ("alone\n", "not 1"),
        ("a\nb\nvoid\na\n", "the names a stand for two classes"),
        ("1 a\n1 b\n", "the ids 1 stand for two classes"),
        ("a #ff0000\nb #ff0000\n", "the colours #ff0000"),
        ("1 a\nb\n", "give all of them one, or none"),
        ("1 a\n70000 b\n", "outside 0..65535"),
        ("".join(f"c{n}\n" for n in range(255)), "not 255"),
        ("a:1,2,3::\nb:1,2::\n", "no colour r,g,b"),
        ("1 road 128 64 128\n2 car\n", "'1 road 128 64 128' would be read as part of the name; write it as #804080"),
        ("car\nroad 128,64,128\n", "'road 128,64,128' .* #804080"),
        ("car\nroad (128, 64, 128)\n", "#804080"),
        ("64 128 64 Animal\n192 0 128 Archway\n", "'64 128 64 Animal' .* #408040"),
        ("car:1,2,3\nroad:128,64,128\n", "'car:1,2,3' .* #010203"),
        ("1 road #fff\n2 car\n", "'1 road #fff' .* #rrggbb"),
        ("1 road #804080ff\n2 car\n", "'1 road #804080ff' .* #rrggbb"),
    ],
)
def test_what_is_no_list_is_refused_with_the_files_name(text, message, tmp_path):
    with pytest.raises(DataError, match=f"classes.txt.*{message}"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt cannot be read"):
        read_class_file(tmp_path / "nowhere.txt")


def test_vocs_colours_are_those_of_its_development_kit():
    # As printed by VOCdevkit's VOClabelcolormap.
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 7: (128, 128, 128), 15: (192, 128, 128), 20: (0, 64, 128)}
    assert {index: voc_colour(index) for index in known} == known
    assert voc_colour(255) == (224, 224, 192)


def test_lists_are_found_in_the_folder_or_in_its_parts(tmp_path):
    assert find_class_files(tmp_path) == []
    for part in ("train", "valid"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "_classes.csv").write_text("0, a\n1, b\n")
    assert find_class_files(tmp_path) == [tmp_path / "train/_classes.csv"]
    (tmp_path / "valid/_classes.csv").write_text("0, a\n1, c\n")
    assert len(find_class_files(tmp_path)) == 2
    (tmp_path / "labelmap.txt").write_text("a:1,2,3::\nb:4,5,6::\n")
    assert find_class_files(tmp_path) == [tmp_path / "labelmap.txt"]

import json
import random

import pytest

from unet.data.split import hold_out, load_split, read_given_split, read_groups, save_split, split_stems
from unet.errors import DataError

STEMS = [f"p{i:03}" for i in range(140)]
EXPECTED_SPLIT = {"train": list("abcdfgijkn"), "val": ["h", "m"], "test": ["e", "l"]}
EXPECTED_HOLD_OUT = ["k", "t"]
GROUPS = [STEMS[:3], STEMS[10:12], STEMS[50:58]]


def sizes(split):
    return tuple(len(split[part]) for part in ("train", "val", "test"))


def part_of(split, stem):
    (part,) = (part for part, stems in split.items() if stem in stems)
    return part


@pytest.mark.parametrize("count", range(3, 160))
def test_splits_are_five_to_one_to_one(count):
    split = split_stems(STEMS[:count] + [f"q{i}" for i in range(count - 140)], seed=1)
    train, val, test = sizes(split)
    assert train + val + test == count
    assert val == test == max(1, round(count / 7))
    assert len(set().union(*split.values())) == count


def test_140_are_100_20_20():
    assert sizes(split_stems(STEMS, seed=0)) == (100, 20, 20)


def test_a_split_depends_on_stems_and_seed_alone():
    split = split_stems(STEMS, seed=3, groups=GROUPS)
    shuffled = random.Random(0).sample(STEMS, len(STEMS))
    assert split_stems(shuffled, seed=3, groups=[g[::-1] for g in GROUPS[::-1]]) == split
    assert split_stems(STEMS, seed=4, groups=GROUPS) != split


def test_a_split_is_the_same_on_every_machine():
    # Written down once: a change here would mix the test pictures of published weights into training.
    assert split_stems("abcdefghijklmn", seed=0) == EXPECTED_SPLIT
    assert hold_out("abcdefghijklmnopqrst", seed=0)[1] == EXPECTED_HOLD_OUT


def test_every_picture_is_as_likely_to_be_tested():
    counts = dict.fromkeys(STEMS, 0)
    for seed in range(350):
        for stem in split_stems(STEMS, seed=seed)["test"]:
            counts[stem] += 1
    assert min(counts.values()) > 25  # 50 are expected, with a standard deviation of 6.5
    assert max(counts.values()) < 75


@pytest.mark.parametrize("seed", range(50))
def test_groups_stay_together_and_counts_stay_exact(seed):
    split = split_stems(STEMS, seed=seed, groups=GROUPS)
    assert sizes(split) == (100, 20, 20)
    for group in GROUPS:
        assert len({part_of(split, stem) for stem in group}) == 1


def test_groups_are_not_always_in_one_part():
    parts = {part_of(split_stems(STEMS, seed=seed, groups=GROUPS), STEMS[50]) for seed in range(60)}
    assert parts == {"train", "val", "test"}


def test_groups_alone_meet_the_counts_where_they_can():
    # 70 = 50 + 10 + 10 of pieces of 7, 5 and 3: ten is 5 + 5 or 7 + 3.
    lengths = [7] * 5 + [5] * 4 + [3] * 5
    names = iter(f"s{i}" for i in range(100))
    groups = [[next(names) for _ in range(length)] for length in lengths]
    for seed in range(20):
        assert sizes(split_stems([stem for g in groups for stem in g], seed=seed, groups=groups)) == (50, 10, 10)


def test_one_huge_group_leaves_no_part_empty():
    split = split_stems(STEMS, seed=0, groups=[STEMS[:70], STEMS[70:139]])
    assert min(sizes(split)) >= 1
    assert sum(sizes(split)) == 140


@pytest.mark.parametrize("groups", [(), [["a", "b", "c"]], [["a", "b"], ["c", "d"]]])
def test_too_few_to_split(groups):
    stems = sorted({stem for group in groups for stem in group}) or ["a", "b"]
    with pytest.raises(DataError, match="cannot be split"):
        split_stems(stems, seed=0, groups=groups)


def test_faulty_groups_are_named():
    with pytest.raises(DataError, match="do not exist: cat, dog;"):
        split_stems(STEMS, seed=0, groups=[["p000", "dog"], ["cat"]])
    with pytest.raises(DataError, match="two groups: p001"):
        split_stems(STEMS, seed=0, groups=[["p000", "p001"], ["p001", "p002"]])
    with pytest.raises(DataError, match="given twice: p005"):
        split_stems([*STEMS, "p005"], seed=0)


@pytest.mark.parametrize(
    ("count", "out"), [(0, 0), (1, 0), (2, 1), (14, 1), (15, 2), (25, 3), (100, 10), (790, 79), (795, 80)]
)
def test_a_tenth_is_held_out(count, out):
    stems = [f"{i:04}" for i in range(count)]
    kept, held = hold_out(stems, seed=0)
    assert len(held) == out
    assert sorted(kept + held) == stems
    assert (kept, held) == hold_out(stems[::-1], seed=0)
    assert count < 10 or held != hold_out(stems, seed=1)[1]


def test_groups_are_held_out_whole():
    for seed in range(30):
        kept, held = hold_out(STEMS, seed=seed, groups=GROUPS)
        assert len(held) == 14
        for group in GROUPS:
            assert set(group) <= set(held) or set(group) <= set(kept)


def test_groups_may_reach_beyond_what_is_held_out():
    across = [STEMS[98], STEMS[99], STEMS[120]]
    for seed in range(30):
        kept, held = hold_out(STEMS[:100], seed=seed, groups=[*GROUPS, across], every=STEMS)
        assert sorted(kept + held) == STEMS[:100]
        for group in [*GROUPS, STEMS[98:100]]:
            assert set(group) <= set(held) or set(group) <= set(kept)
    with pytest.raises(DataError, match="do not exist: dog"):
        hold_out(STEMS[:100], seed=0, groups=[["p000", "dog"]], every=STEMS)
    with pytest.raises(DataError, match="in two groups: p120"):
        hold_out(STEMS[:100], seed=0, groups=[across, STEMS[119:121]], every=STEMS)


def test_groups_file(tmp_path):
    assert read_groups(tmp_path) == []
    text = '\ufeff# near-duplicates\nbanana1  banana2\tbanana3 # three views\n\n"stone (1)" stone#2\nu\u0308ber\n'
    (tmp_path / "groups.txt").write_text(text, encoding="utf-8")
    expected = [["banana1", "banana2", "banana3"], ["stone (1)", "stone#2"], ["\u00fcber"]]
    assert read_groups(tmp_path) == expected
    assert read_groups(tmp_path / "groups.txt") == expected


def test_groups_file_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"mine\.txt cannot be read"):
        read_groups(tmp_path / "mine.txt")
    (tmp_path / "groups.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"groups\.txt is not UTF-8 text"):
        read_groups(tmp_path)


def test_split_file_round_trip(tmp_path):
    split = {"train": ["b", "a"], "val": ["caf\u00e9"], "test": ["d"], "extra_test": ["a", "f/x"]}
    save_split(tmp_path / "split.json", split)
    assert load_split(tmp_path / "split.json") == {part: sorted(stems) for part, stems in split.items()}
    assert list(json.loads((tmp_path / "split.json").read_text("utf-8"))) == ["train", "val", "test", "extra_test"]


def test_split_file_without_extra_folders_has_an_empty_part(tmp_path):
    save_split(tmp_path / "split.json", split_stems(STEMS, seed=0))
    assert load_split(tmp_path / "split.json")["extra_test"] == []


def test_split_file_that_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match=r"split\.json cannot be written"):
        save_split(tmp_path / "missing" / "split.json", {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must have the keys train, val, test, extra_test"),
        ('{"train": [], "val": [], "test": []}', "must have the keys train"),
        ('{"train": [], "val": [], "test": [], "extra_test": [], "more": []}', "and no others"),
        ('{"train": ["a"], "val": "b", "test": [], "extra_test": []}', "under 'val'"),
        ('{"train": ["a"], "val": [1], "test": [], "extra_test": []}', "under 'val'"),
        ('{"train": ["a"], "val": [""], "test": [], "extra_test": []}', "under 'val'"),
        ('{"train": ["a", "a"], "val": ["b"], "test": [], "extra_test": []}', "twice under 'train'"),
        ('{"train": ["a", "b"], "val": ["b"], "test": ["a"], "extra_test": []}', "two of train, val and test: a, b"),
    ],
)
def test_split_file_faults_are_named(tmp_path, content, message):
    path = tmp_path / "split.json"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        load_split(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_split_file_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"split\.json cannot be read"):
        load_split(tmp_path / "split.json")
    (tmp_path / "split.json").write_bytes(b'{"train": ["\xff"]}')
    with pytest.raises(DataError, match="not valid JSON"):
        load_split(tmp_path / "split.json")


@pytest.mark.parametrize(
    "content",
    [
        {"train": ["a", "b"], "val": ["c"], "test": ["d"]},
        {"Train": ["b.jpg", "a.JPG"], "valid": ["c.jpg"], "testing": ["d.jpg"]},
        {"train": ["images/a.jpg", "images/b.jpg"], "validation": ["x/images/c.jpg"], "test": ["images/d"]},
        {"train": ["images/a", "images/b"], "val": ["images/c"], "test": ["images/d"]},
        {"train": ["a", "b"], "val": ["c", "more/a"], "test": ["d"], "extra_test": ["more/b"]},  # of an extra folder
    ],
)
def test_a_given_split_names_stems_files_or_paths(tmp_path, content):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content), encoding="utf-8-sig")  # as Windows saves it
    assert read_given_split(path, "abcd") == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"train": ["a"], "holdout": ["b"]}, "the key 'holdout', which is none of train, val and test"),
        ({"train": ["a", "images/z.jpg"]}, r"not there: images/z\.jpg"),
        ({"train": ["a"], "test": ["more/z"]}, "not there: more/z"),
        ({"train": ["a"], "valid": ["more/y", "more/z"]}, r"own\.json .* not there: more/y, more/z \(under 'valid'\)"),
        ({"train": ["a"], "val": ["images/b", "images/z"]}, r"not there: images/z \(under 'val'\)"),
        ({"train": ["a"], "val": ["b"], "valid": ["b"]}, "twice: b"),
        ({"train": ["a", "images/a.jpg"]}, "twice: a"),
        ({"val": ["a"]}, "nothing to train on"),
        (["a"], "must be an object"),
    ],
)
def test_faults_of_a_given_split_are_named(tmp_path, content, words):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=words):
        read_given_split(path, "abcd")

"""How the held-out pictures of extra folders are divided, and how split.json names them."""

from pathlib import Path

import pytest

from unet.data.pairs import Pair, prefixed_names, select_pairs
from unet.data.split import split_held_out
from unet.errors import DataError


def stems(count):
    return [f"{i:04}" for i in range(count)]


@pytest.mark.parametrize(("count", "val", "test"), [(79, 39, 40), (1055, 100, 955), (229, 100, 129), (1, 0, 1)])
def test_half_but_at_most_a_hundred_validate(count, val, test):
    validated, tested = split_held_out(stems(count), seed=0)
    assert (len(validated), len(tested)) == (val, test)
    assert sorted(validated + tested) == stems(count)


def test_a_division_depends_on_stems_and_seed_alone():
    validated, tested = split_held_out(stems(79), seed=3)
    assert (validated, tested) == split_held_out(stems(79)[::-1], seed=3)
    assert (validated, tested) == (sorted(validated), sorted(tested))
    assert validated != split_held_out(stems(79), seed=4)[0]


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_together(seed):
    groups = [stems(79)[:5], stems(79)[20:32], ["elsewhere", "too"]]  # the last one was not held out
    validated, tested = split_held_out(stems(79), seed=seed, groups=groups)
    assert (len(validated), len(tested)) == (39, 40)
    for group in groups[:2]:
        assert set(group) <= set(validated) or set(group) <= set(tested)


def pairs_of(folder, names):
    return [Pair(name, folder / f"{name}.jpg", folder / f"{name}.png", folder) for name in names]


def chosen(pairs, split, part):
    return [pair.stem for pair in select_pairs(pairs, split, part)]


def test_names_with_the_prefix_of_their_folder_are_found_in_it():
    split = {"val": ["a", "duts/b", "ecssd/a"], "test": ["c", "duts/a"]}
    main, duts, ecssd = (pairs_of(Path(f"/data/{name}"), "abc") for name in ("iseg", "duts", "ecssd"))
    assert chosen(main, split, "val") == ["a"]
    assert chosen(main, split, "test") == ["c"]
    assert chosen(duts, split, "val") == ["b"]
    assert chosen(duts, split, "test") == ["a"]
    assert chosen(ecssd, split, "val") == ["a"]


def test_a_folder_that_lacks_a_prefixed_name_is_refused():
    with pytest.raises(DataError, match=r"lacks 1 of the 1 pictures of the split's val: b"):
        select_pairs(pairs_of(Path("/data/duts"), "ac"), {"val": ["a", "duts/b"]}, "val")


def test_prefixed_names_are_sorted_and_need_folders_of_different_names():
    duts, ecssd = pairs_of(Path("/data/duts"), "ba"), pairs_of(Path("/data/ecssd"), "a")
    assert prefixed_names([*ecssd, *duts]) == ["duts/a", "duts/b", "ecssd/a"]
    with pytest.raises(DataError, match="need different names"):
        prefixed_names([*duts, *pairs_of(Path("/other/duts"), "c")])

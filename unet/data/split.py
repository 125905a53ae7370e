"""Seeded splits into training, validation and test that keep groups together; the files groups.txt and split.json.

Splits depend only on stems and a seed. The order of pictures comes from SHA-256, not from a random number generator, so
a seed gives the same split on every machine, with every Python version and in every order of listing.
"""

import hashlib
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unet.data.names import part_of
from unet.data.texts import read_utf8
from unet.errors import DataError
from unet.pictures.kinds import PICTURE_SUFFIXES

Split = dict[str, list[str]]

PARTS = ("train", "val", "test", "extra_test")
MAX_VALIDATED = 100  # pictures of an extra folder that are used for validation
_ATTEMPTS = 200  # attempts to place groups so that every part has exactly its number of pictures
_LISTED = 50  # names in a message; the rest is only counted


def list_names(names: Sequence[str]) -> str:
    """The first fifty `names` and the number of the others, for a message."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def split_stems(stems: Iterable[str], *, seed: int, groups: Iterable[Sequence[str]] = ()) -> Split:
    """Split 5 : 1 : 1 into train, val and test: 140 pictures give 100, 20 and 20.

    Val and test get a seventh each, rounded, but at least one picture; train gets the rest. All stems of a group go to
    one part. The counts are exact unless the sizes of the groups make that impossible.

    Returns:
        The sorted stems of "train", "val" and "test".

    Raises:
        DataError: A stem is given twice, a group names a picture that does not exist, or there are fewer than three
            pictures or groups, so that a part would be empty.
    """
    units = _units(stems, groups)
    count = sum(map(len, units))
    if len(units) < 3:
        raise DataError(
            f"{count} pictures in {len(units)} groups cannot be split into train, val and test; "
            "at least three groups or single pictures are needed"
        )
    seventh = max(1, (2 * count + 7) // 14)
    return _distribute(units, {"train": count - 2 * seventh, "val": seventh, "test": seventh}, f"split {seed}")


def hold_out(
    stems: Iterable[str], *, seed: int, groups: Iterable[Sequence[str]] = (), every: Iterable[str] | None = None
) -> tuple[list[str], list[str]]:
    """Hold a random tenth of an extra folder out of training, rounded: 79 of 790.

    At least one of two or more pictures is held out; a single picture is not. All stems of a group stay together.
    Groups may name any of `every`, by default `stems`; what they have beside `stems` is left out.

    Returns:
        The sorted stems to train on and the sorted stems held out.

    Raises:
        DataError: A stem is given twice, or a group names a picture that does not exist.
    """
    if every is not None:
        stems = list(stems)
        present = set(stems)
        groups = [[stem for stem in unit if stem in present] for unit in _units(every, groups)]
    units = _units(stems, groups)
    if len(units) < 2:
        return sorted(stem for unit in units for stem in unit), []
    count = sum(map(len, units))
    tenth = max(1, (count + 5) // 10)
    shares = _distribute(units, {"kept": count - tenth, "out": tenth}, f"hold out {seed}")
    return shares["kept"], shares["out"]


def split_held_out(
    stems: Sequence[str], *, seed: int, groups: Iterable[Sequence[str]] = ()
) -> tuple[list[str], list[str]]:
    """Divide the pictures that `hold_out` held out, with the same groups, into validation and test pictures.

    Returns:
        The sorted stems for validation, which are half of them but at most `MAX_VALIDATED`, and those for testing.
    """
    wanted = min(len(stems) // 2, MAX_VALIDATED)
    held = set(stems)
    units = _units(stems, [group for group in groups if held.issuperset(group)])
    if not wanted or len(units) < 2:
        return [], sorted(stems)
    shares = _distribute(units, {"val": wanted, "test": len(stems) - wanted}, f"validate {seed}")
    return shares["val"], shares["test"]


def _units(stems: Iterable[str], groups: Iterable[Sequence[str]]) -> list[list[str]]:
    """The groups, each sorted, and every other stem as a unit of its own."""
    stems = list(stems)
    free = set(stems)
    if twice := _repeated(stems):
        raise DataError(f"these stems are given twice: {list_names(twice)}")
    units = [sorted(group) for group in groups if group]
    grouped = [stem for unit in units for stem in unit]
    if unknown := sorted(set(grouped) - free):
        raise DataError(
            f"the groups name pictures that do not exist: {list_names(unknown)}; "
            "a group lists stems, that is file names without their ending"
        )
    if twice := _repeated(grouped):
        raise DataError(f"these stems are in two groups: {list_names(twice)}; join the groups into one line")
    return units + [[stem] for stem in sorted(free - set(grouped))]


def _repeated(names: Iterable[str]) -> list[str]:
    """Those that occur more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _distribute(units: Sequence[Sequence[str]], counts: Mapping[str, int], salt: str) -> Split:
    """Distribute `units`, `counts[part]` stems to each part: the first exact attempt, or the closest one."""
    best: Split = {}
    best_error = math.inf
    for attempt in range(_ATTEMPTS):
        shares = _place(units, counts, f"{salt} {attempt}")
        error = sum(abs(len(shares[part]) - counts[part]) for part in counts)
        if error < best_error:
            best, best_error = shares, error
        if not error:
            break
    return {part: sorted(stems) for part, stems in best.items()}


def _place(units: Sequence[Sequence[str]], counts: Mapping[str, int], salt: str) -> Split:
    """Place the largest units first, each in a random part that has room for it, so that no part is empty."""
    draws = {unit[0]: int.from_bytes(hashlib.sha256(f"{salt} {unit[0]}".encode()).digest(), "big") for unit in units}
    ordered = sorted(units, key=lambda unit: (-len(unit), draws[unit[0]]))
    shares: Split = {part: [] for part in counts}
    for placed, unit in enumerate(ordered):
        room = {part: counts[part] - len(shares[part]) for part in counts}
        fitting = [part for part in counts if room[part] >= len(unit)]
        empty = [part for part in counts if not shares[part]]
        if len(empty) >= len(units) - placed:  # each remaining unit is needed to fill one
            fitting = [part for part in empty if part in fitting] or empty
        elif not fitting:
            fitting = [max(room, key=lambda part: room[part])]
        # The probability of a part is proportional to its room.
        draw = draws[unit[0]] % sum(max(room[part], 1) for part in fitting)
        for part in fitting:
            draw -= max(room[part], 1)
            if draw < 0:
                shares[part].extend(unit)
                break
    return shares


def read_groups(source: str | Path) -> list[list[str]]:
    """Read the groups of near-duplicates that must stay in one part of a split, in the order of the file.

    Each line of the file is a group: stems separated by white space, in double quotes if they contain spaces. `#`
    starts a comment. For a data folder its groups.txt is read; without one there are no groups.

    Raises:
        DataError: The file is missing, cannot be read, or is not UTF-8 text.
    """
    path = Path(source)
    if path.is_dir():
        path = path / "groups.txt"
        if not path.exists():
            return []
    text = read_utf8(path, "the groups file")
    groups = []
    for line in text.splitlines():
        group = []
        for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line):
            if plain.startswith("#"):
                break
            group.append(unicodedata.normalize("NFC", quoted or plain))
        if group:
            groups.append(group)
    return groups


def save_split(path: str | Path, split: Mapping[str, Collection[str]]) -> None:
    """Write `split` as a JSON object of the sorted stems of train, val, test and extra_test.

    Raises:
        DataError: The file cannot be written.
    """
    content = {part: sorted(split.get(part, ())) for part in PARTS}
    try:
        Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"the split {path} cannot be written: {error.strerror}") from error


def load_split(path: str | Path) -> Split:
    """Read a split.json: the sorted stems of "train", "val", "test" and "extra_test".

    Raises:
        DataError: The file is missing or not such a JSON object, or has a picture in two of train, val and test.
    """
    content = _read_json(path)
    if not isinstance(content, dict) or set(content) != set(PARTS):
        raise DataError(f"the split {path} must have the keys {', '.join(PARTS)} and no others")
    for part, stems in content.items():
        if not isinstance(stems, list) or not all(isinstance(stem, str) and stem for stem in stems):
            raise DataError(f"the split {path} must have a list of stems under {part!r}")
        if _repeated(stems):
            raise DataError(f"the split {path} names a picture twice under {part!r}")
    # extra_test names pictures of other folders.
    if twice := _repeated([stem for part in PARTS[:3] for stem in content[part]]):
        raise DataError(f"the split {path} has pictures in two of train, val and test: {list_names(twice)}")
    return {part: sorted(content[part]) for part in PARTS}


def read_given_split(path: str | Path, stems: Iterable[str]) -> Split:
    """Read a split that a user gives: lists of stems, file names or paths under train, val (or valid, ...) and test.

    FOLDER/STEM under val that is not among `stems` belongs to an extra folder and is ignored, as is "extra_test"; but
    where nothing under val is among them, FOLDER is the user's way to write all of them.

    Returns:
        The sorted stems of "train", "val" and "test", which may be empty.

    Raises:
        DataError: The file is missing or no such JSON object, has other keys, names a picture that is not there or one
            twice, or leaves nothing to train on.
    """
    content = _read_json(path)
    known = set(stems)
    split: Split = {part: [] for part in PARTS[:3]}
    for key, names in content.items() if isinstance(content, dict) else [("", None)]:
        if key == PARTS[3]:
            continue
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"the split {path} must be an object with lists of stems under train, val and test")
        part = part_of(key)
        if part is None:
            raise DataError(f"the split {path} has the key {key!r}, which is none of train, val and test; rename it")
        found = {name: _known_stem(name, known, tails=False) for name in names}
        extra = part == "val" and any(found.values())  # the others may be an extra folder's
        if not extra:
            found = {name: _known_stem(name, known, tails=True) for name in names}
        absent = [name for name, stem in found.items() if stem is None and not (extra and "/" in name)]
        if absent:
            raise DataError(
                f"the split {path} names pictures that are not there: {list_names(sorted(absent))} (under {key!r})"
            )
        split[part] = sorted([*split[part], *(stem for name in names if (stem := found[name]) is not None)])
    if twice := _repeated([stem for names in split.values() for stem in names]):
        raise DataError(f"the split {path} has pictures twice: {list_names(twice)}")
    if not split["train"]:
        raise DataError(f"the split {path} leaves nothing to train on: it names no picture under train")
    return split


def _known_stem(name: str, known: Collection[str], tails: bool) -> str | None:
    """The one of the `known` stems that a stem, a file name or a path to the file means; None without one.

    A path without the ending of a picture may be another folder's, FOLDER/STEM: it counts with `tails` only.
    """
    name = unicodedata.normalize("NFC", name)
    stem, _, ending = name.rpartition(".")
    is_file = f".{ending.lower()}" in PICTURE_SUFFIXES
    places = [name, *([stem] if stem else [])]
    if tails or is_file:
        parts = (stem if is_file else name).split("/")
        places += ["/".join(parts[start:]) for start in range(len(parts))]
    return next((place for place in places if place in known), None)


def _read_json(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"the split {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise DataError(f"the split {path} is not valid JSON: {error}") from error

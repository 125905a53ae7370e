"""The pictures of a training run by part: train, val, test and extra_test."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np

from unet.data.class_convention import refuse_nameless
from unet.data.class_reading import AnyReading, ClassReading
from unet.data.inspect import DataFolder, inspect_folder
from unet.data.pairs import Pair, extra_test_names, prefixed_names
from unet.data.split import PARTS, hold_out, list_names, load_split, read_groups, split_held_out, split_stems
from unet.data.stream import DatasetStream, is_hub_dataset
from unet.errors import DataError, TrainingError
from unet.hub.file_names import SPLIT_FILE
from unet.network.weights import read_config
from unet.pictures.classes import ClassTable
from unet.training.config import TrainConfig
from unet.training.guards import refuse_equal_names, refuse_shared_pictures, warn_of_copies

# Near-duplicates of the Interactive Segmentation set, for a folder that holds all of them and no groups.txt.
KNOWN_GROUPS = Path(__file__).parents[1] / "data" / "interactive_segmentation_groups.txt"
KAGGLE_SET = "4quant/interactivesegmentation"


@dataclass(frozen=True)
class Splits:
    """Pairs by part: `train`, `val` and `test` of the main folder; of the extra folders, one list for each folder."""

    train: list[Pair]
    val: list[Pair]
    test: list[Pair]
    extra: list[list[Pair]]  # the extra folders' training pictures
    extra_val: list[list[Pair]]  # pictures kept out of the extra folders to validate with
    extra_test: list[list[Pair]]  # the other pictures kept out of them
    names: tuple[str, ...]  # names of the folders, the main one first
    stream: DatasetStream | None = None  # source of the training pictures instead of `train`, if any
    folders: list[DataFolder] = field(default_factory=list)  # what was found in each folder; a stream has none

    def samples(self, config: TrainConfig, epoch: int) -> list[Pair]:
        """The pictures of an epoch, each folder's as often as `config` says; or a stream's window for the main one."""
        samples = self.stream.window(epoch) if self.stream else self.train * config.main_repeats
        for pairs, repeats in zip(self.extra, _extra_repeats(config), strict=True):
            samples = samples + pairs * repeats
        return samples

    def epoch_length(self, config: TrainConfig) -> int:
        """The number of `samples`."""
        main = self.stream.length if self.stream else len(self.train) * config.main_repeats
        return main + sum(len(p) * n for p, n in zip(self.extra, _extra_repeats(config), strict=True))

    def class_pixels(self, config: TrainConfig) -> list[int]:
        """How many pixels of an epoch's pictures, as they lie on disk, belong to each class.

        Raises:
            TrainingError: The pictures are streamed, so nobody has counted them.
        """
        if self.stream:
            raise TrainingError(
                "--loss balanced counts the pixels of each class beforehand, and a streamed dataset has none to count; "
                "download it to a folder, or take another --loss"
            )
        repeats = (config.main_repeats, *_extra_repeats(config))
        parts = zip(self.folders, (self.train, *self.extra), repeats, strict=True)
        counts = [folder.counts[pair.stem] * n for folder, pairs, n in parts for pair in pairs]
        return [int(count) for count in np.sum(counts, axis=0)[:-1]]

    def validation_sets(self) -> list[list[Pair]]:
        """The pictures to validate with, a list for each folder that has some; all folders weigh the same."""
        return [pairs for pairs in (self.val, *self.extra_val) if pairs]

    def scored_sets(self) -> dict[str, list[Pair]]:
        """The pictures that the finished weights are scored on, by the name of their scores in config.json.

        `val` and `test` are the main folder's; an extra folder's are `val/FOLDER` and `extra_test/FOLDER`, or
        `extra_test` of a single folder.
        """
        sets = {"val": self.val, "test": self.test}
        for name, val, test in zip(self.names[1:], self.extra_val, self.extra_test, strict=True):
            sets |= {f"val/{name}": val, "extra_test" if len(self.names) == 2 else f"extra_test/{name}": test}
        by_part = sorted(sets, key=lambda name: PARTS.index(name.split("/")[0]))
        return {name: sets[name] for name in by_part if sets[name]}

    def stems(self) -> dict[str, list[str]]:
        """The content of split.json."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        stems = {name: sorted(pair.stem for pair in pairs) for name, pairs in parts.items()}
        stems["val"] += prefixed_names(list(chain(*self.extra_val)))
        return {**stems, "extra_test": extra_test_names(list(chain(*self.extra_test)))}

    def main_stems(self) -> set[str]:
        """The stems of the main folder's pictures."""
        return {pair.stem for pair in (*self.train, *self.val, *self.test)}

    def pictures(self) -> dict[str, list[str]]:
        """The stems of every part of every folder, which a resumed run must find again."""
        parts = {"train": [self.train], "val": [self.val], "test": [self.test]}
        parts |= {"extra train": self.extra, "extra val": self.extra_val, "extra test": self.extra_test}
        return {
            part if part in ("train", "val", "test") else f"{part} of {self.names[number + 1]}": sorted(
                pair.stem for pair in pairs
            )
            for part, several in parts.items()
            for number, pairs in enumerate(several)
        }

    def readings(self) -> dict[str, AnyReading]:
        """How the masks are read, by the name of their folder."""
        names = self.names[1:] if self.stream else self.names
        readings = {name: folder.reading for name, folder in zip(names, self.folders, strict=True)}
        return {self.names[0]: self.stream.reading, **readings} if self.stream and self.stream.reading else readings

    @property
    def classes(self) -> ClassTable | None:
        """The classes of all folders; None of foreground and background."""
        main = self.stream.reading if self.stream else self.folders[0].reading if self.folders else None
        return main.table if isinstance(main, ClassReading) else None

    def counts(self) -> dict[str, int]:
        """Pictures in each part; nobody knows how many a stream has."""
        train = {"train_an_epoch": self.stream.length} if self.stream else {"train": len(self.train)}
        return {
            **train,
            "extra_train": sum(map(len, self.extra)),
            "val": len(self.val) + sum(map(len, self.extra_val)),
            "test": len(self.test),
            "extra_test": sum(map(len, self.extra_test)),
        }

    def describe(self) -> str:
        """One line for the log."""
        return ", ".join(f"{name} {count}" for name, count in self.counts().items() if count)


def _extra_repeats(config: TrainConfig) -> tuple[int, ...]:
    return config.extra_repeats or (1,) * len(config.extra_data)


def kaggle_folder() -> Path:
    """Download the Interactive Segmentation set from Kaggle.

    Raises:
        DataError: The package kagglehub is not installed, or Kaggle cannot be reached; says how to use a folder.
    """
    page = f"https://www.kaggle.com/datasets/{KAGGLE_SET}"
    way_out = f"download {page}, unpack it and pass the folder with --data DIR"
    try:
        import kagglehub
    except ImportError as error:
        raise DataError(f"no --data given and kagglehub is not installed; {way_out}") from error
    try:
        return Path(kagglehub.dataset_download(KAGGLE_SET))
    except Exception as error:  # kagglehub lets through whatever requests, ssl, zipfile or json raise
        reason = f"Kaggle could not be reached ({type(error).__name__})"
        raise DataError(f"no --data given and {reason}; {way_out}") from error


def groups_of(config: TrainConfig, folder: Path, stems: set[str]) -> list[list[str]]:
    """Near-duplicates in the main folder: from --groups, from its groups.txt, or those known of the data set."""
    if config.groups is not None:
        return read_groups(config.groups)
    groups = read_groups(folder)
    if not groups:
        known = read_groups(KNOWN_GROUPS)
        if all(stem in stems for group in known for stem in group):
            return known
    return groups


def _split_extra(config: TrainConfig, other: Path, folder: DataFolder) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """The pictures of an extra folder to train on, to validate with and to test with."""
    found = {pair.stem: pair for pair in folder.pairs}
    if folder.split is not None:
        train, val, test = (folder.split[part] for part in ("train", "val", "test"))
    else:
        groups = read_groups(other)
        train, out = hold_out(found, seed=config.split_seed, groups=groups)
        val, test = split_held_out(out, seed=config.split_seed, groups=groups)
    return [found[stem] for stem in train], [found[stem] for stem in val], [found[stem] for stem in test]


def _split_main(config: TrainConfig, folder: Path, found: DataFolder) -> dict[str, list[Pair]]:
    """The main folder's pictures by part: as its folders or --split-file say, otherwise at random."""
    by_stem = {pair.stem: pair for pair in found.pairs}
    split: Mapping[str, list[str]]
    if found.split is None:
        split = split_stems(by_stem, seed=config.split_seed, groups=groups_of(config, folder, set(by_stem)))
    elif found.split["val"]:
        split = found.split
    else:  # a given split may lack val, which is then a tenth of train
        groups = groups_of(config, folder, set(by_stem))
        train, val = hold_out(found.split["train"], seed=config.split_seed, groups=groups, every=by_stem)
        split = {**found.split, "train": train, "val": val}
    if not (split["train"] and split["val"]):
        raise DataError(f"the split given for {folder} leaves no picture for {'val' if split['train'] else 'train'}")
    return {part: [by_stem[stem] for stem in split[part]] for part in ("train", "val", "test")}


def make_splits(config: TrainConfig) -> Splits:
    """Find, check and split the pictures that `config` names, and decide how their masks are read.

    Raises:
        DataError: A folder cannot be used as it stands, or a picture would be trained on and tested; names the files.
    """
    folder = config.data or kaggle_folder()
    options, skip = config.data_options, config.skip_broken
    # A card has no use for the paths of one machine, and Kaggle's folder is named after a version.
    local = "iseg" if config.data is None else folder.resolve().name
    names = (local if folder.is_dir() else folder.as_posix(), *(path.resolve().name for path in config.extra_data))
    refuse_equal_names(names)
    if is_hub_dataset(folder):
        name = folder.as_posix()
        spool = config.run_folder / "streamed" / f"process-{os.environ.get('RANK', '0')}"
        stream = DatasetStream(name, config.stream_pictures, config.split_seed, spool, skip)
        val, test = stream.decide(options)
        main = Splits([], val, test, [], [], [], names, stream)
    else:
        found = inspect_folder(folder, options, skip_broken=skip, decode=True)
        split = _split_main(config, folder, found)
        main = Splits(split["train"], split["val"], split["test"], [], [], [], names, None, [found])
    # The same classes everywhere; other values of masks as far as they fit.
    options = replace(options, split_file=None, extra=True, classes=main.classes or options.classes)
    others = [inspect_folder(other, options, skip_broken=skip, decode=True) for other in config.extra_data]
    parts = [_split_extra(config, *pair) for pair in zip(config.extra_data, others, strict=True)]
    extra = ([part[0] for part in parts], [part[1] for part in parts], [part[2] for part in parts])
    splits = replace(main, extra=extra[0], extra_val=extra[1], extra_test=extra[2], folders=[*main.folders, *others])
    for name, reading in splits.readings().items():
        refuse_nameless(reading, name)
    _refuse_void(splits)
    held_out = ([*splits.val, *splits.test], *([*val, *test] for _, val, test in parts))
    both_sides = list(zip(names, (splits.train, *extra[0]), held_out, strict=True))
    refuse_shared_pictures(both_sides)
    for looked_at, sides in zip(splits.folders, both_sides[1:] if splits.stream else both_sides, strict=True):
        warn_of_copies(looked_at.thumbnails, *sides)
    return splits


def _refuse_void(splits: Splits) -> None:
    """Refuse validation pictures none of whose pixels count, before an epoch is chosen by them."""
    sets = splits.extra_val if splits.stream else [splits.val, *splits.extra_val]  # a stream has no folder
    for folder, pairs in zip(splits.folders, sets, strict=True):
        if pairs and not sum(int(folder.counts[pair.stem][:-1].sum()) for pair in pairs):
            raise DataError(
                f"{folder.root}: no validation picture ({len(pairs)}) has a pixel that counts; give others with "
                "--split-file, or masks that are not unknown everywhere"
            )


def refuse_leak(weights: Path, splits: Splits) -> None:
    """Refuse to start from weights that were trained on pictures which this run keeps out of training.

    A picture that was kept out may be in another part now, such as val instead of extra_test. Pictures of a folder
    that the weights were not trained on are new to them. A main folder of another name is told by its stems: if all of
    them are those of the weights' main folder, or by those that say more than a number such as 0001 or img_12.

    Nothing is checked if the folder `weights` holds no split.json.

    Raises:
        TrainingError: The weights were trained on some of these pictures; names them.
    """
    path = weights / SPLIT_FILE
    if not path.exists():
        return
    earlier, (earlier_main, *earlier_extras) = load_split(path), read_config(weights)[1].data or ("",)
    known = {stem for part in ("train", "val", "test") for stem in earlier[part] if "/" not in stem}
    same_stems = known == splits.main_stems()
    kept_out = set(earlier["val"]) | set(earlier["extra_test"])
    if len(earlier_extras) == 1:  # names without a folder
        kept_out |= {f"{earlier_extras[0]}/{name}" for name in earlier["extra_test"]}
    held_out = {splits.names[0]: splits.val + splits.test}
    for name, val, test in zip(splits.names[1:], splits.extra_val, splits.extra_test, strict=True):
        held_out[name] = val + test
    seen: set[str] = set()
    for folder, pairs in held_out.items():
        stems = {pair.stem for pair in pairs}
        if folder in earlier_extras:  # whose training pictures are not listed: all but those kept out
            seen |= {stem for stem in stems if f"{folder}/{stem}" not in kept_out}
        if folder in (splits.names[0], earlier_main):
            sure = folder == earlier_main or same_stems
            seen |= {stem for stem in stems & set(earlier["train"]) if sure or _is_telling(stem)}
    if seen:
        raise TrainingError(
            f"{weights} was trained with another split: {list_names(sorted(seen))} would be tested although the "
            "weights were trained on them; use the same --split-seed, --groups and folders, or give a folder of other "
            "pictures another name"
        )


def _is_telling(stem: str) -> bool:
    """Whether a stem is no mere number, which pictures of many folders have."""
    return re.fullmatch(r"[^\W\d_]*[-_. ]?\(?\d+\)?", stem.rpartition("/")[2]) is None

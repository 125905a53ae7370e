"""The pictures of a training run by the part they play: train, val, test and extra_test."""

import os
from dataclasses import dataclass
from pathlib import Path

from unet.config import TrainConfig
from unet.data import Pair, extra_test_names, find_pairs, hold_out, load_split, read_groups, split_stems
from unet.errors import DataError, TrainingError
from unet.partition import list_names
from unet.streaming import DatasetStream, is_hub_dataset

# Near-duplicates of the Interactive Segmentation set, for a folder that holds all of them and no groups.txt.
KNOWN_GROUPS = Path(__file__).parent / "interactive_segmentation_groups.txt"
KAGGLE_SET = "4quant/interactivesegmentation"


@dataclass(frozen=True)
class Splits:
    """Pairs by part; `extra` are the training pictures of the extra folders, `extra_test` those kept out."""

    train: list[Pair]
    val: list[Pair]
    test: list[Pair]
    extra: list[Pair]
    extra_test: list[Pair]
    names: tuple[str, ...]
    stream: DatasetStream | None = None
    """Where the training pictures come from instead of `train`."""

    def samples(self, main_repeats: int, epoch: int) -> list[Pair]:
        """The pictures of an epoch: the main folder's `main_repeats` times, the others once; or a stream's window."""
        main = self.stream.window(epoch) if self.stream else self.train * main_repeats
        return main + self.extra

    def epoch_length(self, main_repeats: int) -> int:
        """The number of `samples`."""
        return (self.stream.length if self.stream else len(self.train) * main_repeats) + len(self.extra)

    def stems(self) -> dict[str, list[str]]:
        """The content of split.json."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        stems = {name: sorted(pair.stem for pair in pairs) for name, pairs in parts.items()}
        return {**stems, "extra_test": extra_test_names(self.extra_test)}

    def counts(self) -> dict[str, int]:
        """Pictures in each part; nobody knows how many a stream has."""
        train = {"train_an_epoch": self.stream.length} if self.stream else {"train": len(self.train)}
        return {
            **train,
            "extra_train": len(self.extra),
            "val": len(self.val),
            "test": len(self.test),
            "extra_test": len(self.extra_test),
        }

    def describe(self) -> str:
        """One line for the log."""
        return ", ".join(f"{name} {count}" for name, count in self.counts().items() if count)


def kaggle_folder() -> Path:
    """Download the Interactive Segmentation set from Kaggle.

    Raises:
        DataError: kagglehub is not installed or Kaggle cannot be reached; says how to pass a folder instead.
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
        raise DataError(
            f"no --data given and Kaggle could not be reached ({type(error).__name__}); {way_out}"
        ) from error


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


def collect_extra(config: TrainConfig) -> tuple[list[Pair], list[Pair]]:
    """The extra folders' pictures: those to train on, and those kept out."""
    extra: list[Pair] = []
    extra_test: list[Pair] = []
    for other in config.extra_data:
        found = {pair.stem: pair for pair in find_pairs(other, skip_broken=config.skip_broken, decode=True)}
        kept, out = hold_out(found, seed=config.split_seed, groups=read_groups(other))
        extra += [found[stem] for stem in kept]
        extra_test += [found[stem] for stem in out]
    return extra, extra_test


def collect(config: TrainConfig) -> Splits:
    """Find, check and split the pictures that `config` names.

    Raises:
        DataError: a folder cannot be used as it stands; names the files.
    """
    folder = config.data or kaggle_folder()
    extra, extra_test = collect_extra(config)
    if is_hub_dataset(folder):
        name = folder.as_posix()
        spool = config.run_folder / "streamed" / f"process-{os.environ.get('RANK', '0')}"
        stream = DatasetStream(name, config.stream_pictures, config.split_seed, spool, config.skip_broken)
        val, test = stream.held_out()
        shown = folder.resolve().name if folder.is_dir() else name  # a card has no use for the paths of one machine
        names = (shown, *(path.resolve().name for path in config.extra_data))
        return Splits([], val, test, extra, extra_test, names, stream)
    pairs = find_pairs(folder, skip_broken=config.skip_broken, decode=True)
    by_stem = {pair.stem: pair for pair in pairs}
    groups = groups_of(config, folder, set(by_stem))
    split = split_stems(by_stem, seed=config.split_seed, groups=groups)
    names = tuple(path.resolve().name for path in (folder, *config.extra_data))
    parts = {name: [by_stem[stem] for stem in split[name]] for name in ("train", "val", "test")}
    return Splits(parts["train"], parts["val"], parts["test"], extra, extra_test, names)


def refuse_leak(weights: Path, splits: Splits) -> None:
    """Refuse to start from weights that were trained on pictures which this run tests with.

    Args:
        weights: their folder; nothing is checked if it holds no split.json.
        splits: of this run.

    Raises:
        TrainingError: names the pictures.
    """
    path = weights / "split.json"
    if not path.exists():
        return
    earlier, now = load_split(path), splits.stems()
    tested = sorted(set(earlier["train"]) & {*now["val"], *now["test"]})
    # The extra folders' training pictures are not listed, so what they kept out must be the same again.
    unlike = sorted(set(earlier["extra_test"]) ^ set(now["extra_test"])) if earlier["extra_test"] else []
    if tested or unlike:
        raise TrainingError(
            f"{weights} was trained with another split: {list_names(tested or unlike)} would be tested although the "
            "weights have seen it; use the same --split-seed, --groups and folders"
        )

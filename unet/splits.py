"""The pictures of a training run by the part they play: train, val, test and extra_test."""

from dataclasses import dataclass
from pathlib import Path

from unet.data import Pair
from unet.errors import DataError

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

    def samples(self, main_repeats: int) -> list[Pair]:
        """The pictures of an epoch: the main folder's `main_repeats` times, the others once."""
        return self.train * main_repeats + self.extra

    def stems(self) -> dict[str, list[str]]:
        """The content of split.json."""
        parts = {"train": self.train, "val": self.val, "test": self.test, "extra_test": self.extra_test}
        return {name: sorted(pair.stem for pair in pairs) for name, pairs in parts.items()}

    def counts(self) -> dict[str, int]:
        """Pictures in each part."""
        return {
            "train": len(self.train),
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

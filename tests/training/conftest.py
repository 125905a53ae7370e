import pytest
from card_scores import SCORES
from generated import write_folder

from unet.network.weights import WeightsConfig
from unet.training.card_facts import CardFacts


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A data folder of 14 generated pairs."""
    return write_folder(tmp_path_factory.mktemp("photos") / "shapes", 14)


@pytest.fixture
def facts():
    """What a card is written from."""
    return CardFacts(
        command="python train.py --data photos/iseg --extra-data photos/ecssd --seed 41",
        config=WeightsConfig(size=(208, 272), threshold=0.43, scores=SCORES, data=("iseg", "ecssd")),
        network={"in_channels": 3, "out_channels": 1, "widths": [16, 32], "encoder": "lite0", "clicks": False},
        parameters=4155937,
        split_counts={"train": 101, "extra_train": 709, "val": 17, "test": 23, "extra_test": 81},
        data=["iseg", "ecssd"],
        seed=41,
        epochs=37,
        best_epoch=29,
        validated=30,
        seconds=8100.0,
        loss="dice",
        init_from=None,
        versions={"python": "3.11.9", "torch": "2.13.0"},
        file_bytes=8_460_000,
    )

"""Which weights the page takes: those asked for, those pinned for the Space, or those that come with the program."""

import logging
import os
from pathlib import Path

from unet.errors import WeightsError
from unet.hub.source import locate_or_embedded
from unet.hub.space import pinned_model
from unet.prediction.predictor import Predictor

EMBEDDED = "weights"

logger = logging.getLogger(__name__)


def load_predictor(source: str | None, root: Path) -> tuple[Predictor, list[str]]:
    """Load `source`, else the Hub repo that README.md pins, else the embedded weights.

    A page that runs on second-best weights is better than none, so a Hub that fails is made up for; a folder that is
    named and no good is an error.

    Args:
        source: folder or Hub repo, or None.
        root: folder of the program, which holds README.md and the embedded weights.

    Returns:
        The predictor, and sentences for the page that tell what went wrong on the way.

    Raises:
        WeightsError: a folder is missing or damaged, or `source` is no valid name.
    """
    embedded = Path(os.path.relpath(root / EMBEDDED))
    location, notices = locate_or_embedded(source or pinned_model(root / "README.md"), embedded)
    try:
        predictor = Predictor.from_location(location)
    except WeightsError as error:
        if location.revision is None:
            raise
        # The page names the repo, not where this server keeps its copy.
        told = str(error).replace(str(location.folder), location.name)
        notices.append(f"{told}. In use instead: the weights that come with this program, {embedded}.")
        location, _ = locate_or_embedded(None, embedded)
        predictor = Predictor.from_location(location)
    for notice in notices:
        logger.warning("%s", notice)
    logger.info("weights: %s", predictor.name)
    return predictor, notices

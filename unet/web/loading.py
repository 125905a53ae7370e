"""Which weights the page uses: those asked for, those pinned for the Space, or those that come with the program."""

import logging
import os
from pathlib import Path

from unet.errors import WeightsError
from unet.hub.file_names import CARD_FILE, shipped
from unet.hub.source import locate_or_embedded
from unet.hub.space import pinned_model
from unet.prediction.predictor import Predictor

logger = logging.getLogger(__name__)


def load_predictor(source: str | None) -> tuple[Predictor, list[str]]:
    """Load `source`, else the Hub repo that README.md pins, else the embedded weights.

    A page with second-best weights is better than none, so the embedded weights replace a Hub that fails; a folder
    that was asked for and cannot be loaded is an error.

    Args:
        source: Folder or Hub repo, or None.

    Returns:
        The predictor, and sentences for the page about what went wrong on the way.

    Raises:
        WeightsError: A folder is missing or damaged, or `source` is not a valid name.
    """
    embedded = Path(os.path.relpath(shipped("weights")))
    # Only a checkout or a Space has the program's README.md; beside an installed package it may be anybody's.
    pinned = pinned_model(shipped(CARD_FILE)) if shipped("app.py").is_file() else None
    location, notices = locate_or_embedded(source or pinned, embedded)
    try:
        predictor = Predictor.from_location(location)
    except WeightsError as error:
        if location.revision is None:
            raise
        # The page names the repo, not where this server keeps its copy.
        reason = str(error).replace(str(location.folder), location.name)
        notices.append(f"{reason}. In use instead: the weights that come with this program, {embedded}.")
        location, _ = locate_or_embedded(None, embedded)
        predictor = Predictor.from_location(location)
    for notice in notices:
        logger.warning("%s", notice)
    logger.info("weights: %s", predictor.name)
    return predictor, notices

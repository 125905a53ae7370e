"""Data folders of small pictures and masks, by the names of their files."""

import numpy as np
import pytest
from PIL import Image

from unet.data.pairs import find_pairs
from unet.errors import DataError


def write(path, shape=(6, 8), mode="RGB", **options):
    """A picture file of height and width `shape`, or a mask if `mode` is L."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros(shape, np.uint8)
    values[: shape[0] // 2] = 255
    Image.fromarray(values).convert(mode).save(path, **options)


def make(folder, images, masks, under=("images", "masks")):
    """Pictures and masks of these names, in the two folders `under`."""
    for name in images:
        write(folder / under[0] / name)
    for name in masks:
        write(folder / under[1] / name, mode="L")
    return folder


def message(folder):
    """Why the folder is refused."""
    with pytest.raises(DataError) as caught:
        find_pairs(folder)
    return str(caught.value)

"""Small pictures with masks, drawn by the tests: a bright ellipse on a dark, noisy ground."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_pair(seed: int, height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    """Picture (H, W, 3) uint8 and mask (H, W) uint8 of 0 and 255."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:height, :width]
    cy, cx = rng.uniform(0.35, 0.65, 2) * (height, width)
    ry, rx = rng.uniform(0.2, 0.3, 2) * (height, width)
    inside = ((rows - cy) / ry) ** 2 + ((columns - cx) / rx) ** 2 <= 1
    rgb = rng.integers(0, 90, (height, width, 3))
    rgb[inside] += rng.integers(80, 160, 3)
    return rgb.astype(np.uint8), np.where(inside, 255, 0).astype(np.uint8)


def write_folder(folder: Path, count: int, first_seed: int = 0) -> Path:
    """`count` pairs as images/pNN.png and masks/pNN.png below `folder`."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        rgb, mask = draw_pair(first_seed + index)
        Image.fromarray(rgb).save(folder / "images" / f"p{index:02}.png")
        Image.fromarray(mask).save(folder / "masks" / f"p{index:02}.png")
    return folder

"""Which class a result shows where it shows one: the network's foreground, a class by its name, or the largest."""

from dataclasses import replace

import numpy as np

from unet.pictures.classes import ClassTable
from unet.pictures.draw import Style


def largest_class(small: np.ndarray, table: ClassTable) -> int:
    """The label that most pixels of `small`, (C, h, w) float32, have, apart from that of background.

    The first of equal ones, also where there is background alone.
    """
    counts = np.bincount(small.argmax(axis=0).ravel(), minlength=len(small))  # (C,)
    if table.background is not None:
        counts[table.background] = -1
    return int(counts.argmax())


def choose_class(small: np.ndarray, table: ClassTable, label: int | None) -> tuple[int, np.ndarray]:
    """One class and its probabilities, (h, w) float32.

    Args:
        small: What the network gave: (h, w) of foreground, or (C, h, w) of all classes.
        table: The network's classes, or background and foreground.
        label: The class; None for foreground, or for the largest class.
    """
    if small.ndim == 3:
        label = largest_class(small, table) if label is None else label
        return label, small[label]
    label = 1 - (table.background or 0) if label is None else label
    return label, 1 - small if label == table.background else small


def class_style(style: Style, table: ClassTable, label: int) -> Style:
    """`style` in the colour of a class."""
    red, green, blue = table.colours[label].tolist()
    return replace(style, color=(red, green, blue))

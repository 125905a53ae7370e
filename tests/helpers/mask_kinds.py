"""Kinds of mask files: how an object is saved as one, and the labels that are meant."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

U = 255


@dataclass
class Mask:
    """A mask file: its picture, the labels that it means, and how it is saved."""

    image: Image.Image
    labels: np.ndarray  # (H, W) uint8: 0, 1, 255
    suffix: str = ".png"
    options: dict[str, Any] = field(default_factory=dict)


Draw = Callable[[int, np.ndarray, np.ndarray], Mask]  # of index, object (H, W) bool and picture (H, W, 3)


def halves(inside: np.ndarray, *values: int) -> np.ndarray:
    """0 outside the object, and in it `values`, in strips from left to right."""
    columns = np.flatnonzero(inside.any(axis=0))
    place = np.minimum((np.arange(inside.shape[1]) - columns[0]) * len(values) // len(columns), len(values) - 1)
    return np.where(inside, np.array(values)[np.clip(place, 0, None)][None, :], 0)


def border(inside: np.ndarray, width: int = 2) -> np.ndarray:
    """The band along the object's contour."""
    grown = Image.fromarray(inside).convert("L").filter(ImageFilter.MaxFilter(2 * width + 1))
    shrunk = Image.fromarray(inside).convert("L").filter(ImageFilter.MinFilter(2 * width + 1))
    return np.asarray(grown) != np.asarray(shrunk)


def soft(inside: np.ndarray) -> np.ndarray:
    """0..255 with a smooth contour."""
    return np.asarray(Image.fromarray(inside).convert("L").filter(ImageFilter.GaussianBlur(1)))


def by_brightness(levels: np.ndarray) -> np.ndarray:
    """The labels of grey levels."""
    return np.select([levels < 64, levels > 191], [0, 1], U).astype(np.uint8)


def palette(
    indices: np.ndarray, colours: dict[int, tuple[int, int, int]], **options: object
) -> tuple[Image.Image, dict]:
    """A palette picture, and how it is saved."""
    paletted = Image.new("P", indices.shape[::-1])
    paletted.putdata(indices.ravel().tolist())
    table = [0] * 768
    for index, colour in colours.items():
        table[3 * index : 3 * index + 3] = colour
    paletted.putpalette(table)
    return paletted, dict(options)


BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, GREEN, VOID = (128, 0, 0), (0, 128, 0), (224, 224, 192)


def grey(
    values: Callable[[int, np.ndarray], tuple[np.ndarray, np.ndarray]], kind: str = ".png", **options: Any
) -> Draw:
    """Grey masks: `values` gives the values, uint8 or uint16, and the labels."""

    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        stored, labels = values(index, inside)
        return Mask(Image.fromarray(stored), labels, kind, options)

    return draw


def one_value(value: int, dtype: type = np.uint8) -> Draw:
    return grey(lambda index, inside: ((inside * value).astype(dtype), inside))


def ids(*values: int, dtype: type = np.uint8) -> Draw:
    return grey(lambda index, inside: (halves(inside, *values).astype(dtype), inside))


def ids_with_void(*values: int, width: int = 2) -> Draw:
    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        band = border(inside, width + 2 * (index % 2))
        return np.where(band, U, halves(inside, *values)).astype(np.uint8), np.where(band, U, inside)

    return grey(made)


def black_and_white(first: Callable[[int], int], bits: int = 1) -> Draw:
    """A palette of black and white, with white at index `first(index)`, 0 or 1."""

    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        white = first(index)
        image, options = palette(np.where(inside, white, 1 - white), {white: WHITE, 1 - white: BLACK}, bits=bits)
        return Mask(image, inside, options=options)

    return draw


def grey_palette(black: int, white: int, middle: int) -> Draw:
    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        band = border(inside)
        indices = np.where(band, middle, np.where(inside, white, black))
        image, options = palette(indices, {black: BLACK, white: WHITE, middle: (128, 128, 128)})
        return Mask(image, np.where(band, U, inside), options=options)

    return draw


def colour_palette(
    black: int, *others: tuple[int, tuple[int, int, int]], void: tuple[int, int, int] | None = None
) -> Draw:
    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        parts = halves(inside, *range(1, len(others) + 1))
        indices = np.array([black, *(place for place, _ in others)])[parts]
        colours = {black: BLACK, **dict(others)}
        labels = inside.astype(np.uint8)
        if void:
            band = border(inside)
            indices, labels, colours[255] = np.where(band, 255, indices), np.where(band, U, labels), void
        image, options = palette(indices, colours)
        return Mask(image, labels, options=options)

    return draw


def colours(*others: tuple[int, int, int], ground: tuple[int, int, int] = BLACK, alpha: bool = False) -> Draw:
    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        values = np.array([ground, *others], np.uint8)[halves(inside, *range(1, len(others) + 1))]
        if alpha:
            values = np.dstack([values, np.full(inside.shape, 255, np.uint8)])
        return Mask(Image.fromarray(values), inside)

    return draw


def cutouts(noise: int = 0, erased: bool = False) -> Draw:
    """The picture with a soft alpha, its colours kept, changed by noise, or erased where nothing is seen."""

    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        alpha = soft(inside)
        changes = np.random.default_rng(index).integers(-noise, noise + 1, rgb.shape)
        values = np.clip(rgb + changes, 0, 255)
        if erased:
            values = values * (alpha > 0)[..., None]
        rgba = np.dstack([values, alpha]).astype(np.uint8)
        return Mask(Image.fromarray(rgba), by_brightness(alpha))

    return draw


def layer(colour: tuple[int, int, int]) -> Draw:
    """A layer of one colour, painted over a transparent ground."""

    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        alpha = soft(inside)
        return Mask(Image.fromarray(np.dstack([np.full_like(rgb, colour), alpha])), by_brightness(alpha))

    return draw


def smooth(scale: int = 1, dtype: type = np.uint8, kind: str = ".png", **options: Any) -> Draw:
    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (soft(inside).astype(np.uint32) * scale).astype(dtype), by_brightness(soft(inside))

    return grey(made, kind, **options)


def matte(inside: np.ndarray, index: int, width: float) -> np.ndarray:
    """A matte 0..255: an object with a ramp `width` pixels wide, and hair around it, of every opacity."""
    rows, columns = np.indices(inside.shape)
    cy, cx, radius = rows[inside].mean(), columns[inside].mean(), (inside.sum() / np.pi) ** 0.5
    distance = np.hypot(rows - cy, columns - cx)
    levels = np.clip((radius - distance) / width + 0.5, 0, 1) * 255
    rng = np.random.default_rng(index)
    for angle in rng.uniform(0, 2 * np.pi, 60):
        along = np.arange(0, radius * rng.uniform(0.2, 0.8), 0.5) + radius - 1
        turned = angle + rng.normal(0, 0.01) * along
        y, x = (np.rint(c + along * f(turned)).astype(int) for c, f in ((cy, np.sin), (cx, np.cos)))
        seen = (y >= 0) & (y < inside.shape[0]) & (x >= 0) & (x < inside.shape[1])
        strand = np.where(seen, 255 * rng.uniform(0.1, 0.9) * np.linspace(1, 0.3, len(y)), 0)
        np.maximum.at(levels, (y[seen], x[seen]), strand[seen])
    return levels.astype(np.uint8)


def mattes(width: float, kind: str = ".png", **options: Any) -> Draw:
    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        levels = matte(inside, index, width)
        return levels, by_brightness(levels)

    return grey(made, kind, **options)


def trimap(low: int = 0, middle: int = 128, high: int = 255) -> Draw:
    """The first file has no foreground that is known."""

    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        band = border(inside) | inside if index == 0 else border(inside)
        return np.where(band, middle, np.where(inside, high, low)).astype(np.uint8), np.where(band, U, inside)

    return grey(made)


def noisy(top: int, share: float) -> Draw:
    """Two files show no object, but noise of up to `top` levels."""

    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(index)
        if index < 2:
            noise = np.where(rng.random(inside.shape) < share, rng.integers(1, top + 1, inside.shape), 0)
            return noise.astype(np.uint8), np.zeros(inside.shape)
        return soft(inside), by_brightness(soft(inside))

    return grey(made)


def some_empty(value: int) -> Draw:
    return grey(lambda index, inside: ((inside * (index % 3 != 1) * value).astype(np.uint8), inside & (index % 3 != 1)))


def two_conventions(*values: int) -> Draw:
    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (halves(inside, *values) if index % 2 else inside * 255).astype(np.uint8), inside

    return grey(made)


def flat_greys(*values: int, blur: float = 0, kind: str = ".png", **options: Any) -> Draw:
    def made(index: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        levels = Image.fromarray(halves(inside, *values).astype(np.uint8))
        return np.asarray(levels.filter(ImageFilter.GaussianBlur(blur)) if blur else levels), inside

    return grey(made, kind, **options)


def photographs(kind: str) -> Draw:
    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        return Mask(Image.fromarray(rgb).convert(kind), inside)

    return draw


def constant(value: int) -> Draw:
    return grey(lambda index, inside: (np.full(inside.shape, value, np.uint8), inside))


def one_bit(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
    return Mask(Image.fromarray(inside), inside)


def painted(*others: tuple[int, int, int], opacity: int = 255) -> Draw:
    """Classes in colours, painted with hard contours on a transparent ground."""

    def draw(index: int, inside: np.ndarray, rgb: np.ndarray) -> Mask:
        values = np.array([BLACK, *others], np.uint8)[halves(inside, *range(1, len(others) + 1))]
        alpha = (inside * opacity).astype(np.uint8)
        return Mask(Image.fromarray(np.dstack([values, alpha])), inside)

    return draw

"""Augmentation of one training picture and its mask, on uint8 arrays, by numpy and Pillow.

Every function draws from the generator it is given and nothing else, so a picture's augmentation depends only on
(seed, epoch, picture), not on the order, the number of processes or where a run was resumed.
"""

import math

import numpy as np
from PIL import Image, ImageFilter

from unet.data.masks import UNKNOWN

Array = np.ndarray

MIN_CROP = 0.5  # share of the picture's area
CROP_ASPECT = 1.3  # at most this much wider or higher than the picture itself
JITTER = 0.3  # brightness, contrast and saturation factors within 1 +- this
GAMMA = 5 / 6  # of the jitter: the exponent lies between 1 / (1 + this share of it) and 1 + this share of it


def random_crop(
    rng: np.random.Generator, width: int, height: int, min_crop: float = MIN_CROP
) -> tuple[float, float, float, float]:
    """A box (left, top, right, bottom) of random area, aspect and place inside a picture, all in pixels.

    `min_crop` is the smallest share of the picture's area, above 0; at 1 the box is the whole picture.
    """
    if min_crop == 1:
        return 0.0, 0.0, float(width), float(height)
    scale = rng.uniform(min_crop, 1)
    aspect = min(CROP_ASPECT, 1 / min_crop)
    stretch = math.exp(rng.uniform(-math.log(aspect), math.log(aspect)) / 2)
    w = min(math.sqrt(scale) * stretch, 1.0) * width
    h = min(math.sqrt(scale) / stretch, 1.0) * height
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return left, top, left + w, top + h


def jitter_colours(rng: np.random.Generator, rgb: Array, jitter: float = JITTER) -> Array:
    """Brightness, contrast, gamma (one lookup table a channel), saturation; sometimes grey, blurred or noisy."""
    levels = np.arange(256, dtype=np.float32) / 255
    largest = math.log(1 + jitter * GAMMA)
    gamma = math.exp(rng.uniform(-largest, largest))
    contrast, brightness = rng.uniform(1 - jitter, 1 + jitter, size=2)
    tint = rng.uniform(0.95, 1.05, size=3)
    table = ((levels**gamma - 0.5) * contrast + 0.5) * brightness  # (256,)
    tables = np.clip(table * tint[:, None] * 255 + 0.5, 0, 255).astype(np.uint8)  # (3, 256)
    image = Image.fromarray(rgb).point(tables.ravel().tolist())
    saturation = 0.0 if rng.random() < 0.05 else rng.uniform(1 - jitter, 1 + jitter)
    image = Image.blend(image.convert("L").convert("RGB"), image, saturation)
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    out = np.asarray(image)
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 10), size=out.shape[:2]).astype(np.float32)
        out = np.clip(out + noise[..., None] + 0.5, 0, 255).astype(np.uint8)
    return out


def paste(
    rng: np.random.Generator, rgb: Array, target: Array, donor: Array, donor_target: Array
) -> tuple[Array, Array]:
    """Copy the foreground of another picture onto this one (Ghiasi et al. 2021, arXiv:2012.07177).

    Which object is meant, clicks will say: the labels are those of one of the two, or of both.

    Args:
        rng: The picture's own generator.
        rgb, target: (h, w, 3) and (h, w) uint8, the picture and its labels.
        donor, donor_target: Picture and labels of the same size to paste from.

    Returns:
        Picture and labels; the ones given if either has no foreground to speak of.
    """
    share = (donor_target == 1).mean()
    if not 0.01 < share < 0.5 or not (target == 1).any():
        return rgb, target
    alpha = np.where(donor_target == 1, 255, 0).astype(np.uint8)
    soft = Image.fromarray(alpha).filter(ImageFilter.GaussianBlur(1))
    pasted = Image.composite(Image.fromarray(donor), Image.fromarray(rgb), soft)
    labels = np.where(donor_target == 1, 1, target)
    choice, below = rng.random(), np.where(donor_target == 1, 0, target)
    if choice < 0.4:
        labels = donor_target
    elif choice < 0.8 and (below == 1).mean() > 0.01:
        labels = below
    # The donor's unknown band stays unknown, unless the picture's own foreground lies below it.
    unknown = (donor_target == UNKNOWN) & (labels != 1)
    return np.asarray(pasted), np.where(unknown, UNKNOWN, labels).astype(np.uint8)


def augment(
    rng: np.random.Generator,
    rgb: Array,
    target: Array,
    size: tuple[int, int],
    min_crop: float = MIN_CROP,
    jitter: float = JITTER,
) -> tuple[Array, Array]:
    """A random resized crop and flip of one picture, and a colour jitter.

    Args:
        rng: The picture's own generator.
        rgb, target: (H, W, 3) and (H, W) uint8, the picture and its labels.
        size: Height and width of the result.
        min_crop: Smallest share of the picture that a crop keeps.
        jitter: How far brightness, contrast and saturation lie from 1 at most, as factors.

    Returns:
        Picture (h, w, 3) and labels (h, w), both uint8 and C-contiguous.
    """
    box = random_crop(rng, rgb.shape[1], rgb.shape[0], min_crop)
    height, width = size
    image = Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, box=box)
    labels = Image.fromarray(target).resize((width, height), Image.Resampling.NEAREST, box=box)
    out, out_target = np.asarray(image), np.asarray(labels)
    if rng.random() < 0.5:
        out, out_target = out[:, ::-1], out_target[:, ::-1]
    return np.ascontiguousarray(jitter_colours(rng, out, jitter)), np.ascontiguousarray(out_target)

"""The viewer's value: one picture and its result, as files for the browser and what the viewer says about them."""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gradio.data_classes import FileData, GradioModel
from PIL import Image

from unet.pictures.clicks import Click
from unet.pictures.decode import Picture
from unet.pictures.draw import cutout_colours
from unet.pictures.encode import save_png
from unet.web.gradio_compat import get_upload_folder

PREVIEW_PIXELS = 2_000_000
PREVIEW_SIDE = 8192  # browsers limit the side of a canvas


class ClickValue(GradioModel):
    """A click in pixels of the upright picture; label 1 = foreground, 0 = background."""

    x: float
    y: float
    label: int


class ViewerValue(GradioModel):
    """The data of one picture."""

    image: FileData
    """PNG of the picture, RGB, at most PREVIEW_PIXELS."""
    prob: FileData
    """Grey PNG of the probability map at the same size."""
    colours: FileData
    """RGBA PNG of the foreground's own colours at the same size, transparent where they are the picture's."""
    alpha: FileData | None = None
    """Grey PNG of the picture's own transparency, if it has any."""
    histogram: list[int]
    """Number of pixels of the full-size map at each of the 256 levels."""
    width: int
    """Width of the picture itself."""
    height: int
    """Height of the picture itself."""
    name: str
    """The picture's file stem."""
    threshold: float | None = None
    """Initial threshold; None keeps the viewer's. A slider that was moved has priority."""
    takes_clicks: bool = False
    """Whether the visitor can add clicks."""
    clicks: Sequence[ClickValue] = ()
    """The clicks that `prob` was computed with."""
    notices: Sequence[str] = ()
    """What the visitor should know about the picture, a sentence each."""
    source: FileData | None = None
    """The uploaded file, for handlers that need the picture that the viewer shows."""
    labels: FileData | None = None
    """Grey PNG of the class of each pixel at the same size, of weights with classes."""
    shares: Sequence[float] = ()
    """Share of each class of the picture itself, 0..1."""
    picked: int | None = None
    """The class whose map `prob` is."""


@dataclass(frozen=True)
class ClassView:
    """What the viewer needs to know of weights with classes."""

    picked: int
    """The class whose probabilities are shown."""
    labels: np.ndarray | None = None
    """(H, W) uint8; None keeps those of the earlier value, and its shares."""
    shares: Sequence[float] = ()
    """Share of each class, 0..1."""


def preview_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the preview: at most the picture's own, PREVIEW_PIXELS and PREVIEW_SIDE."""
    scale = min(math.sqrt(PREVIEW_PIXELS / (width * height)), PREVIEW_SIDE / max(width, height))
    if scale >= 1:
        return width, height
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def sample(array: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize (H, W) by nearest sampling at pixel centres; the sample's mask is then the mask's sample."""
    rows = (2 * np.arange(height) + 1) * array.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * array.shape[1] // (2 * width)
    return array.take(rows, axis=0).take(columns, axis=1)


def viewer_value(
    picture: Picture,
    prob8: np.ndarray,
    threshold: float | None = None,
    takes_clicks: bool = False,
    clicks: Sequence[Click] = (),
    like: ViewerValue | None = None,
    source: str | Path | None = None,
    classes: ClassView | None = None,
) -> ViewerValue:
    """Write the preview's files and return the viewer's value.

    Args:
        picture: The upright picture, (H, W).
        prob8: (H, W) uint8.
        threshold: Initial threshold, 0..1; None keeps the viewer's.
        takes_clicks: Whether the visitor can add clicks.
        clicks: The clicks that `prob8` was computed with.
        like: An earlier value of the same picture, whose picture files are reused.
        source: The uploaded file, in the upload cache; that of `like` by default.
        classes: Of weights with classes, the class that `prob8` is of, and all of them.
    """
    width, height = preview_size(picture.width, picture.height)
    folder = Path(get_upload_folder()).resolve() / secrets.token_hex(32)
    folder.mkdir(parents=True)

    def file(name: str, array: np.ndarray) -> FileData:
        path = folder / f"{name}.png"
        save_png(array, path)
        return FileData(path=str(path))

    shown, prob = _shrink(picture.rgb, width, height), sample(prob8, width, height)
    labels, shares = (None, ()) if like is None else (like.labels, like.shares)
    if classes is not None and classes.labels is not None:
        labels, shares = file("labels", sample(classes.labels, width, height)), classes.shares
    if like is None:
        image = file("image", shown)
        alpha = None if picture.alpha is None else file("alpha", sample(picture.alpha, width, height))
    else:
        image, alpha, source = like.image, like.alpha, like.source.path if like.source else None
    return ViewerValue(
        image=image,
        prob=file("prob", prob),
        colours=file("colours", _changes(shown, cutout_colours(_sampled(picture, shown), prob))),
        alpha=alpha,
        histogram=Image.fromarray(prob8).histogram(),
        width=picture.width,
        height=picture.height,
        name=picture.name,
        threshold=threshold,
        takes_clicks=takes_clicks,
        notices=[f"{notice[:1].upper()}{notice[1:]}." for notice in picture.notices],
        clicks=[ClickValue(x=click.x, y=click.y, label=click.label) for click in clicks],
        source=FileData(path=str(source)) if source else None,
        labels=labels,
        shares=shares,
        picked=None if classes is None else classes.picked,
    )


def _shrink(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    if (height, width) == rgb.shape[:2]:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BOX))


def _sampled(picture: Picture, shown: np.ndarray) -> Picture:
    """The preview `shown` (h, w, 3) of a picture, with the picture's transparency and the colours under it."""
    if picture.alpha is None or picture.straight is None:
        return Picture(shown, None, picture.name)
    alpha, straight = (sample(array, shown.shape[1], shown.shape[0]) for array in (picture.alpha, picture.straight))
    return Picture(shown, alpha, picture.name, straight)


def _changes(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The pixels of `after` (H, W, 3) that are not those of `before`: (H, W, 4), elsewhere transparent black."""
    changed = (before != after).any(axis=2)
    return np.dstack([after, np.where(changed, np.uint8(255), np.uint8(0))]) * changed[..., None]

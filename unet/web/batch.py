"""Many pictures: each is segmented by itself; one archive holds the results, and failures are reported by name."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unet.errors import ConfigError, UnetError
from unet.pictures import draw
from unet.pictures.decode import Picture
from unet.web.names import UniqueNames
from unet.web.service import Service, write_results

MAX_PICTURES = 100
PREVIEW_SIDE = 480  # pixels of the longer side of a gallery picture
ARCHIVE = "segmentation.zip"


@dataclass(frozen=True)
class Item:
    """The outcome of one file of a batch; either `foreground` or `error` is set."""

    name: str
    foreground: float | None = None
    error: str | None = None
    notices: tuple[str, ...] = ()
    preview: str | None = None
    class_name: str | None = None
    """The class whose share `foreground` is, of weights with classes."""

    def details(self) -> dict[str, Any]:
        """The item as `/segment_batch` reports it."""
        if self.error is not None:
            return {"name": self.name, "error": self.error}
        notices = list(self.notices) or None
        found = {"name": self.name, "foreground": self.foreground, "class": self.class_name, "notices": notices}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True)
class BatchProgress:
    """The state of a batch. `archive` is set at the end, unless every picture failed."""

    items: tuple[Item, ...]
    total: int
    archive: str | None = None


def run_batch(
    service: Service,
    paths: Sequence[str] | None,
    threshold: Any,
    style: draw.Style = draw.DEFAULT_STYLE,
    previews: bool = False,
) -> Iterator[BatchProgress]:
    """Segment pictures one after the other and pack masks and cut-outs into a zip archive.

    Args:
        service: Runs the network and owns the file cache.
        paths: Uploads; a file's own name is the last part of its path.
        threshold: 0..1.
        style: How the cut-outs are drawn.
        previews: Whether to write a small overlay of each picture, for a gallery.

    Yields:
        The state before the first picture, after each picture, and with the archive.

    Raises:
        ConfigError: There are no files or too many, or the threshold is outside 0..1.
    """
    threshold = draw.check_threshold(threshold)
    if not paths:
        raise ConfigError("no pictures were given; upload some first")
    if len(paths) > MAX_PICTURES:
        raise ConfigError(f"{len(paths)} pictures are too many at once; the limit is {MAX_PICTURES}")
    folder = service.fresh_folder()
    folder.mkdir(parents=True)
    names, progress = UniqueNames(), BatchProgress((), len(paths))
    yield progress
    with zipfile.ZipFile(folder / ARCHIVE, "w", zipfile.ZIP_STORED) as archive:  # PNG is compressed already
        for path in paths:
            name = Path(path).name
            try:
                item = _run_one(service, path, threshold, style, names, archive, previews)
            except UnetError as error:
                item = Item(name, error=str(error))
            except MemoryError:
                item = Item(name, error=f"{name} is too large for the memory that is free now")
            progress = replace(progress, items=(*progress.items, item))
            yield progress
    if all(item.error for item in progress.items):
        (folder / ARCHIVE).unlink()
    else:
        progress = replace(progress, archive=str(folder / ARCHIVE))
    yield progress


def _run_one(
    service: Service,
    path: str,
    threshold: float,
    style: draw.Style,
    names: UniqueNames,
    archive: zipfile.ZipFile,
    previews: bool,
) -> Item:
    picture = service.read(path)
    label, small = service.one_class(service.prob_small(picture))
    prob8, style = service.prob8(picture, small), service.style(label, style)
    mask = draw.mask_from_prob(prob8, threshold)
    stem, folder = names.assign(picture.name), service.fresh_folder()
    kinds = {kind: partial(draw.render, kind, picture, prob8, threshold, style) for kind in ("mask", "cutout")}
    files = write_results(folder, stem, kinds)
    preview = _write_preview(folder / f"{stem}_preview.png", picture, mask, style) if previews else None
    share, class_name = round(draw.foreground_share(mask), 6), service.class_of(label).get("class")
    for file in files.values():  # at the end, so that the archive holds nothing of a picture that failed
        archive.write(file, Path(file).name)
        Path(file).unlink()
    if preview is None:
        folder.rmdir()
    return Item(Path(path).name, share, notices=picture.notices, preview=preview, class_name=class_name)


def _write_preview(path: Path, picture: Picture, mask: np.ndarray, style: draw.Style) -> str:
    step = max(1, max(mask.shape) // (2 * PREVIEW_SIDE))  # large pictures are thinned first, for speed
    drawn = draw.overlay(np.ascontiguousarray(picture.rgb[::step, ::step]), mask[::step, ::step], style.color)
    image = Image.fromarray(drawn)
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    image.save(path)
    return str(path)

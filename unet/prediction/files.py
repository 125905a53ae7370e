"""`unet predict`: from picture files to PNG files, in chunks.

While the network works on one chunk of pictures, threads decode the next chunk and draw, compress and write the
previous one. Memory is bounded by the pixels of the chunks in flight, however many pictures there are.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet.cores import usable_cores
from unet.errors import ConfigError, ImageError, UnetError
from unet.pictures.clicks import Click, check_inside
from unet.pictures.decode import Picture, read_header, read_picture
from unet.pictures.draw import DEFAULT_STYLE, PROB_KINDS, Style, render
from unet.pictures.encode import encode_png
from unet.pictures.label_maps import render_classes
from unet.prediction import LABELS
from unet.prediction.class_choice import choose_class, class_style
from unet.prediction.predictor import Predictor
from unet.prediction.tasks import Task

CHUNK_PICTURES = 8  # pictures in one batch of the network
CHUNK_PIXELS = 16_000_000  # a larger picture is a chunk of its own
FLIGHT_PIXELS = 48_000_000  # pixels in memory at a time; a larger picture is processed alone


class Outcome(NamedTuple):
    """What became of a picture."""

    task: Task
    error: UnetError | None  # None if the file is written
    notices: tuple[str, ...] = ()  # what the user should know about the picture


@dataclass
class _Chunk:
    """Pictures that are processed together."""

    tasks: list[Task]
    pixels: int
    decoded: list[Future[Picture | UnetError]] = field(default_factory=list)
    outcomes: list[Future[Outcome] | Outcome] | None = None


class _Pipeline:
    def __init__(
        self,
        predictor: Predictor,
        draw: Callable[[Picture, np.ndarray], bytes],
        clicks: Sequence[Click],
        pool: ThreadPoolExecutor,
        enough: int | None,
    ) -> None:
        self._predictor, self._draw, self._clicks, self._pool = predictor, draw, clicks, pool
        self._enough = enough

    def decode(self, chunk: _Chunk) -> None:
        """Start to decode the chunk's pictures."""
        chunk.decoded = [self._pool.submit(self._read, task.source) for task in chunk.tasks]

    def segment(self, chunk: _Chunk) -> None:
        """Run the network on the chunk's pictures, unless that is done, and start to write the results."""
        if chunk.outcomes is not None:
            return
        pictures = [future.result() for future in chunk.decoded]
        chunk.decoded = []
        good = [picture for picture in pictures if isinstance(picture, Picture)]
        # (h, w), or (C, h, w), each; the threads upsample and draw them one by one.
        small = iter(self._predictor.probs_small([p.rgb for p in good], [self._clicks] * len(good)))
        chunk.outcomes = [
            self._pool.submit(self._write, task, picture, next(small))
            if isinstance(picture, Picture)
            else Outcome(task, picture)
            for task, picture in zip(chunk.tasks, pictures, strict=True)
        ]

    def finish(self, chunk: _Chunk) -> Iterator[Outcome]:
        """Wait until the chunk is written and yield the outcome of each picture."""
        self.segment(chunk)
        for outcome in chunk.outcomes or ():
            yield outcome if isinstance(outcome, Outcome) else outcome.result()

    def _read(self, source: Path) -> Picture | UnetError:
        try:
            picture = read_picture(source, name=str(source), enough=self._enough)
            check_inside(self._clicks, picture.width, picture.height)
            return picture
        except UnetError as error:
            return error

    def _write(self, task: Task, picture: Picture, small: np.ndarray) -> Outcome:
        try:
            task.target.write_bytes(self._draw(picture, small))
            return Outcome(task, None, picture.notices)
        except UnetError as error:
            return Outcome(task, error)
        except OSError as error:
            return Outcome(task, ImageError(f"{task.target}: could not be written ({error.strerror or error})"))


def _chunks(tasks: Iterable[Task]) -> Iterator[_Chunk]:
    """Divide `tasks` into chunks by number and by pixels, which are read from the files' headers."""
    chunk = _Chunk([], 0)
    for task in tasks:
        try:
            width, height = read_header(task.source)
            pixels = width * height
        except ImageError:
            pixels = 0  # the decoder reports the error
        if chunk.tasks and (len(chunk.tasks) == CHUNK_PICTURES or chunk.pixels + pixels > CHUNK_PIXELS):
            yield chunk
            chunk = _Chunk([], 0)
        chunk.tasks.append(task)
        chunk.pixels += pixels
    if chunk.tasks:
        yield chunk


def drawing_of(
    predictor: Predictor,
    kind: str,
    threshold: float | None,
    clicks: Sequence[Click],
    style: Style,
    class_name: str | None,
) -> Callable[[Picture, np.ndarray], bytes]:
    """The function from a picture and its small probabilities to the PNG of one `kind`.

    Label maps and, of weights with classes, overlays show all classes; every other kind shows the class of that name
    as it shows foreground (see `render`).

    Raises:
        ConfigError: The kind needs a class and none is named; one is named that it or the weights do not have; or a
            threshold is given for all classes, which have none.
    """
    all_classes = kind == LABELS or (predictor.has_classes and kind == "overlay" and class_name is None)
    if all_classes and class_name is not None:
        raise ConfigError("--kind labels shows all classes; leave out --class")
    if predictor.has_classes and class_name is None and not all_classes:
        names = ", ".join(predictor.table.names)
        raise ConfigError(f"--kind {kind} shows one class; name it with --class ({names}), or take --kind labels")
    if all_classes and predictor.has_classes and threshold is not None:
        raise ConfigError(f"--kind {kind} shows the most probable class, at no threshold; leave out --threshold")
    label = None if class_name is None else predictor.table.label(class_name)
    if label is not None and predictor.has_classes:
        style = class_style(style, predictor.table, label)
    level, placed = predictor.threshold, clicks
    if label is not None and not predictor.has_classes and label == predictor.table.background:
        level, placed = 1 - level, [replace(click, label=1 - click.label) for click in clicks]
    level = level if threshold is None else threshold

    def draw(picture: Picture, small: np.ndarray) -> bytes:
        if all_classes:
            labels = predictor.labels(small, (picture.height, picture.width), clicks, threshold)
            drawn = render_classes(kind, picture, labels, predictor.table, style)
            return drawn if isinstance(drawn, bytes) else encode_png(drawn)
        _, one = choose_class(small, predictor.table, label)  # (h, w)
        prob8 = predictor.upsample(one, (picture.height, picture.width), placed)
        return encode_png(render(kind, picture, prob8, level, style))

    return draw


def predict_pictures(
    predictor: Predictor,
    tasks: Sequence[Task],
    kind: str,
    threshold: float | None = None,
    clicks: Sequence[Click] = (),
    style: Style = DEFAULT_STYLE,
    class_name: str | None = None,
) -> Iterator[Outcome]:
    """Segment the pictures of `tasks` (see `plan`) and write the results of one `kind` (see `drawing_of`).

    Missing folders are created, existing files overwritten. The `threshold` of the masks is 0..1; None means that of
    the weights. The same `clicks`, in pixels, are used for every picture.

    Yields:
        The outcome of each task, in order, once its file is written or an error has prevented that.

    Raises:
        ConfigError: The output folder cannot be created, clicks are given but the weights have no click layer, or as
            `drawing_of`.
    """
    draw = drawing_of(predictor, kind, threshold, clicks, style, class_name)
    for folder in dict.fromkeys(task.target.parent for task in tasks):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"the output folder {folder} could not be created ({error.strerror or error})") from error
    pool = ThreadPoolExecutor(usable_cores())

    # Clicks are in pixels of the picture; cut-outs and overlays show its colours.
    enough = predictor.enough if kind in (*PROB_KINDS, LABELS) and not clicks else None
    pipeline = _Pipeline(predictor, draw, clicks, pool, enough)
    flight: deque[_Chunk] = deque()  # at most one being written, one in the network and one being decoded
    try:
        for chunk in _chunks(tasks):
            while flight and sum(c.pixels for c in flight) + chunk.pixels > FLIGHT_PIXELS:
                yield from pipeline.finish(flight.popleft())
            pipeline.decode(chunk)
            flight.append(chunk)
            if len(flight) > 1:
                pipeline.segment(flight[-2])
            if len(flight) > 2:
                yield from pipeline.finish(flight.popleft())
        while flight:
            yield from pipeline.finish(flight.popleft())
    finally:
        pool.shutdown(cancel_futures=True)

"""The work behind the page and every endpoint, without Gradio and without tensors."""

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from unet.errors import ConfigError, ImageError
from unet.pictures import draw, encode
from unet.pictures.clicks import Click, parse_clicks
from unet.pictures.decode import Picture, read_picture
from unet.pictures.label_maps import render_classes
from unet.prediction import LABELS
from unet.prediction.class_choice import choose_class, class_style
from unet.tuning import IdleReturn
from unet.web.download import Download
from unet.web.names import safe_stem

if TYPE_CHECKING:
    from unet.prediction.predictor import Predictor


Segmented = tuple[str, str, str, dict[str, Any]]
"""Paths of overlay, mask and cut-out, and the details."""
Labelled = tuple[str, str, dict[str, Any]]
"""Paths of overlay and label map, and the details."""


def write_results(
    folder: Path, stem: str, arrays: Mapping[str, Callable[[], np.ndarray | bytes]], jpegs: Collection[str] = ()
) -> dict[str, str]:
    """Draw and write several results at once, one thread each.

    Args:
        folder: Folder inside the server's file cache, which is created.
        stem: Start of the file names, `STEM_KIND.png`.
        arrays: Functions that draw the pictures, or give the bytes of a PNG, by kind.
        jpegs: Kinds to write as JPEG, unless a side is too long for one.

    Returns:
        The paths of the files, by kind.
    """
    folder.mkdir(parents=True)

    def write(kind: str) -> str:
        drawn = arrays[kind]()
        jpeg = kind in jpegs and not isinstance(drawn, bytes) and max(drawn.shape) <= encode.JPEG_SIDE
        path = folder / f"{stem}_{kind}{'.jpg' if jpeg else '.png'}"
        if isinstance(drawn, bytes):
            path.write_bytes(drawn)
        else:
            path.write_bytes(encode.encode_jpeg(drawn) if jpeg else encode.encode_png(drawn))
        return str(path)

    with ThreadPoolExecutor(len(arrays)) as pool:  # compression releases the GIL
        return dict(zip(arrays, pool.map(write, arrays), strict=True))


class Service:
    """A predictor for many visitors.

    Args:
        predictor: The network with its preparation.
        cache: Folder for results, each in a subfolder whose name cannot be guessed.
        infer: Function that runs the network, called by several threads; `predictor.prob_small` by default.
    """

    def __init__(
        self, predictor: "Predictor", cache: str | Path, infer: Callable[..., np.ndarray] | None = None
    ) -> None:
        self.predictor, self.cache = predictor, Path(cache)
        self._infer = infer or predictor.prob_small
        self._idle = IdleReturn()
        self._example_probs: dict[bytes, np.ndarray] = {}  # probability maps of the examples, by their file's content

    @property
    def threshold(self) -> float:
        """The calibrated threshold, 0..1."""
        return self.predictor.threshold

    def fresh_folder(self) -> Path:
        """A path in the cache that does not exist yet and cannot be guessed."""
        return self.cache / secrets.token_hex(32)

    def read(self, path: str | Path | None, enough: int | None = None) -> Picture:
        """Decode an upload; `enough` as for `read_picture`.

        Raises:
            ImageError: There is none, or it is not a picture within the limits.
        """
        if path is None:
            raise ImageError("no picture was given; upload one first")
        return read_picture(path, enough=enough)

    def prob_small(self, picture: Picture, clicks: Sequence[Click] = ()) -> np.ndarray:
        """Probabilities as `Predictor.prob_small` gives them: (h, w) float32, or (C, h, w) of weights with classes.

        Raises:
            ConfigError: There are clicks, but the weights take none.
        """
        if clicks and not self.predictor.takes_clicks:
            raise ConfigError(f"the weights in use, {self.predictor.name}, take no clicks; send [] instead")
        return self._infer(picture.rgb, clicks)

    def prepare_example(self, path: str | Path) -> None:
        """Run the network on an example in advance, so that its result is there at once."""
        self._example_probs[Path(path).read_bytes()] = self.prob_small(self.read(path))

    def cached_prob(self, path: str | Path, picture: Picture) -> np.ndarray:
        """As `prob_small`, of `picture`, decoded from `path`; those of examples come from a cache."""
        content = Path(path).read_bytes() if Path(path).stat().st_size in map(len, self._example_probs) else b""
        known = self._example_probs.get(content)
        return self.prob_small(picture) if known is None else known

    def label(self, class_name: str) -> int | None:
        """The label of the class of that name, or None for "", which leaves the choice to `one_class`.

        Raises:
            ConfigError: There is none; lists the names.
        """
        return self.predictor.table.label(class_name) if class_name else None

    def one_class(self, small: np.ndarray, label: int | None = None) -> tuple[int, np.ndarray]:
        """The class that a result shows and its probabilities (h, w), of those that `prob_small` gave.

        Without a label it is the foreground, or the largest class (see `unet.prediction.class_choice`).
        """
        return choose_class(small, self.predictor.table, label)

    def style(self, label: int, style: draw.Style = draw.DEFAULT_STYLE) -> draw.Style:
        """`style` in the colour of a class of weights with classes."""
        return class_style(style, self.predictor.table, label) if self.predictor.has_classes else style

    def class_of(self, label: int, asked: int | None = None) -> dict[str, str]:
        """What details say of the class that is shown; nothing of foreground that nobody `asked` for by name."""
        if not self.predictor.has_classes and asked is None:
            return {}
        return {"class": self.predictor.table.names[label]}

    def labels(self, picture: Picture, small: np.ndarray) -> np.ndarray:
        """The class of each pixel, a place in the predictor's `table`: (H, W) uint8."""
        self._idle.touch()
        return self.predictor.labels(small, (picture.height, picture.width))

    def prob8(self, picture: Picture, prob_small: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        """(H, W) uint8 at the picture's own size, of the probabilities (h, w) of foreground or one class."""
        self._idle.touch()  # every request comes here or to `labels`
        return self.predictor.upsample(prob_small, (picture.height, picture.width), clicks)

    def segment(
        self,
        path: str | Path | None,
        threshold: Any,
        clicks: str | None = None,
        softness: int = draw.SOFTNESS,
        class_name: str = "",
    ) -> Segmented:
        """Answer `/segment` and `/segment_clicks`.

        Args:
            path: Path of the upload.
            threshold: 0..1.
            clicks: JSON as in `unet.pictures.clicks.parse_clicks`, or None.
            softness: Of the cut-out's edge, 0..MAX_SOFTNESS.
            class_name: The class to segment; "" for the foreground, or the largest class.

        Raises:
            ConfigError: The threshold, the clicks or the name cannot be used.
            ImageError: The upload cannot be used.
        """
        started = time.perf_counter()
        threshold, asked = draw.check_threshold(threshold), self.label(class_name)
        picture = self.read(path)
        placed = () if clicks is None else parse_clicks(clicks, picture.width, picture.height)
        label, small = self.one_class(self.prob_small(picture, placed), asked)
        prob8 = self.prob8(picture, small, placed)
        share = draw.foreground_share(draw.mask_from_prob(prob8, threshold))
        arguments = (picture, prob8, threshold, self.style(label, draw.Style(softness=softness)))
        kinds = {kind: partial(draw.render, kind, *arguments) for kind in ("overlay", "mask", "cutout")}
        files = write_results(self.fresh_folder(), safe_stem(picture.name), kinds, jpegs=("overlay",))
        found = {"threshold": threshold, "foreground": round(share, 6), **self.class_of(label, asked)}
        return files["overlay"], files["mask"], files["cutout"], self._details(picture, found, started)

    def classes(self, path: str | Path | None) -> Labelled:
        """Answer `/classes`.

        Raises:
            ImageError: The upload cannot be used.
        """
        started = time.perf_counter()
        picture, table = self.read(path), self.predictor.table
        labels = self.labels(picture, self.prob_small(picture))
        kinds = {kind: partial(render_classes, kind, picture, labels, table) for kind in ("overlay", LABELS)}
        files = write_results(self.fresh_folder(), safe_stem(picture.name), kinds, jpegs=("overlay",))
        found = zip(table.as_json()["classes"], self.shares(labels), strict=True)
        rows = [{**row, "share": round(share, 6)} for row, share in found]
        return files["overlay"], files[LABELS], self._details(picture, {"classes": rows}, started)

    def shares(self, labels: np.ndarray) -> list[float]:
        """The share of each class, 0..1, in `labels` (H, W) uint8."""
        counts = Image.fromarray(labels).histogram()[: len(self.predictor.table)]
        return [count / labels.size for count in counts]

    def _details(self, picture: Picture, found: Mapping[str, Any], started: float) -> dict[str, Any]:
        return {
            "width": picture.width,
            "height": picture.height,
            **found,
            "model": self.predictor.name,
            "milliseconds": round(1000 * (time.perf_counter() - started)),
            **({"notices": list(picture.notices)} if picture.notices else {}),
        }

    def probability(self, path: str | Path | None, class_name: str = "") -> str:
        """Answer `/probability` with an 8-bit grey PNG at the picture's size; `class_name` as for `segment`.

        Raises:
            ConfigError: There is no class of that name.
            ImageError: The upload cannot be used.
        """
        asked = self.label(class_name)
        picture = self.read(path, self.predictor.enough)
        _, small = self.one_class(self.prob_small(picture), asked)
        kinds = {"probability": lambda: self.prob8(picture, small)}
        return write_results(self.fresh_folder(), safe_stem(picture.name), kinds)["probability"]

    def download(self, picture: Picture, prob8: np.ndarray, download: Download) -> str:
        """Write the result that the viewer's visitor asked for; returns the file's path."""
        kind = download.kind
        kinds = {kind: partial(draw.render, kind, picture, prob8, download.threshold, download.style)}
        return write_results(self.fresh_folder(), safe_stem(picture.name), kinds)[kind]

    def download_classes(self, picture: Picture, small: np.ndarray, download: Download) -> str:
        """As `download`, of all classes: the label map, or the overlay of those that are shown."""
        kind, labels, table = download.kind, self.labels(picture, small), self.predictor.table
        kinds = {kind: partial(render_classes, kind, picture, labels, table, download.style, download.classes)}
        return write_results(self.fresh_folder(), safe_stem(picture.name), kinds)[kind]

    def check_label(self, label: Any) -> int:
        """`label`, if a class has it.

        Raises:
            ConfigError: None has.
        """
        if type(label) is not int or not 0 <= label < len(self.predictor.table):
            raise ConfigError(f"there is no class of the label {label!r}; there are {len(self.predictor.table)}")
        return label

"""The work behind the page and every endpoint, without Gradio and without tensors."""

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unet.errors import ConfigError, ImageError
from unet.pictures import draw, encode
from unet.pictures.clicks import Click, parse_clicks
from unet.pictures.decode import Picture, read_picture
from unet.tuning import IdleReturn
from unet.web.download import Download
from unet.web.names import safe_stem

if TYPE_CHECKING:
    from unet.prediction.predictor import Predictor


Segmented = tuple[str, str, str, dict[str, Any]]
"""Paths of overlay, mask and cut-out, and the details."""


def write_results(
    folder: Path, stem: str, arrays: Mapping[str, Callable[[], np.ndarray]], jpegs: Collection[str] = ()
) -> dict[str, str]:
    """Draw and write several results at once, one thread each.

    Args:
        folder: Folder inside the server's file cache, which is created.
        stem: Start of the file names, `STEM_KIND.png`.
        arrays: Functions that draw the pictures, by kind.
        jpegs: Kinds to write as JPEG, unless a side is too long for one.

    Returns:
        The paths of the files, by kind.
    """
    folder.mkdir(parents=True)

    def write(kind: str) -> str:
        array = arrays[kind]()
        jpeg = kind in jpegs and max(array.shape) <= encode.JPEG_SIDE
        path = folder / f"{stem}_{kind}{'.jpg' if jpeg else '.png'}"
        path.write_bytes(encode.encode_jpeg(array) if jpeg else encode.encode_png(array))
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
        """Probabilities (h, w) float32 at the network's size.

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
        """Probabilities (h, w) float32 of `picture`, decoded from `path`; those of examples come from a cache."""
        content = Path(path).read_bytes() if Path(path).stat().st_size in map(len, self._example_probs) else b""
        known = self._example_probs.get(content)
        return self.prob_small(picture) if known is None else known

    def prob8(self, picture: Picture, prob_small: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        """(H, W) uint8 at the picture's own size."""
        self._idle.touch()  # every request comes here
        return self.predictor.upsample(prob_small, (picture.height, picture.width), clicks)

    def segment(
        self, path: str | Path | None, threshold: Any, clicks: str | None = None, softness: int = draw.SOFTNESS
    ) -> Segmented:
        """Answer `/segment` and `/segment_clicks`.

        Args:
            path: Path of the upload.
            threshold: 0..1.
            clicks: JSON as in `unet.pictures.clicks.parse_clicks`, or None.
            softness: Of the cut-out's edge, 0..MAX_SOFTNESS.

        Raises:
            ConfigError: The threshold or the clicks cannot be used.
            ImageError: The upload cannot be used.
        """
        started = time.perf_counter()
        threshold = draw.check_threshold(threshold)
        picture = self.read(path)
        placed = () if clicks is None else parse_clicks(clicks, picture.width, picture.height)
        small = self.prob_small(picture, placed)
        prob8 = self.prob8(picture, small, placed)
        mask = draw.mask_from_prob(prob8, threshold)
        style = draw.Style(softness=softness)
        arguments = (picture, prob8, threshold, style)
        kinds = {kind: partial(draw.render, kind, *arguments) for kind in ("overlay", "mask", "cutout")}
        files = write_results(self.fresh_folder(), safe_stem(picture.name), kinds, jpegs=("overlay",))
        details = {
            "width": picture.width,
            "height": picture.height,
            "threshold": threshold,
            "foreground": round(draw.foreground_share(mask), 6),
            "model": self.predictor.name,
            "milliseconds": round(1000 * (time.perf_counter() - started)),
        }
        if picture.notices:
            details["notices"] = list(picture.notices)
        return files["overlay"], files["mask"], files["cutout"], details

    def probability(self, path: str | Path | None) -> str:
        """Answer `/probability` with an 8-bit grey PNG at the picture's size.

        Raises:
            ImageError: The upload cannot be used.
        """
        picture = self.read(path, self.predictor.enough)
        small = self.prob_small(picture)
        kinds = {"probability": lambda: self.prob8(picture, small)}
        return write_results(self.fresh_folder(), safe_stem(picture.name), kinds)["probability"]

    def download(self, picture: Picture, prob8: np.ndarray, download: Download) -> str:
        """Write the result that the viewer's visitor asked for; returns the file's path."""
        kind = download.kind
        kinds = {kind: partial(draw.render, kind, picture, prob8, download.threshold, download.style)}
        return write_results(self.fresh_folder(), safe_stem(picture.name), kinds)[kind]

"""The predictor: a network that turns pictures into 8-bit probability maps, `prob8`, and into labels of classes."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unet.errors import ConfigError
from unet.hub.file_names import shipped
from unet.hub.source import Location, locate
from unet.network.folding import fold_batchnorm
from unet.network.unet import UNet
from unet.network.weights import WeightsConfig, load_weights
from unet.pictures.classes import FOREGROUND_TABLE, ClassTable
from unet.pictures.clicks import Click, click_maps, honour_clicks
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob
from unet.prediction import PRECISIONS
from unet.prediction.precision import cast, choose_precision, has_fast_bf16
from unet.prediction.refinement import LONGEST, refine
from unet.prediction.upsampling import upsample_bilinear, upsample_labels
from unet.prediction.zoom_in import SMALLEST, clicks_within, focus_box, merge_views
from unet.processes import Processes

# The mirror image is seen where the mean of min(p, 1 - p) over a map is above this. Of the validation pictures
# without a closer view 133 of 235 lay below; to see these mirrored, too, changed mean IoU and boundary F by < .0005.
UNSURE = 0.0125


def normalise(rgb: np.ndarray, config: WeightsConfig) -> Tensor:
    """Resize a picture, (H, W, 3) uint8, to the network's size and normalise it: (3, h, w) float32."""
    height, width = config.size
    # Far larger pictures are first reduced by whole factors: a mean difference of .3 levels at 2 to 48 megapixels.
    picture = Image.fromarray(np.ascontiguousarray(rgb))  # Pillow itself copies a part of a picture far more slowly
    small = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2)
    x = torch.from_numpy(np.asarray(small, dtype=np.float32)).permute(2, 0, 1) / 255  # (3, h, w)
    return (x - torch.tensor(config.mean).view(-1, 1, 1)) / torch.tensor(config.std).view(-1, 1, 1)


def agree_on_precision(source: str | Path, precision: str, processes: Processes) -> str:
    """`precision`, or where it is `auto` and several processes share the work the one that the first of them chooses.

    Each would time the network while the others do, and they might come to different choices. Errors as for
    `Predictor.load`.
    """
    if processes.count == 1 or precision != "auto":
        return precision
    return processes.first(lambda: Predictor.load(source, precision=precision).precision)


def _unsure(prob: np.ndarray) -> bool:
    """Whether probabilities (h, w) leave doubts."""
    return float(np.minimum(prob, 1 - prob).mean()) > UNSURE


class Predictor:
    """A network prepared for prediction: BatchNorm folded, channels last, on the GPU if there is one.

    Load one with `Predictor.load`. In its methods a picture `rgb` is (H, W, 3) uint8, upright sRGB of any size, as
    `read_picture` returns it; (h, w) is the size of a map. `clicks` are points in pixels of the picture, each marked
    as foreground or background; only weights with a click layer accept them.

    Weights with C classes (`has_classes`) answer with C probabilities (C, h, w) that add up to 1 where others answer
    with that of foreground, (h, w). The map of one class, `small[table.label("Sky")]`, is then what that of foreground
    is: `upsample` makes its `prob8`, from which masks and cut-outs are drawn.

    Args:
        model: The network. It is copied, not changed.
        config: The network's preprocessing, threshold and scores.
        location: The source of the weights, if they were loaded.
        precision: `fp32`; `bf16` for bfloat16; `mixed`, which leaves the contracting path and one layer in float32; or
            `auto`: on a CPU the fastest of these whose masks are those of float32 (see `unet.prediction.precision`), on
            a GPU `bf16` if it has that.

    Raises:
        ConfigError: The precision is none of these.
    """

    def __init__(
        self, model: UNet, config: WeightsConfig, location: Location | None = None, precision: str = "auto"
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(f"unknown precision {precision!r}; choose from {', '.join(PRECISIONS)}")
        self.config, self.location = config, location
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if torch.cuda.is_initialized():  # threads that call would take the first, whichever this process works on
            self.device = torch.device("cuda", torch.cuda.current_device())
        self.encoder = model.encoder
        folded = fold_batchnorm(model).to(self.device)
        folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.precision = self._choose(folded) if precision == "auto" else precision
        self._model, self._dtype = cast(folded, self.precision)

    def _choose(self, folded: UNet) -> str:
        if self.device.type == "cuda":
            return "bf16" if has_fast_bf16() else "fp32"
        if not has_fast_bf16():
            return "fp32"
        return choose_precision(folded, self.config.size, self._examples, self.threshold)

    def _examples(self) -> Tensor:
        """The pictures that come with the program, as the network takes them: (B, 3, h, w)."""
        paths = sorted(shipped("examples").glob("*.jpg"))
        return torch.stack([normalise(read_picture(path).rgb, self.config) for path in paths])

    @classmethod
    def load(cls, source: str | Path | None = None, *, precision: str = "auto") -> "Predictor":
        """Load weights from a folder, or from `user/name` or `user/name@revision` of a model on the Hub.

        The default is the weights that come with the program. `precision` is as for the constructor.

        Raises:
            HubError: The weights could not be downloaded.
            WeightsError: The folder does not exist, or its weights are incomplete or damaged.
            ConfigError: The precision is unknown.
        """
        return cls.from_location(locate(shipped("weights") if source is None else source), precision=precision)

    @classmethod
    def from_location(cls, location: Location, *, precision: str = "auto") -> "Predictor":
        """Load weights that `unet.hub.source.locate` has found. Arguments and errors as for `load`."""
        model, config = load_weights(location.folder)
        return cls(model, config, location, precision)

    @property
    def name(self) -> str:
        """The weights folder or Hub model as given, with its revision."""
        return self.location.name if self.location else "unsaved weights"

    @property
    def revision(self) -> str | None:
        """The Hub commit of the weights, 40 hexadecimal digits, or None if they come from a folder."""
        return self.location.revision if self.location else None

    @property
    def threshold(self) -> float:
        """The calibrated threshold of the mask, 0..1; the mask is foreground where `prob8 >= 255 * threshold`."""
        return self.config.threshold

    @property
    def enough(self) -> int:
        """The side, in pixels, beyond which a picture adds nothing to its map, even from close by."""
        return max(math.ceil(max(self.config.size) / SMALLEST), 0 if self.has_classes else LONGEST)

    @property
    def answer_bytes(self) -> int:
        """Bytes of the largest answer of `prob_small`."""
        if self.has_classes:
            return 4 * len(self.table) * math.prod(self.config.size)
        return 4 * math.prod(max(LONGEST, math.ceil(side / SMALLEST)) for side in self.config.size)  # from close by

    @property
    def has_classes(self) -> bool:
        """Whether the network tells classes, not just foreground and background."""
        return self.config.classes is not None

    @property
    def table(self) -> ClassTable:
        """The classes that `labels` tells: those of the weights, or background and foreground."""
        return self.config.classes or FOREGROUND_TABLE

    @property
    def takes_clicks(self) -> bool:
        """Whether the network has a click layer, so that clicks are accepted."""
        return self._model.clicks

    def probabilities(self, rgbs: Sequence[np.ndarray], clicks: Sequence[Sequence[Click]] = ()) -> np.ndarray:
        """Probabilities of foreground for several pictures in one batch: (B, h, w) float32 in 0..1.

        With classes, those of each: (B, C, h, w). They have the network's size and are not refined.

        The pictures can have different sizes. `clicks` is one sequence of clicks for each picture, or empty.

        Raises:
            ConfigError: Clicks are given, but the weights have no click layer.
        """
        inputs = self._tensors(rgbs, clicks or [()] * len(rgbs))
        found = list(self._answers(*inputs))
        self._add_mirrored(found, *inputs, [True] * len(found))
        return np.stack(found)

    def _tensors(self, rgbs: Sequence[np.ndarray], clicks: Sequence[Sequence[Click]]) -> tuple[Tensor, Tensor | None]:
        """What the network takes: pictures (B, 3, h, w), and click maps (B, 2, h, w) if one of the pictures has any."""
        batch = torch.stack([normalise(rgb, self.config) for rgb in rgbs])
        if not any(clicks):
            return batch, None
        if not self.takes_clicks:
            raise ConfigError(f"the weights {self.name} have no click layer and take no clicks")
        pairs = zip(rgbs, clicks, strict=True)
        maps = np.stack([click_maps(placed, rgb.shape[:2], self.config.size) for rgb, placed in pairs])
        return batch, torch.from_numpy(maps)

    def _answers(self, batch: Tensor, maps: Tensor | None) -> np.ndarray:
        """Probabilities, (B, h, w) or (B, C, h, w) float32, for what `_tensors` makes, by one run of the network."""
        batch = batch.to(self.device, self._dtype, memory_format=torch.channels_last)
        maps = None if maps is None else maps.to(self.device, self._dtype)
        with torch.inference_mode():
            prob = self._normalised(self._model(batch, maps))  # (B, 1 or C, h, w)
            return (prob if self.has_classes else prob.squeeze(1)).cpu().numpy()

    def _normalised(self, logits: Tensor) -> Tensor:
        """Probabilities, float32, of logits (B, C, h, w): of the only output, or of one class among the others."""
        return logits.float().softmax(dim=1) if self.has_classes else logits.float().sigmoid()

    def probs_small(self, rgbs: Sequence[np.ndarray], clicks: Sequence[Sequence[Click]] = ()) -> list[np.ndarray]:
        """Probabilities of foreground of several pictures, which share batches: (h, w) float32 in 0..1 each.

        If the object is small, the network also sees it cut out with its surroundings, and both results are averaged
        (see `unet.prediction.zoom_in`). Weights that ask for the mirror image get it where the first look leaves doubts
        (`UNSURE`) and no closer one follows; with clicks, every view is seen mirrored, too. At the end the map is
        refined by the picture's own edges: it has the picture's size, up to `refinement.LONGEST` pixels or, from close
        by, `1 / SMALLEST` times the network's size. Arguments
        and errors as for `probabilities`. With classes, a result is (C, h, w) of the network's size, and nothing is
        seen from closer by or refined.
        """
        if not rgbs:
            return []
        if self.has_classes:
            return list(self.probabilities(rgbs, clicks))
        given = list(clicks) or [()] * len(rgbs)
        sizes = [(rgb.shape[0], rgb.shape[1]) for rgb in rgbs]
        inputs = self._tensors(rgbs, given)
        found = list(self._answers(*inputs))  # (h, w) each
        clicked = [bool(placed) for placed in given]
        self._add_mirrored(found, *inputs, clicked)
        boxes = [focus_box(*view, self.threshold) for view in zip(found, given, sizes, strict=True)]
        once = [box is None and not placed for box, placed in zip(boxes, given, strict=True)]
        self._add_mirrored(found, *inputs, [one and _unsure(prob) for one, prob in zip(once, found, strict=True)])
        chosen = [(index, box) for index, box in enumerate(boxes) if box is not None]
        if chosen:
            inputs = self._tensors(
                [rgbs[index][top:bottom, left:right] for index, (left, top, right, bottom) in chosen],
                [clicks_within(given[index], box) for index, box in chosen],
            )
            closes = list(self._answers(*inputs))  # (h, w) each
            self._add_mirrored(closes, *inputs, [clicked[index] for index, _ in chosen])
            for (index, box), close in zip(chosen, closes, strict=True):
                found[index] = merge_views(found[index], close, box, sizes[index])
        return [refine(prob, rgb) for prob, rgb in zip(found, rgbs, strict=True)]

    def _add_mirrored(
        self, found: list[np.ndarray], batch: Tensor, maps: Tensor | None, wanted: Sequence[bool]
    ) -> None:
        """Average those of `found` that are wanted with the answers to their mirror images, if the weights say so."""
        which = [index for index, want in enumerate(wanted) if want and self.config.flip]
        if which:
            mirrored = self._answers(batch[which].flip(3), None if maps is None else maps[which].flip(3))
            for index, answer in zip(which, mirrored, strict=True):
                found[index] = (found[index] + answer[..., ::-1]) / 2

    def prob_small(self, rgb: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        """`probs_small` of one picture.

        Raises:
            ConfigError: Clicks are given, but the weights have no click layer.
        """
        return self.probs_small([rgb], [clicks])[0]

    def upsample(self, prob_small: np.ndarray, size: tuple[int, int], clicks: Sequence[Click] = ()) -> np.ndarray:
        """Upsample probabilities to the picture's `size` (H, W): `prob8 = round(255 * probability)`, (H, W) uint8.

        `prob_small` (h, w) comes from the method of this name, or is one of `probs_small`, with the same clicks. The
        pixel of a foreground click becomes 255, that of a background click 0.
        """
        prob8 = upsample_bilinear(prob_small, size)
        honour_clicks(prob8, clicks)
        return prob8

    def labels(
        self, small: np.ndarray, size: tuple[int, int], clicks: Sequence[Click] = (), threshold: float | None = None
    ) -> np.ndarray:
        """The class of each pixel of a picture of `size` (H, W), by its place in `table`: (H, W) uint8.

        `small` is what `prob_small` or `probs_small` gave for the picture, with the same clicks. It is the most
        probable class; without classes, foreground where the mask is at `threshold` (0..1), or at the calibrated one.
        """
        if self.has_classes:
            return upsample_labels(small, size)
        threshold = self.threshold if threshold is None else threshold
        return mask_from_prob(self.upsample(small, size, clicks), threshold) // 255

    def prob8(self, rgb: np.ndarray, clicks: Sequence[Click] = ()) -> np.ndarray:
        """The 8-bit probability map of a picture: (H, W) uint8, 255 times the probability of foreground.

        Raises:
            ConfigError: Clicks are given, but the weights have no click layer; or the weights have classes.
        """
        if self.has_classes:
            raise ConfigError(
                f"the weights {self.name} tell classes; `upsample` makes the map of one of `prob_small`'s"
            )
        return self.upsample(self.prob_small(rgb, clicks), (rgb.shape[0], rgb.shape[1]), clicks)

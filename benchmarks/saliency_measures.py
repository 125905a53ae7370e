"""The measures of salient object detection, by PySODMetrics, so that rows stand beside published tables."""

import numpy as np
from PIL import Image

from unet.data.masks import UNKNOWN
from unet.data.pairs import Pair

MEASURES = {
    "max_f": "max F-beta (.3)",
    "weighted_f": "weighted F",
    "s_measure": "S-measure",
    "max_e": "max E-measure",
}


TRIMAP = 128  # level of a trimap's unknown pixels, and the one above which published tables take a mask's greys in


class SaliencyMeasures:
    """The measures of a set of pictures: maxima of the set's mean F and E curves, means of the other two."""

    def __init__(self) -> None:
        from py_sod_metrics import Emeasure, FmeasureHandler, FmeasureV2, Smeasure, WeightedFmeasure

        handler = FmeasureHandler(with_adaptive=False, with_dynamic=True, beta=0.3)
        self._f = FmeasureV2(metric_handlers={"fm": handler})
        self._e, self._s, self._weighted = Emeasure(), Smeasure(), WeightedFmeasure()
        self.pictures = 0

    def add(self, prob8: np.ndarray, foreground: np.ndarray) -> None:
        """Take a picture into account.

        Args:
            prob8: (H, W) uint8, 255 times the probability of foreground.
            foreground: (H, W) bool, the ground truth.
        """
        truth = np.where(foreground, 255, 0).astype(np.uint8)
        with np.errstate(all="ignore"):
            for measure in (self._f, self._e, self._s, self._weighted):
                measure.step(prob8, truth)
        self.pictures += 1

    def results(self) -> dict[str, float]:
        """A value in 0..1 for each of `MEASURES`; none without pictures."""
        if not self.pictures:
            return {}
        return {
            "max_f": float(np.max(self._f.get_results()["fm"]["dynamic"])),
            "weighted_f": float(self._weighted.get_results()["wfm"]),
            "s_measure": float(self._s.get_results()["sm"]),
            "max_e": float(np.max(self._e.get_results()["em"]["curve"])),
        }


def published_foreground(pair: Pair, target: np.ndarray) -> np.ndarray | None:
    """The ground truth, (H, W) bool, as published tables take it: greys of a mask above 128 are foreground.

    None of a trimap, whose one grey means unknown.
    """
    unknown = target == UNKNOWN
    if not unknown.any():
        return target == 1
    with Image.open(pair.mask) as mask:
        grey = np.asarray(mask.convert("L"))
    return None if set(grey[unknown].tolist()) == {TRIMAP} else grey > TRIMAP

"""Colours along the edge of cut-outs, on composites whose foreground is known, and write benchmarks/cutouts.md.

    python benchmarks/cutouts.py --data DIR

A composite lays the foreground of one of DIR's photographs over another photograph. At its edge, up to 3 pixels wide,
both mix by a known alpha, and the true foreground there continues the colours from inside the mask. The methods see the
composite and the map that a network of 288 x 288 pixels would find at best: the true alpha, reduced to that size and
brought back as every map is. Lower is better.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import common
import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.transform import resize

from unet.data.pairs import Pair, find_pairs, load_resized
from unet.pictures.draw import SOFTNESS, soft_alpha
from unet.pictures.foreground import foreground_colours
from unet.prediction.refinement import refine
from unet.prediction.upsampling import upsample_bilinear

COUNT = 20
SIDE = 288  # pixels of the network's map
INSIDE = 3  # pixels from the mask's contour up to which its colours may hold some of the old background
SIGMAS = (0.5, 1.0, 1.5)  # pixels, in turn: how soft the edge is
MIXED = (0.02, 0.98)  # alpha of the pixels that count
THRESHOLD = 0.5
LARGE = (4000, 3000)  # width and height of the picture that the time of a large one is taken of
WIDE, CLOSE = 90, 6  # pixels: windows of blur fusion's two passes

Colours = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Composite(NamedTuple):
    """A photograph of which everything is known."""

    rgb: np.ndarray  # (H, W, 3) uint8
    foreground: np.ndarray  # (H, W, 3) float32 in 0..255, the true colours
    alpha: np.ndarray  # (H, W) float32 in 0..1, the true share of the foreground
    prob8: np.ndarray  # (H, W) uint8, the map that the methods see


def composite(pair: Pair, behind: Pair, sigma: float) -> Composite:
    """The foreground of `pair` over the photograph of `behind`, with an edge of `sigma` pixels."""
    rgb, target = load_resized(pair)
    size = target.shape
    depth = distance_transform_edt(target == 1)
    _, nearest = distance_transform_edt(depth <= INSIDE, return_indices=True)
    foreground = rgb[tuple(nearest)].astype(np.float32)
    # The edge lies where colours are still those of the inside.
    alpha = gaussian_filter((depth > INSIDE).astype(np.float32), sigma)
    background = np.asarray(Image.fromarray(load_resized(behind)[0]).resize(size[::-1]), np.float32)
    mixed = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    picture = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    small = np.clip(resize(alpha, (SIDE, SIDE), order=1, anti_aliasing=True), 0, 1).astype(np.float32)
    return Composite(picture, foreground, alpha, upsample_bilinear(refine(small, picture), size))


def photograph(rgb: np.ndarray, prob8: np.ndarray) -> np.ndarray:
    """The photograph's own colours."""
    return rgb


def blur_fusion(rgb: np.ndarray, prob8: np.ndarray) -> np.ndarray:
    """Blur fusion (Forte 2021, "Approximate Fast Foreground Colour Estimation", ICIP), in two passes."""
    import cv2

    image, alpha = rgb.astype(np.float32), (prob8 / np.float32(255))[..., None]
    front: np.ndarray = image
    back: np.ndarray = image
    for window in (WIDE, CLOSE):

        def blurred(values: np.ndarray, window: int = window) -> np.ndarray:
            means: np.ndarray = cv2.blur(values, (window, window)).reshape(*values.shape[:2], -1)
            return means

        weight, rest = blurred(alpha), blurred(1 - alpha)
        front, back = blurred(front * alpha) / (weight + 1e-5), blurred(back * (1 - alpha)) / (rest + 1e-5)
        front = np.clip(front + alpha * (image - alpha * front - (1 - alpha) * back), 0, 255)
    return front


def pymatting(rgb: np.ndarray, prob8: np.ndarray) -> np.ndarray:
    """PyMatting's multi-level estimation (Germer et al. 2020, arXiv:2006.14970), which rembg uses."""
    from pymatting import estimate_foreground_ml

    colours: np.ndarray = estimate_foreground_ml(rgb / 255.0, prob8 / 255.0)
    return 255 * colours


METHODS: dict[str, Colours] = {
    "the photograph's colours": photograph,
    "`foreground_colours` (ours)": foreground_colours,
    "blur fusion, 90 and 6 pixels": blur_fusion,
    "PyMatting, `estimate_foreground_ml`": pymatting,
}


def colour_error(colours: np.ndarray, known: Composite) -> float:
    """Mean absolute difference, in levels, of the colours along the edge, weighed by the cut-out's alpha.

    Raises:
        SystemExit: The cut-out shows nothing of the edge.
    """
    shown = soft_alpha(known.prob8, THRESHOLD, SOFTNESS) / 255
    weight = shown * ((known.alpha > MIXED[0]) & (known.alpha < MIXED[1]))
    if not weight.any():
        raise SystemExit("a composite has no visible edge; --data needs photographs with larger objects")
    difference = np.abs(colours.astype(np.float32) - known.foreground).mean(axis=2)
    return float((difference * weight).sum() / weight.sum())


def timed(method: Colours, rgb: np.ndarray, prob8: np.ndarray) -> tuple[np.ndarray, float]:
    """A method's colours, and the seconds that they took."""
    started = time.perf_counter()
    colours = method(rgb, prob8)
    return colours, time.perf_counter() - started


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="photographs with masks")
    options = parser.parse_args()
    pairs = find_pairs(options.data)
    chosen = [pairs[index * len(pairs) // COUNT] for index in range(COUNT)]
    known = [
        composite(pair, chosen[(index + COUNT // 2) % COUNT], SIGMAS[index % len(SIGMAS)])
        for index, pair in enumerate(chosen)
    ]
    rows = []
    for name, method in METHODS.items():
        method(known[0].rgb, known[0].prob8)  # what is compiled or imported at first does not count
        errors, seconds = [], []
        for one in known:
            colours, taken = timed(method, one.rgb, one.prob8)
            seconds.append(taken)
            errors.append(colour_error(colours, one))
        _, long = timed(method, *(np.asarray(Image.fromarray(x).resize(LARGE)) for x in (known[0].rgb, known[0].prob8)))
        times = (1000 * float(np.median(seconds)), 1000 * long)
        rows.append([name, f"{np.mean(errors):.1f}", f"{max(errors):.1f}", *(f"{value:.0f}" for value in times)])
        print(*rows[-1], sep=" | ", flush=True)
    header = [
        f"{COUNT} composites of {options.data.resolve().name}",
        "error, levels",
        "largest",
        "ms a picture",
        "ms of 12 megapixels",
    ]
    report = f"{common.markdown_table(header, rows)}\n\n{common.machine()}\n\n`{common.command_line()}`"
    common.write_report("cutouts", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

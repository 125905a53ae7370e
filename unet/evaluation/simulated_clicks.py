"""Simulated clicks for training and benchmarks: where a user would click next.

The next click falls on the centre of the largest wrong region, the protocol of the field (Sofiiuk et al. 2021,
arXiv:2102.06583, section 4). First clicks in training are drawn at random inside and outside the object.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from unet.cores import usable_cores
from unet.data.pairs import Pair, load_resized
from unet.errors import ConfigError
from unet.evaluation.evaluate import side_by_side
from unet.evaluation.metrics import iou
from unet.pictures.clicks import BACKGROUND, FOREGROUND, Click, click_maps
from unet.prediction.predictor import Predictor

MAX_FIRST_CLICKS = 3
ROUNDS = (0.4, 0.4, 0.2)  # probabilities of 0, 1, 2 rounds of corrections


def opencv() -> Any:
    """The module cv2.

    Raises:
        ConfigError: It is not installed; the message names the command that installs it.
    """
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(f"simulated clicks need OpenCV: pip install opencv-python-headless ({error})") from error
    return cv2


def _depth(region: np.ndarray) -> np.ndarray:
    """(H, W): each pixel's distance from the border of `region` (H, W), the picture's border included."""
    cv2 = opencv()
    depth: np.ndarray = cv2.distanceTransform(np.pad(region.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return depth


def _centre(region: np.ndarray) -> tuple[int, int, float]:
    """Column and row of the pixel of `region` (H, W) farthest from its border, and its distance in pixels."""
    distance = _depth(region)
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    return int(column), int(row), float(distance[row, column])


def next_click(mask: np.ndarray, target: np.ndarray, done: Sequence[Click] = ()) -> Click | None:
    """The click that corrects most: the centre of the largest connected wrong region; None if no pixel is wrong.

    `mask` is the current mask, (H, W) bool, `target` the labels, (H, W) uint8, whose unknown pixels are never wrong.
    The pixels of the earlier clicks `done` are not clicked again.
    """
    cv2 = opencv()
    wrong = {FOREGROUND: (target == 1) & ~mask, BACKGROUND: (target == 0) & mask}
    best, most = None, 0
    for label, region in wrong.items():
        for click in done:
            region[int(click.y), int(click.x)] = False
        _, regions, statistics, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
        areas = statistics[:, cv2.CC_STAT_AREA]
        areas[0] = 0  # all that is not wrong
        if areas.max() > most:
            most = int(areas.max())
            x, y, _ = _centre(regions == areas.argmax())
            best = Click(x, y, label)
    return best


def first_clicks(rng: np.random.Generator, target: np.ndarray) -> list[Click]:
    """One to `MAX_FIRST_CLICKS` clicks well inside the object, and sometimes some outside it.

    With probability 0.5 the first click is the object's centre, as in the benchmark. A target without foreground has
    background clicks only.
    """
    clicks = []
    inside, outside = target == 1, target == 0
    if inside.any():
        x, y, depth = _centre(inside)
        if rng.random() < 0.5:
            clicks.append(Click(x, y, FOREGROUND))
        wanted = int(rng.integers(1, MAX_FIRST_CLICKS + 1))
        clicks += _draw(rng, _depth(inside) >= depth * 0.3, wanted - len(clicks), FOREGROUND)
    if outside.any() and rng.random() < 0.5:
        clicks += _draw(rng, outside, int(rng.integers(1, MAX_FIRST_CLICKS + 1)), BACKGROUND)
    return clicks


def _draw(rng: np.random.Generator, region: np.ndarray, count: int, label: int) -> list[Click]:
    """`count` clicks at random pixels of `region` (H, W)."""
    rows, columns = np.nonzero(region)
    chosen = rng.integers(0, len(rows), size=max(count, 0))
    return [Click(int(columns[i]), int(rows[i]), label) for i in chosen]


class DrawnClicks(NamedTuple):
    """What chance decides about a training picture's clicks: the first ones, and how often they are corrected."""

    clicks: list[Click]
    rounds: int


def draw_clicks(rng: np.random.Generator, target: np.ndarray) -> DrawnClicks:
    """First clicks on a picture with labels `target`, (H, W) uint8, and the number of rounds of corrections."""
    return DrawnClicks(first_clicks(rng, target), int(rng.choice(len(ROUNDS), p=ROUNDS)))


def simulate_clicks(
    predict: Callable[[np.ndarray, np.ndarray], np.ndarray],
    targets: np.ndarray,
    drawn: Sequence[DrawnClicks | None],
) -> np.ndarray:
    """Click maps of a training batch: first clicks, and corrections of the network's own masks.

    Args:
        predict: A function from the indices (b,) of some pictures in the batch and their click maps (b, 2, h, w)
            uint8 to the network's masks (b, h, w) bool with these clicks. It is called only for pictures that get a
            correction.
        targets: Labels, (B, h, w) uint8.
        drawn: First clicks and rounds of each picture, or None for a picture without clicks. Nothing is random any
            more, so a picture's clicks do not depend on its batch.

    Returns:
        Click maps, (B, 2, h, w) uint8, all zero for pictures without clicks.
    """
    size = (targets.shape[1], targets.shape[2])
    clicks = [[] if d is None else list(d.clicks) for d in drawn]
    rounds = np.array([0 if d is None else d.rounds for d in drawn])
    maps = np.zeros((len(targets), 2, *size), np.uint8)
    for index in range(len(targets)):
        if clicks[index]:
            maps[index] = click_maps(clicks[index], size, size)

    def correct(index: int, mask: np.ndarray) -> None:
        if click := next_click(mask, targets[index], clicks[index]):
            clicks[index].append(click)
            maps[index] = click_maps(clicks[index], size, size)

    with ThreadPoolExecutor(min(8, usable_cores())) as pool:
        for done in range(rounds.max()):
            corrected = np.flatnonzero(rounds > done)
            list(pool.map(correct, corrected, predict(corrected, maps[corrected])))
    return maps


def click_session(
    answer: Callable[[Sequence[Click]], np.ndarray], target: np.ndarray, most: int
) -> Iterator[tuple[list[Click], np.ndarray]]:
    """Simulate a user who clicks until no pixel is wrong, at most `most` times.

    The first click is the object's centre, because the protocol starts from an empty mask, not the automatic one.
    `answer` is a function from clicks to a mask, (H, W) bool, and `target` are labels, (H, W) uint8.

    Yields:
        The clicks so far, one more each time, and the mask with these clicks.
    """
    clicks: list[Click] = []
    mask = np.zeros(target.shape, dtype=bool)
    while len(clicks) < most and (click := next_click(mask, target, clicks)):
        clicks.append(click)
        mask = answer(clicks)
        yield list(clicks), mask


def ious_after_clicks(
    predictor: Predictor, pairs: Iterable[Pair], counts: Sequence[int], threshold: float, threads: int = 1
) -> np.ndarray:
    """IoU of each picture after each of `counts` simulated clicks, at its own size and at `threshold` (0..1).

    More `threads` than one help a predictor on a GPU.

    Returns:
        IoU, (pictures, counts) float64. A session that ended early keeps its last value.

    Raises:
        DataError, ImageError: A file cannot be read.
    """

    def row(pair: Pair) -> list[float]:
        rgb, target = load_resized(pair)

        def answer(clicks: Sequence[Click]) -> np.ndarray:
            return predictor.prob8(rgb, clicks) >= 255 * threshold

        ious = [iou(mask, target) for _, mask in click_session(answer, target, max(counts))]
        return [ious[min(count, len(ious)) - 1] if ious else 1.0 for count in counts]

    rows = side_by_side(row, pairs, threads)
    return np.array(rows).reshape(-1, len(counts))

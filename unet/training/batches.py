"""Training batches: which pictures, in which order, augmented how; a function of (seed, epoch, position) alone."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unet.cores import usable_cores
from unet.data.pairs import Pair, load_resized
from unet.evaluation.simulated_clicks import DrawnClicks, draw_clicks
from unet.network.weights import WeightsConfig
from unet.training.augment import JITTER, MIN_CROP, augment, paste
from unet.training.memory import free_memory

LONGEST_SIDE = 400  # pixels; larger training pictures are kept at this size, or at that of the network
# Share of the samples without clicks, where clicks are trained. With 0.4, results without clicks got worse.
AUTOMATIC = 0.7
# Share of the samples with clicks that show two objects, of which clicks mean one. Alone on a picture that the network
# has seen before, an object is found without clicks, and nothing is learned from them.
POINTED_PASTE = 0.8
CACHE_SHARE = 0.4  # of the free memory, for decoded pictures; the rest is decoded anew each time


class Batch(NamedTuple):
    """Augmented pictures (B, h, w, 3) and labels (B, h, w), uint8; the drawn clicks of each, None without."""

    images: np.ndarray
    targets: np.ndarray
    clicks: list[DrawnClicks | None]


class PictureStore:
    """The decoded training pictures, as many as memory has room for.

    Args:
        pairs: Samples; a pair may be listed repeatedly.
        cache_bytes: Size of the decoded pictures to keep; by default `CACHE_SHARE` of `free_memory`.
        longest: Pixels of the longer side of larger pictures.
    """

    def __init__(self, pairs: Sequence[Pair], cache_bytes: int | None = None, longest: int = LONGEST_SIDE) -> None:
        self.pairs, self._longest = list(pairs), longest
        self._lock = Lock()
        self._cache: dict[Path, tuple[np.ndarray, np.ndarray]] = {}
        self._room = int(free_memory() * CACHE_SHARE) if cache_bytes is None else cache_bytes

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture (H, W, 3) and labels (H, W), uint8, of sample `index`."""
        pair = self.pairs[index]
        if pair.image not in self._cache:
            item = self._read(pair)
            size = item[0].nbytes + item[1].nbytes
            with self._lock:
                if size > self._room:
                    return item
                if pair.image not in self._cache:
                    self._room -= size
                    self._cache[pair.image] = item
        return self._cache[pair.image]

    def fill(self) -> None:
        """Decode as many pictures as there is room for, on all cores."""
        first = {pair.image: index for index, pair in enumerate(self.pairs)}  # one place of each picture
        with ThreadPoolExecutor(usable_cores()) as pool:
            deque(pool.map(self.__getitem__, first.values()), maxlen=0)

    def _read(self, pair: Pair) -> tuple[np.ndarray, np.ndarray]:
        rgb, target = load_resized(pair)
        scale = self._longest / max(target.shape)
        if scale < 1:
            size = (max(1, round(target.shape[1] * scale)), max(1, round(target.shape[0] * scale)))
            rgb = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR))
            target = np.asarray(Image.fromarray(target).resize(size, Image.Resampling.NEAREST))
        return rgb, target


def epoch_order(samples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """(batches, batch_size) int64: an epoch's samples, shuffled, the first repeated until the last batch is full."""
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    return np.resize(order, (-(-samples // batch_size), batch_size))


def to_tensor(images: np.ndarray, config: WeightsConfig, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 -> normalised (B, 3, H, W) float32, channels last in memory."""
    x = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float().div_(255)  # (B, 3, H, W)
    mean = torch.tensor(config.mean, device=device).view(1, -1, 1, 1)
    std = torch.tensor(config.std, device=device).view(1, -1, 1, 1)
    return x.sub_(mean).div_(std)


def make_batch(
    store: PictureStore,
    samples: Sequence[int],
    seed: int,
    epoch: int,
    size: tuple[int, int],
    clicks: bool = False,
    min_crop: float = MIN_CROP,
    jitter: float = JITTER,
) -> Batch:
    """Draw and augment a batch; a picture that the store lists repeatedly is augmented differently each time.

    Args:
        store: Training pictures.
        samples: Numbers of the samples in `store`.
        seed, epoch: Seed of the run, and number of the epoch, from 0.
        size: Height and width of the results.
        clicks: Whether some samples get clicks, which may mean a pasted object, or the one below it.
        min_crop: Smallest share of a picture's area that its crop keeps.
        jitter: How far brightness, contrast and saturation lie from 1 at most, as factors.
    """
    images, targets, drawn = [], [], []
    for sample in samples:
        rng = np.random.default_rng([seed, epoch, int(sample)])
        image, target = augment(rng, *store[int(sample)], size, min_crop, jitter)
        clicker = np.random.default_rng([seed, epoch, int(sample), 1]) if clicks else None
        if clicker is not None and clicker.random() < AUTOMATIC:
            clicker = None
        if rng.random() < POINTED_PASTE and clicker is not None:
            other = augment(rng, *store[int(rng.integers(len(store)))], size, min_crop, jitter)
            image, target = paste(rng, image, target, *other)
        images.append(image)
        targets.append(target)
        drawn.append(None if clicker is None else draw_clicks(clicker, target))
    return Batch(np.stack(images), np.stack(targets), drawn)

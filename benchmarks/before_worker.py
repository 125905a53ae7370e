"""Answers timing requests for one checkout of this project, in a process of its own: see benchmarks/before.py.

    python benchmarks/before_worker.py CHECKOUT WEIGHTS PICTURES

Each line on standard input names a task; the answer on standard output is its seconds.
"""

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CALLERS, CALLS = 4, 6  # of the network at the same time, and how often each calls


def tune() -> None:
    """The settings of the process that the checkout's own programs make, if there are any."""
    try:
        from unet.tuning import tune_for_pictures
    except ImportError:
        return
    tune_for_pictures()


def on_threads(predictor: Any) -> Callable[[Any], object]:
    """The network as the checkout's server calls it from the threads of its requests."""
    try:
        from unet.prediction.threads import NetworkThreads
    except ImportError:
        lock = threading.Lock()

        def one_after_the_other(rgb: Any) -> object:
            with lock:
                return predictor.probabilities([rgb])

        return one_after_the_other
    return NetworkThreads().on(lambda rgb: predictor.probabilities([rgb]))


def tasks(weights: str, pictures: Path) -> dict[str, Callable[[], object]]:
    """What can be timed, by name."""
    from unet import Predictor
    from unet.drawing import mask_from_prob
    from unet.images import read_picture

    predictor = Predictor.load(weights)
    rgb = read_picture(pictures / "0.3.jpg").rgb
    call, pool = on_threads(predictor), ThreadPoolExecutor(CALLERS)

    def mask(content: bytes, closer: bool) -> object:
        if hasattr(predictor, "enough"):
            picture = read_picture(content, enough=predictor.enough)
            size: Any = (picture.height, picture.width)
        else:
            picture = read_picture(content)
            size = picture.rgb
        small = predictor.prob_small(picture.rgb) if closer else predictor.probabilities([picture.rgb])[0]
        return mask_from_prob(predictor.upsample(small, size), predictor.threshold)

    def callers() -> object:
        return list(pool.map(call, [rgb] * (CALLERS * CALLS)))

    found: dict[str, Callable[[], object]] = {
        "network 1": lambda: predictor.probabilities([rgb]),
        "network 8": lambda: predictor.probabilities([rgb] * 8),
        "callers": callers,
    }
    for path in sorted(pictures.glob("*.jpg")):
        content = path.read_bytes()
        found[f"mask {path.stem}"] = lambda content=content: mask(content, False)  # type: ignore[misc]
        found[f"closer {path.stem}"] = lambda content=content: mask(content, True)  # type: ignore[misc]
    return found


def main() -> None:
    """Answer until standard input ends."""
    root, weights, pictures = sys.argv[1:]
    sys.path[0] = root
    os.chdir(root)
    warnings.simplefilter("ignore", DeprecationWarning)  # names that both checkouts know
    tune()
    known = tasks(weights, Path(pictures))
    print("ready", flush=True)
    for line in sys.stdin:
        task = known[line.strip()]
        started = time.perf_counter()
        task()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()

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
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

CALLERS, CALLS = 4, 6  # of the network at the same time, and how often each calls
SMALLEST = " 0.3"  # end of the names of the pictures that the network alone is timed on


def unrefined(call: Callable[..., object], *arguments: Any) -> object:
    """`call` without the refinement of maps, which is not the network's."""
    try:
        import unet.prediction.refinement  # noqa: F401, earlier checkouts have none
    except ImportError:
        return call(*arguments)
    with mock.patch("unet.prediction.predictor.refine", lambda prob, rgb: prob):
        return call(*arguments)


def tune() -> None:
    """The settings of the process that the checkout's own programs make, if there are any."""
    try:
        from unet.tuning import tune_for_pictures
    except ImportError:
        return
    tune_for_pictures()


def network_threads() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How the checkout's server calls the network from the threads of its requests."""
    try:
        from unet.prediction.threads import NetworkThreads
    except ImportError:
        lock = threading.Lock()

        def one_after_the_other(function: Callable[..., Any]) -> Callable[..., Any]:
            def run(*arguments: Any) -> Any:
                with lock:
                    return function(*arguments)

            return run

        return one_after_the_other
    return NetworkThreads().on


def at_once(pool: ThreadPoolExecutor, call: Callable[[Any], object], rgb: Any) -> object:
    """The same picture asked for by several callers, each several times."""
    return list(pool.map(call, [rgb] * (CALLERS * CALLS)))


def tasks(weights: str, pictures: Path) -> dict[str, Callable[[], object]]:
    """What can be timed, by name: `mask` of each JPEG; of the smallest of each kind, `network`, `eight`, `callers`."""
    from unet import Predictor
    from unet.drawing import mask_from_prob
    from unet.images import read_picture

    on = network_threads()
    predictor = on(Predictor.load)(weights)
    # Several pictures together, as the checkout sees them.
    together = on(predictor.probs_small if hasattr(predictor, "probs_small") else predictor.probabilities)
    call, pool = on(predictor.prob_small), ThreadPoolExecutor(CALLERS)

    def mask(content: bytes) -> object:
        if hasattr(predictor, "enough"):
            picture = read_picture(content, enough=predictor.enough)
            size: Any = (picture.height, picture.width)
        else:
            picture = read_picture(content)
            size = picture.rgb
        return mask_from_prob(predictor.upsample(call(picture.rgb), size), predictor.threshold)

    found: dict[str, Callable[[], object]] = {}
    for path in pictures.glob("*.jpg"):
        content = path.read_bytes()
        found[f"mask {path.stem}"] = partial(mask, content)
        if not path.stem.endswith(SMALLEST):
            continue
        rgb = read_picture(content).rgb
        found[f"network {path.stem}"] = partial(unrefined, call, rgb)
        found[f"eight {path.stem}"] = partial(unrefined, together, [rgb] * 8)
        found[f"callers {path.stem}"] = partial(unrefined, at_once, pool, call, rgb)
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

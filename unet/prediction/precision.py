"""The precision of the network's arithmetic: float32, bfloat16, or a mixture of both.

bfloat16 is the faster on processors that multiply it in hardware, but how much faster, and whether its depthwise
convolutions are, depends on the processor. So it is timed once, on the user's machine, and the choice is kept.
"""

import copy
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unet.network.unet import UNet
from unet.network.weights import digest
from unet.prediction import PRECISIONS

logger = logging.getLogger(__name__)

CANDIDATES = tuple(precision for precision in PRECISIONS if precision not in ("auto", "fp32"))
ROUNDS = 5  # measurements of each precision, in turn
HOPELESS = 2.0  # times the first measurement of float32: not measured again
GAIN = 1.05  # times as fast as float32, below which a difference may be noise
AGREEMENT = 0.999  # smallest IoU of a mask with that of float32
FORMS = 2  # version of what `cast` makes: choices that were kept for other forms do not count


def has_fast_bf16() -> bool:
    """Whether this machine multiplies bfloat16 matrices in hardware; otherwise bfloat16 is far slower than float32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def cast(model: UNet, precision: str) -> tuple[UNet, torch.dtype]:
    """A copy of `model` that computes in `precision`, one of PRECISIONS but `auto`, and the type of its input."""
    model = copy.deepcopy(model)
    if precision == "bf16":
        return model.bfloat16(), torch.bfloat16
    if precision == "mixed":  # the contracting path in float32, which depthwise convolutions need, and one layer more
        exact = _kept_exact(model)
        for module in (*model.expansive.modules(), model.head):
            if module not in exact and not list(module.children()):
                module.bfloat16()
        if exact:
            for layer in (exact[0], model.expansive.ups[-1]):
                layer.register_forward_pre_hook(lambda layer, inputs: (inputs[0].to(layer.weight.dtype),))
    return model, torch.float32


def _kept_exact(model: UNet) -> list[nn.Module]:
    """The convolution of the expansive path that the mixed form leaves in float32, and what follows it in its level.

    It is the last before the finest level. In bfloat16 it moves the probabilities of lite0 by as much as all others of
    the path together.
    """
    if len(model.widths) < 2:
        return []
    layers = list(model.expansive.convs[-2].children())
    last = max(index for index, layer in enumerate(layers) if isinstance(layer, nn.Conv2d))
    return layers[last:]


def choose_precision(
    model: UNet, size: tuple[int, int], pictures: Callable[[], Tensor], threshold: float, kept: Path | None = None
) -> str:
    """The fastest precision for `model` on this processor whose masks, or classes, are those of float32.

    Args:
        model: The network as it is served, in float32.
        size: Height and width (h, w) of the pictures that the network takes.
        pictures: Function that reads the pictures to compare masks on, (B, 3, h, w) float32 as the network takes them;
            the first one is timed. It is called only if no choice is kept.
        threshold: Of the masks, 0..1.
        kept: The file in which choices are kept; by default `choices_file()`.
    """
    file = kept or choices_file()
    machine = f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    key = f"{machine}, forms {FORMS}, {_identity(model, size)}"
    known = _read_choices(file)
    if key in known:
        return known[key]
    started = time.perf_counter()
    batch = pictures()  # (B, 3, h, w)
    seconds = time_precisions(model, batch[:1])
    chosen = "fp32"
    exact = _answers(model, "fp32", batch, threshold)
    for precision in sorted(seconds, key=lambda p: seconds[p]):
        if seconds[precision] * GAIN > seconds["fp32"]:
            break
        if _agree(_answers(model, precision, batch, threshold), exact):
            chosen = precision
            break
    figures = ", ".join(f"{precision} {1000 * spent:.1f} ms" for precision, spent in seconds.items())
    logger.info("precision %s (%s a picture; chosen in %.1f s)", chosen, figures, time.perf_counter() - started)
    _keep_choice(file, key, chosen)
    return chosen


def time_precisions(
    model: UNet, x: Tensor, clock: Callable[[], float] = time.perf_counter, rounds: int = ROUNDS
) -> dict[str, float]:
    """Median seconds of a forward pass on `x` (1, 3, h, w) in float32 and in the CANDIDATES that come near it.

    The precisions alternate, so that a disturbance hits all of them, and a median forgets a single one.
    """
    ways = {precision: cast(model, precision) for precision in ("fp32", *CANDIDATES)}
    seconds: dict[str, list[float]] = {precision: [] for precision in ways}

    def measure(precision: str) -> float:
        network, dtype = ways[precision]
        started = clock()
        with torch.inference_mode():
            network(x.to(dtype, memory_format=torch.channels_last))
        return clock() - started

    for precision in list(ways):
        measure(precision)  # the weights are reordered, and memory is allocated
        first = min(measure(precision), measure(precision))
        if precision == "fp32":
            longest = HOPELESS * first
        elif first > longest:
            del ways[precision], seconds[precision]
    for _ in range(rounds):
        for precision in ways:
            seconds[precision].append(measure(precision))
    return {precision: statistics.median(values) for precision, values in seconds.items()}


def _answers(model: UNet, precision: str, batch: Tensor, threshold: float) -> np.ndarray:
    """(B, h, w): bool masks of one output, or the place of the largest of several, int64."""
    network, dtype = cast(model, precision)
    with torch.inference_mode():
        logits = network(batch.to(dtype, memory_format=torch.channels_last)).float()  # (B, C, h, w)
    one = logits.shape[1] == 1
    answers: np.ndarray = (logits.squeeze(1).sigmoid() >= threshold if one else logits.argmax(dim=1)).numpy()
    return answers


def _agree(answers: np.ndarray, exact: np.ndarray) -> bool:
    """Whether every picture's answer is the exact one, but for a share of `1 - AGREEMENT`.

    It is a share of the area that either mask covers, or with classes of all pixels.
    """
    if exact.dtype != bool:
        return bool(((answers == exact).mean((1, 2)) >= AGREEMENT).all())
    shared, either = (answers & exact).sum((1, 2)), (answers | exact).sum((1, 2))
    return bool((shared >= AGREEMENT * either).all())


def processor() -> str:
    """The processor's name, on Linux with its model and stepping, in one line."""
    with suppress(OSError):
        wanted = ("vendor_id", "cpu family", "model", "model name", "stepping")
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
        lines = (line.partition(":") for line in first.splitlines())
        if values := [value.strip() for name, _, value in lines if name.strip() in wanted]:
            return " ".join(values)
    return torch.backends.cpu.get_cpu_capability()


def choices_file() -> Path:
    """Where the choices of this user's machine are kept: `unet/precision.json` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unet" / "precision.json"


def _identity(model: UNet, size: tuple[int, int]) -> str:
    return f"weights {digest(dict(model.state_dict()))[:16]} at {size[0]} x {size[1]}"


def _read_choices(file: Path) -> Mapping[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read (%s); precisions are timed anew", file, error)
        return {}
    items = content.items() if isinstance(content, dict) else ()
    return {key: value for key, value in items if value in PRECISIONS and value != "auto"}


def _keep_choice(file: Path, key: str, chosen: str) -> None:
    """Add a choice to the file, whole or not at all. Of two processes at the same time one may be forgotten."""
    own = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(json.dumps({**_read_choices(file), key: chosen}, indent=1), encoding="utf-8")
        own.replace(file)
    except OSError as error:
        logger.warning("the choice of a precision cannot be kept in %s: %s", file, error.strerror or error)

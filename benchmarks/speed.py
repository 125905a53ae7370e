"""Time inference and training side by side with the reference's way and with others; then from file to mask.

    python benchmarks/speed.py [--data DIR] [--peers DIR_OF_ONNX] [--rounds N]

The running app is measured by benchmarks/serving.py.

The ways alternate, so that a disturbance hits all of them; medians are shown with their quartiles. Ratios come first:
the absolute figures hold for the machine named beside them. Writes benchmarks/speed.md.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch
from photographs import KINDS, MEGAPIXELS, photograph
from rivals import Segment, U2Net
from speed_growth import growth_rows
from speed_training import MEMORY_HEADER, memory_rows, training_rows

from unet import Predictor, UNet
from unet.data.pairs import find_pairs
from unet.evaluation.metrics import iou
from unet.network.lite0 import LITE0_WIDTHS
from unet.network.weights import WeightsConfig, load_weights
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob, render
from unet.pictures.encode import encode_jpeg, encode_png
from unet.prediction.refinement import refine

PLAIN = {f"`plain`, width {w}": tuple(w * 2**level for level in range(4)) for w in (16, 32, 64)}
LITE0_SIDE = 288  # that the shipped weights see pictures at


def alternate(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, `rounds` times in turn, after one round of warming up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def quartiles(seconds: list[float]) -> str:
    """Median and quartiles in milliseconds."""
    low, middle, high = (1000 * q for q in statistics.quantiles(seconds, n=4))
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


def run(model: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> None:
    """One forward pass, until it is done; with the eager network, the reference's way."""
    with torch.inference_mode():
        model(x)
    common.finish(x.device)


def fast(predictor: Predictor, x: torch.Tensor) -> None:
    """This project's network as it is served, the input's conversion included."""
    run(predictor._model, x.to(predictor._dtype, memory_format=torch.channels_last))


def compiled(predictor: Predictor, x: torch.Tensor) -> Callable[[], object]:
    """The served network through torch.compile, which takes a compiler and its time."""
    model = torch.compile(predictor._model)
    return lambda: run(model, x.to(predictor._dtype, memory_format=torch.channels_last))


def exported_ways(model: UNet, x: torch.Tensor) -> dict[str, Callable[[], object]]:
    """The eager model exported: ONNX Runtime in float32, OpenVINO in the precision that it chooses; those installed."""
    ways: dict[str, Callable[[], object]] = {}
    if find_spec("onnx") is None:
        return ways
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model, (x,), path, dynamo=False, input_names=["x"])
        content = path.read_bytes()
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        ways["onnx"] = partial(session.run, None, {"x": x.numpy()})
    if find_spec("openvino") is not None:
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(content, b""), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        ways["openvino"] = partial(compiled.create_infer_request().infer, {0: x.numpy()})
    return ways


def matrix_peak(dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a square matrix product, the best of five."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = torch.randn(2, side, side, device=device, dtype=dtype)
    best = min(alternate({"": partial(run, partial(torch.matmul, a), b)}, 5)[""])
    return 2 * side**3 / best


def operations(model: UNet, x: torch.Tensor) -> int:
    """Multiplications and additions of one forward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(x)
    return int(counter.get_total_flops())


def inference_rows(rounds: int) -> list[list[str]]:
    """The network alone: ratio to the reference's way, eager float32 in NCHW, unfolded; on the GPU if there is one."""
    models = {name: UNet(widths=widths) for name, widths in PLAIN.items()}
    models["`lite0`"] = UNet(widths=LITE0_WIDTHS, encoder="lite0")
    rows = []
    for name, model in models.items():
        model.eval()
        for batch in (1, 8):
            side = LITE0_SIDE if model.encoder == "lite0" else 240
            x = torch.randn(batch, 3, side, side)
            predictors = {p: Predictor(model, WeightsConfig(size=(side, side)), precision=p) for p in ("fp32", "auto")}

            device = predictors["auto"].device
            ways: dict[str, Callable[[], object]] = {}
            if device.type == "cuda":
                ways["compiled"] = compiled(predictors["auto"], x.to(device))
            else:
                ways |= exported_ways(model, x)
            model, x = model.to(device), x.to(device)
            ways["eager"] = partial(run, model, x)
            ways |= {way: partial(fast, predictor, x) for way, predictor in predictors.items()}
            seconds = alternate(ways, rounds)
            middle = {way: statistics.median(values) for way, values in seconds.items()}
            dtype = torch.bfloat16 if predictors["auto"].precision == "bf16" else torch.float32
            share = operations(model, x) / middle["auto"] / matrix_peak(dtype, device)
            rows.append(
                [
                    f"{name}, {batch} of {side} x {side}",
                    f"{middle['eager'] / middle['auto']:.2f}",
                    f"{middle['eager'] / middle['fp32']:.2f}",
                    *(
                        f"{middle['eager'] / middle[way]:.2f}" if way in middle else "not there"
                        for way in (("compiled",) if device.type == "cuda" else ("onnx", "openvino"))
                    ),
                    quartiles(seconds["eager"]),
                    quartiles(seconds["auto"]),
                    f"{100 * share:.0f} %",
                ]
            )
            print(*rows[-1], sep=" | ", flush=True)
    return rows


def agreement(data: Path) -> str:
    """How the masks in the predictor's precision agree with float32's, over a folder of pictures."""
    lines = []
    for folder in ("weights", "weights/reference"):
        model, config = load_weights(common.ROOT / folder)
        fast, exact = (Predictor(model, config, precision=p) for p in ("auto", "fp32"))
        scores = []
        for pair in find_pairs(data):
            rgb = read_picture(pair.image).rgb
            ours, truth = (mask_from_prob(p.prob8(rgb), config.threshold) for p in (fast, exact))
            scores.append(iou(ours > 0, (truth > 0).astype(np.uint8)))
        figures = f"mean {np.mean(scores):.4f}, lowest {np.min(scores):.4f}, {len(scores)} pictures"
        lines.append(f"`{folder}` ({fast.precision}): {figures}")
    return "IoU of the masks with those in fp32: " + "; ".join(lines) + "."


def to_mask(segment: Segment, content: bytes) -> np.ndarray:
    """(H, W) uint8 from the bytes of a picture, decoded whole."""
    return segment(read_picture(content).rgb)


def served_mask(predictor: Predictor, content: bytes) -> np.ndarray:
    """As `to_mask` by this project's programs, which decode no more than the network sees."""
    picture = read_picture(content, enough=predictor.enough)
    prob8 = predictor.upsample(predictor.prob_small(picture.rgb), (picture.height, picture.width))
    return mask_from_prob(prob8, predictor.threshold)


def end_to_end_rows(peers: Path | None, rounds: int) -> list[list[str]]:
    """From the bytes of a JPEG to its mask in memory, this project's weights and u2netp."""
    predictor = Predictor.load(common.ROOT / "weights")
    peer = U2Net(peers / "u2netp.onnx") if peers else None
    rows = []
    for kind, (name, share) in KINDS.items():
        for megapixels in MEGAPIXELS:
            content = photograph(megapixels, share, name)
            ways: dict[str, Callable[[], object]] = {"ours": partial(served_mask, predictor, content)}
            if peer is not None:
                ways["u2netp"] = partial(to_mask, peer, content)
            seconds = alternate(ways, rounds)
            ours = statistics.median(seconds["ours"])
            ratio = f"{statistics.median(seconds['u2netp']) / ours:.2f}" if peer else "not there"
            theirs = quartiles(seconds["u2netp"]) if peer else "not there"
            rows.append([f"{megapixels:g} megapixels, {kind}", ratio, quartiles(seconds["ours"]), theirs])
            print(*rows[-1], sep=" | ", flush=True)
    return rows


def drawn(kind: str, encode: Callable[[np.ndarray], bytes], *drawing: Any) -> bytes:
    """A file of one kind of result; `drawing` are picture, prob8 and threshold."""
    return encode(render(kind, *drawing))


def step_rows(rounds: int) -> list[list[str]]:
    """What the server does for `/segment`, step by step; the last three run side by side."""
    predictor = Predictor.load(common.ROOT / "weights")
    rows = []
    for megapixels in MEGAPIXELS:
        content = photograph(megapixels)
        picture = read_picture(content)
        size = (picture.height, picture.width)
        rough, small = common.unrefined(predictor, picture.rgb), predictor.prob_small(picture.rgb)
        drawing = (picture, predictor.upsample(small, size), predictor.threshold)
        ways: dict[str, Callable[[], object]] = {
            "decode": partial(read_picture, content),
            "network": partial(common.unrefined, predictor, picture.rgb),
            "refinement": partial(refine, rough, picture.rgb),
            "upsampling": partial(predictor.upsample, small, size),
            "overlay": partial(drawn, "overlay", encode_jpeg, *drawing),
            "mask": partial(drawn, "mask", encode_png, *drawing),
            "cut-out": partial(drawn, "cutout", encode_png, *drawing),
        }
        seconds = alternate(ways, rounds)
        rows.append([f"{megapixels:g} megapixels", *(quartiles(values) for values in seconds.values())])
        print(*rows[-1], sep=" | ", flush=True)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="pictures to compare the masks' precision on")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="folder with u2netp.onnx")
    parser.add_argument("--rounds", type=int, default=12, metavar="N", help="measurements of each (default: 12)")
    options = parser.parse_args()
    steps_rounds, training_rounds = max(3, options.rounds // 3), max(3, options.rounds // 2)
    torch.manual_seed(0)  # the same networks each time: which precision is right for them is kept
    header = [
        "network",
        "predictor",
        "in fp32",
        *(("compiled",) if torch.cuda.is_available() else ("ONNX Runtime fp32", "OpenVINO")),
        "eager, ms",
        "predictor, ms",
        "of peak",
    ]
    network = common.markdown_table(header, inference_rows(options.rounds))
    header = ["JPEG to mask", "times u2netp's speed", "ours, ms", "u2netp, ms"]
    whole = common.markdown_table(header, end_to_end_rows(options.peers, options.rounds))
    header = ["step, ms", "decode", "network", "refinement", "upsampling", "overlay JPEG", "mask PNG", "cut-out PNG"]
    steps = common.markdown_table(header, step_rows(steps_rounds))
    header = ["training", "times the reference's loop", "its pictures a second", "ours", "data", "forward"]
    training = common.markdown_table([*header, "backward", "optimizer"], training_rows(training_rounds))
    memory = common.markdown_table(MEMORY_HEADER, memory_rows(3))
    growth = common.markdown_table(["growth", "seconds", "peak memory, MB"], growth_rows())
    report = (
        f"{common.machine()}, torch {torch.__version__}. Medians of {options.rounds} alternating measurements\n"
        f"({steps_rounds} of the server's steps, {training_rounds} of a training step, 3 of kept memory), quartiles in "
        "brackets.\n\n"
        "Speed as a multiple of the reference's way (eager float32, NCHW, BatchNorm not folded); the last column is\n"
        "the share of the operations a second of a matrix product, in bfloat16 where the whole network is in it, else\n"
        + ("in float32.\n\n" if torch.cuda.is_available() else "in float32. OpenVINO chooses its precision itself.\n\n")
        + f"{network}\n\n"
        + (f"{agreement(options.data)}\n\n" if options.data else "")
        + f"{whole}\n\nOf the server's own time for one picture:\n\n{steps}\n\n"
        "A training step, from decoded pictures to the moving average (the reference's from tensors), and the shares "
        f"of ours:\n\n{training}\n\ntrain.py keeps freed memory instead of returning it to the system. The same step "
        f"both ways, in processes of their own:\n\n{memory}\n\n"
        f"The whole command, start included:\n\n{growth}\n\n`{common.command_line()}`"
    )
    common.write_report("speed", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

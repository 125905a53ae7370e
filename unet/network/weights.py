"""A weights folder: `model.safetensors` and `config.json`, written and read back with every value checked."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from unet.errors import ConfigError, WeightsError
from unet.hub.file_names import CONFIG_FILE, WEIGHTS_FILE, pickled_hint
from unet.json_values import is_number
from unet.network.lite0 import IMAGENET_MEAN, IMAGENET_STD
from unet.network.unet import UNet
from unet.pictures.classes import ClassTable

MAX_SIDE = 4096  # pixels of the network's input
DIGEST = "sha256"  # of the values; the file's only metadata, since safetensors writes several keys in any order


@dataclass(frozen=True)
class WeightsConfig:
    """Everything of config.json but the network's own constructor arguments."""

    size: tuple[int, int] = (240, 240)  # height and width, in pixels, that pictures are resized to for the network
    mean: tuple[float, ...] = IMAGENET_MEAN  # per channel, of pictures in 0..1: subtracted first
    std: tuple[float, ...] = IMAGENET_STD  # per channel: divided by afterwards
    flip: bool = False
    """Whether the mirror image is seen, too, and both probabilities averaged: with classes or clicks always, else where
    the first look leaves doubts."""
    threshold: float = 0.5  # calibrated mask threshold, 0..1
    scores: dict[str, dict[str, float | int | None]] = field(default_factory=dict)
    """Measured scores (`pictures`, `iou`, `dice`, `mae`, `pixel_accuracy`, `boundary_f`) by part of the split: `val`,
    `test`, `extra_test`; of one extra folder among several `val/FOLDER`, `extra_test/FOLDER`."""
    data: tuple[str, ...] = ()  # names of the data sets trained on
    reading: dict[str, dict[str, Any]] = field(default_factory=dict)
    """How the masks of each data set were read (`unet.data.reading.Reading.as_json`), by its name."""
    classes: ClassTable | None = None  # one for each output of the network; None: its only one is the foreground


def config_to_json(model: UNet, config: WeightsConfig) -> dict[str, Any]:
    """The content of config.json for `model` and `config`."""
    return {
        **model.init_config,
        "preprocessing": {"size": list(config.size), "mean": list(config.mean), "std": list(config.std)},
        "flip": config.flip,
        "threshold": config.threshold,
        "scores": config.scores,
        "data": list(config.data),
        **({"reading": config.reading} if config.reading else {}),
        **(config.classes.as_json() if config.classes else {}),
    }


def config_from_json(content: Any, file: str) -> tuple[dict[str, Any], WeightsConfig]:
    """Split `content` of config.json into the network's constructor arguments and the rest, each value checked.

    Raises:
        WeightsError: A field is missing, unknown, or has a value that cannot be used; names `file` and the field.
    """

    def check(condition: bool, message: str) -> None:
        if not condition:
            raise WeightsError(f"{file}: {message}")

    check(isinstance(content, dict), "should hold a JSON object")
    network = {name: content.get(name) for name in ("in_channels", "out_channels", "widths", "encoder", "clicks")}
    rest = ("preprocessing", "threshold", "scores", "data")
    missing = [name for name in (*network, *rest) if name not in content]
    check(not missing, f"lacks the fields {', '.join(missing)}")
    unknown = sorted(set(content) - set(network) - {*rest, "flip", "reading", "classes", "void"})
    check(not unknown, f"has unknown fields {', '.join(unknown)}; is it for another program or version?")
    channels, widths, clicks = network["in_channels"], network["widths"], network["clicks"]
    prep, threshold, scores, data = (content[name] for name in rest)
    flip = content.get("flip", False)  # absent from weights written before there was a choice
    check(isinstance(widths, list), f"widths should be a list of whole numbers, not {widths!r}")
    for name, value in (("clicks", clicks), ("flip", flip)):
        check(isinstance(value, bool), f"{name} should be true or false, not {value!r}")
    valid = isinstance(prep, dict) and set(prep) == {"size", "mean", "std"}
    check(valid, "preprocessing should hold size, mean and std")
    size, mean, std = prep["size"], prep["mean"], prep["std"]
    valid = isinstance(size, list) and len(size) == 2 and all(isinstance(s, int) and 1 <= s <= MAX_SIDE for s in size)
    check(valid, f"preprocessing.size should be [height, width] within 1..{MAX_SIDE}, not {size!r}")
    for name, values in (("mean", mean), ("std", std)):
        valid = isinstance(values, list) and len(values) == channels and all(map(is_number, values))
        check(valid, f"preprocessing.{name} should be {channels} numbers, not {values!r}")
    check(all(s > 0 for s in std), f"preprocessing.std should be positive, not {std!r}")
    check(is_number(threshold) and 0 <= threshold <= 1, f"threshold should lie in 0..1, not {threshold!r}")
    check(isinstance(data, list) and all(isinstance(d, str) for d in data), "data should be a list of names")
    valid = isinstance(scores, dict) and all(
        isinstance(row, dict) and all(v is None or is_number(v) for v in row.values()) for row in scores.values()
    )
    check(valid, "scores should hold numbers by split and name")
    reading = content.get("reading", {})  # absent from weights written before it was decided for a folder
    valid = isinstance(reading, dict) and all(isinstance(row, dict) for row in reading.values())
    check(valid, "reading should hold an object for each data set")
    classes, outputs = None, network["out_channels"]
    check("classes" in content or outputs == 1, f"lacks the field classes, which names the {outputs} outputs")
    if "classes" in content:
        try:
            classes = ClassTable.from_json(content["classes"], content.get("void", []))
        except ConfigError as error:
            raise WeightsError(f"{file}: {error}") from error
        check(not clicks, "has clicks and classes; clicks mean one object")
        check(len(classes) == outputs, f"classes should be {outputs}, one for each of out_channels, not {len(classes)}")
    height, width = size
    numbers = (tuple(mean), tuple(std), flip, float(threshold))
    return network, WeightsConfig((height, width), *numbers, scores, tuple(data), reading, classes)


def digest(state: dict[str, torch.Tensor]) -> str:
    """SHA-256, in hexadecimal, of the names and values of `state`."""
    total = sha256()
    for name in sorted(state):
        total.update(name.encode() + state[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def save_weights(folder: str | Path, model: UNet, config: WeightsConfig) -> None:
    """Write `model.safetensors` (half precision) and `config.json` into `folder`, each whole or not at all.

    Raises:
        WeightsError: A value does not fit half precision or is not finite, or the file cannot be written.
    """
    folder = Path(folder)
    state = {name: v.detach().cpu() for name, v in model.state_dict().items()}
    limit = torch.finfo(torch.float16).max
    if not all(v.abs().max() < limit for v in state.values() if v.is_floating_point() and v.numel()):
        raise WeightsError(f"{folder}: the weights hold values that half precision cannot represent (overflow or NaN)")
    half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS_FILE, save(half, metadata={DIGEST: digest(half)}))
        save_config(folder, model, config)
    except OSError as error:
        raise WeightsError(f"{folder}: the weights could not be written ({error.strerror or error})") from error


def save_config(folder: str | Path, model: UNet, config: WeightsConfig) -> None:
    """Write `config.json` alone into an existing `folder`."""
    write_whole(Path(folder) / CONFIG_FILE, (json.dumps(config_to_json(model, config), indent=2) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write `path` whole or not at all.

    Raises:
        OSError: It cannot be written; what was there is still there.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def read_config(folder: Path) -> tuple[dict[str, Any], WeightsConfig]:
    """The network's constructor arguments and the rest of config.json in `folder`.

    Raises:
        WeightsError: The file is missing, damaged, or holds a value that cannot be used.
    """
    path = folder / CONFIG_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        needed = f"a weights folder holds {WEIGHTS_FILE} and {CONFIG_FILE}"
        raise WeightsError(f"{folder}: no {CONFIG_FILE}; {needed}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: not readable as JSON ({error})") from error
    return config_from_json(content, str(path))


def _read_state(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        hint = pickled_hint(file.name for file in folder.glob("*"))
        raise WeightsError(f"{folder}: no {WEIGHTS_FILE}{hint}")
    try:
        with safe_open(path, framework="pt") as file:
            expected = (file.metadata() or {}).get(DIGEST)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged or not a safetensors file ({error}); fetch or copy it again") from error
    # Files of other programs carry no digest.
    if expected is not None and digest(state) != expected:
        raise WeightsError(f"{path}: damaged, its values are not those that were written; fetch or copy it again")
    return state


def load_weights(folder: str | Path) -> tuple[UNet, WeightsConfig]:
    """Build the network that `folder` describes and fill it, strictly.

    Returns:
        The network in float32 and evaluation mode, on the CPU, and the rest of its configuration.

    Raises:
        WeightsError: The folder or a file in it is missing, damaged, foreign, or does not fit the other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise WeightsError(f"{folder}: no such weights folder")
    network, config = read_config(folder)
    state = _read_state(folder)
    try:
        model = UNet(**network)
    except (ConfigError, TypeError) as error:
        raise WeightsError(f"{folder / CONFIG_FILE}: {error}") from error
    check_state(model, state, str(folder / WEIGHTS_FILE))
    model.load_state_dict(state)
    return model.eval(), config


def check_state(model: UNet, state: dict[str, torch.Tensor], file: str) -> None:
    """Refuse a state dict that does not fit `model` or holds values that are not finite.

    Raises:
        WeightsError: A tensor does not fit; names the first one and what was expected.
    """
    expected = model.state_dict()
    missing, unknown = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    if missing or unknown:
        parts = [f"lacks {len(missing)} tensors such as {missing[0]}"] if missing else []
        parts += [f"has {len(unknown)} unknown tensors such as {unknown[0]}"] if unknown else []
        raise WeightsError(f"{file}: does not fit {CONFIG_FILE}: {' and '.join(parts)}")
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise WeightsError(
                f"{file}: does not fit {CONFIG_FILE}: {name} has shape {tuple(value.shape)}, "
                f"expected {tuple(expected[name].shape)}"
            )
        if value.is_floating_point() and not value.isfinite().all():
            raise WeightsError(f"{file}: {name} holds values that are not finite (NaN or infinity)")

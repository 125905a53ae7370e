import json
import logging
import subprocess
import sys

import pytest
import torch

from unet import Predictor, UNet
from unet.network.weights import WeightsConfig
from unet.prediction import precision
from unet.prediction.precision import cast, choose_precision, processor, time_precisions

X = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)

CHOOSES = """
import sys, torch
from pathlib import Path
from unet import UNet
from unet.prediction import precision
precision.has_fast_bf16 = lambda: True
torch.manual_seed(0)
model = UNet(widths=(4, 8)).eval()
if sys.argv[2:] == ["known"]:
    precision.time_precisions = None
print(precision.choose_precision(model, (16, 16), lambda: torch.ones(1, 3, 16, 16), 0.5, Path(sys.argv[1])))
"""


class Machine:
    """A processor with a clock of its own: a forward pass takes the seconds that are given for its precision.

    `logits` are what the network answers everywhere; a list of seconds is one for each pass in turn.
    """

    def __init__(self, monkeypatch, seconds, logits=None):
        self.now, self.passes = 0.0, dict.fromkeys(seconds, 0)

        def fake_cast(model, name):
            def forward(x):
                given = seconds[name]
                number = self.passes[name]
                self.now += given[number] if isinstance(given, list) else given
                self.passes[name] += 1
                value = (logits or {}).get(name, 1.0)
                return torch.full((len(x), 1, 16, 16), value)

            return forward, torch.float32

        monkeypatch.setattr(precision, "cast", fake_cast)
        monkeypatch.setattr(precision, "has_fast_bf16", lambda: True)
        monkeypatch.setattr(precision.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time_precisions, "__defaults__", (lambda: self.now, precision.ROUNDS))


def choose(tmp_path, threshold=0.5, model=None):
    model = model or UNet(widths=(4, 8)).eval()
    return choose_precision(model, (16, 16), lambda: X, threshold, tmp_path / "kept" / "choices.json")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"fp32": 0.025, "mixed": 0.021, "bf16": 0.016}, "bf16"),
        ({"fp32": 0.025, "mixed": 0.021, "bf16": 0.040}, "mixed"),
        ({"fp32": 0.025, "mixed": 0.070, "bf16": 0.090}, "fp32"),
        ({"fp32": 0.025, "mixed": 0.0245, "bf16": 0.0248}, "fp32"),  # a difference that may be noise
    ],
)
def test_the_fastest_precision_is_chosen(monkeypatch, tmp_path, seconds, expected):
    Machine(monkeypatch, seconds)
    assert choose(tmp_path) == expected


def test_a_precision_with_other_masks_is_not_chosen(monkeypatch, tmp_path):
    Machine(monkeypatch, {"fp32": 0.03, "mixed": 0.02, "bf16": 0.01}, {"fp32": 0.1, "mixed": 0.2, "bf16": -0.1})
    assert choose(tmp_path) == "mixed"


@pytest.mark.parametrize(("changed", "chosen"), [(1, "mixed"), (0, "bf16")])
def test_of_classes_the_most_probable_one_must_be_the_same(monkeypatch, tmp_path, changed, chosen):
    """Class 0 is the largest, with a logit below 0 and the others near it; bf16 has another one in one row of 16."""
    Machine(monkeypatch, {"fp32": 0.03, "mixed": 0.02, "bf16": 0.01})
    timed = precision.cast

    def of_three_classes(model, name):
        forward, dtype = timed(model, name)

        def logits(x):
            answer = forward(x).expand(-1, 3, -1, -1).clone()
            answer[:] = torch.tensor([-0.5, -0.6, -0.7])[:, None, None]
            if name == "bf16":
                answer[:, 1, :changed] = -0.4
            return answer

        return logits, dtype

    monkeypatch.setattr(precision, "cast", of_three_classes)
    assert choose(tmp_path) == chosen


def test_one_disturbance_does_not_decide(monkeypatch, tmp_path):
    """The clock lies once: float32 seems ten times as slow as it is."""
    Machine(monkeypatch, {"fp32": [0.02] * 5 + [0.2] + [0.02] * 9, "mixed": 0.03, "bf16": 0.03})
    assert choose(tmp_path) == "fp32"


def test_a_far_slower_precision_is_given_up_at_once(monkeypatch, tmp_path):
    machine = Machine(monkeypatch, {"fp32": 0.02, "mixed": 0.5, "bf16": 0.01})
    assert choose(tmp_path) == "bf16"
    assert machine.passes["mixed"] == 3
    assert machine.passes["bf16"] > precision.ROUNDS


def test_a_choice_is_kept_for_the_same_weights_and_threads(monkeypatch, tmp_path):
    machine = Machine(monkeypatch, {"fp32": 0.02, "mixed": 0.03, "bf16": 0.01})
    model = UNet(widths=(4, 8)).eval()
    assert choose(tmp_path, model=model) == "bf16"
    passes = dict(machine.passes)
    assert choose(tmp_path, model=model) == "bf16"
    assert machine.passes == passes
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    choose(tmp_path, model=model)
    choose(tmp_path, model=UNet(widths=(4, 8)).eval())
    monkeypatch.setattr(precision, "FORMS", precision.FORMS + 1)
    choose(tmp_path, model=model)
    kept = json.loads((tmp_path / "kept" / "choices.json").read_text())
    assert len(kept) == 4
    assert all(torch.__version__ in key and processor() in key for key in kept)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', ""])
def test_a_damaged_file_of_choices_is_replaced(monkeypatch, tmp_path, content):
    Machine(monkeypatch, {"fp32": 0.02, "mixed": 0.03, "bf16": 0.01})
    file = tmp_path / "kept" / "choices.json"
    file.parent.mkdir()
    file.write_text(content)
    assert choose(tmp_path) == "bf16"
    assert list(json.loads(file.read_text()).values()) == ["bf16"]


def test_a_file_that_cannot_be_written_is_a_warning(monkeypatch, tmp_path, caplog):
    Machine(monkeypatch, {"fp32": 0.02, "mixed": 0.03, "bf16": 0.01})
    (tmp_path / "kept").write_text("a file where the folder should be")
    assert choose(tmp_path) == "bf16"
    assert "cannot be kept" in caplog.text


def test_two_processes_at_once_keep_a_choice_that_the_third_finds(tmp_path):
    file = tmp_path / "choices.json"
    command = [sys.executable, "-c", CHOOSES, str(file)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    third = subprocess.run([*command, "known"], stdout=subprocess.PIPE, text=True, check=True)
    assert third.stdout.strip() in answers
    assert list(tmp_path.iterdir()) == [file]


def test_without_bfloat16_in_hardware_nothing_is_timed(monkeypatch, tmp_path):
    monkeypatch.setattr("unet.prediction.predictor.has_fast_bf16", lambda: False)
    monkeypatch.setattr(precision, "time_precisions", None)
    predictor = Predictor(UNet(widths=(4, 8)).eval(), WeightsConfig(size=(16, 16)))
    assert predictor.precision == "fp32"


def test_the_predictor_takes_the_choice_and_says_so(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("unet.prediction.predictor.has_fast_bf16", lambda: True)
    Machine(monkeypatch, {"fp32": 0.02, "mixed": 0.012, "bf16": 0.03})
    monkeypatch.setattr("unet.prediction.predictor.cast", cast)
    caplog.set_level(logging.INFO)
    predictor = Predictor(UNet(widths=(4, 8)).eval(), WeightsConfig(size=(16, 16)))
    assert predictor.precision == "mixed"
    assert "precision mixed (fp32 20.0 ms, mixed 12.0 ms, bf16 30.0 ms a picture" in caplog.text
    assert (tmp_path / "unet" / "precision.json").is_file()


def test_mixed_leaves_the_contracting_path_in_float32():
    model = UNet(widths=(4, 8)).eval()
    mixed, dtype = cast(model, "mixed")
    assert dtype == torch.float32
    assert {p.dtype for p in mixed.contracting.parameters()} == {torch.float32}
    kept = list(mixed.expansive.convs[-2].parameters())[-3:]  # the last convolution but those of the finest level
    assert {p.dtype for p in kept} == {torch.float32}
    assert torch.equal(kept[0], model.expansive.convs[-2][3].weight)  # never rounded
    others = {id(p) for p in mixed.expansive.parameters()} - {id(p) for p in kept}
    assert {p.dtype for p in mixed.expansive.parameters() if id(p) in others} == {torch.bfloat16}
    whole, dtype = cast(model, "bf16")
    assert dtype == torch.bfloat16
    assert {p.dtype for p in whole.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}

"""The command line under torchrun: pictures shared, results as of one process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from generated import write_folder
from PIL import Image

from unet import Predictor
from unet.errors import ConfigError
from unet.prediction.predictor import agree_on_precision
from unet.processes import Processes, sharing

ROOT = Path(__file__).parent.parent
ALONE = [sys.executable, "-m", "unet"]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "unet"]


def run(launcher: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    environment["PYTHONUNBUFFERED"] = "1"  # what is printed comes at once, and must come whole
    command = [*launcher, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("photos") / "shapes", 7)


def test_shares_are_disjoint_and_complete():
    items = list(range(10))
    shares = [Processes(rank, 3).share(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert Processes().gather(lambda: items) == [items]


def test_predict_writes_the_same_pictures_and_tells_of_failures(photos, tiny_weights, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    for launcher, name in ((ALONE, "one"), (TWO, "two")):
        arguments = [broken, photos / "images", "--kind", "prob", "--weights", tiny_weights]
        result = run(launcher, "predict", *arguments, "--output", tmp_path / name)
        assert result.returncode == 1, result.stderr
        assert result.stderr.count("broken.png is not a picture") == 1, result.stderr
        assert len(result.stdout.split()) == 7, result.stdout + result.stderr
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(written) == 7
    assert written == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in written:
        one, two = (np.asarray(Image.open(tmp_path / part / name)).astype(int) for part in ("one", "two"))
        assert abs(one - two).max() <= 1


def test_evaluate_reports_once_and_the_same(photos, tiny_weights):
    reports = []
    for launcher in (ALONE, TWO):
        result = run(launcher, "evaluate", "--data", photos, "--split", "all", "--weights", tiny_weights, "--json")
        assert result.returncode == 0, result.stderr
        reports.append(json.loads(result.stdout))
    assert reports[0]["pictures"] == reports[1]["pictures"] == 7
    for name, one in reports[0]["metrics"].items():
        assert reports[1]["metrics"][name] == (one and pytest.approx(one, abs=1e-3)), name
    assert [w["stem"] for w in reports[0]["worst"]] == [w["stem"] for w in reports[1]["worst"]]


def test_more_processes_than_pictures(photos, tiny_weights, tmp_path):
    result = run(TWO, "predict", photos / "images/p00.png", "--weights", tiny_weights, "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'p00.png'}\n"


def test_an_error_that_all_meet_is_told_once(photos, tmp_path):
    result = run(TWO, "predict", photos / "images", "--weights", "no/such/folder", "--output", tmp_path)
    assert result.returncode == 1
    assert len(re.findall("^error: .*no/such/folder", result.stderr, re.MULTILINE)) == 1
    assert "[rank" not in result.stderr  # no traceback


@pytest.mark.parametrize("stem", ["p02", "p03"])  # the share of the first process, and of the second
def test_an_error_that_one_meets_is_told_and_ends_all(stem, tiny_weights, tmp_path):
    folder = write_folder(tmp_path / "shapes", 7)
    picture = folder / f"images/{stem}.png"
    picture.write_bytes(picture.read_bytes()[:-200])  # its header is whole
    result = run(TWO, "evaluate", "--data", folder, "--split", "all", "--weights", tiny_weights)
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(re.findall(rf"^error: {stem}\.png", result.stderr, re.MULTILINE)) == 1
    assert "[rank" not in result.stderr


def test_half_of_what_torchrun_sets_is_named(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ConfigError, match=r"LOCAL_RANK.*start with torchrun"), sharing():
        pass


def test_one_process_and_the_app_import_nothing_that_several_need():
    program = """
import sys, app
from unet.__main__ import main
from unet.processes import sharing
before = set(sys.modules)
with sharing() as processes:
    assert processes.count == 1
assert set(sys.modules) == before
assert not {"accelerate", "datasets", "tyro"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_several_processes_take_the_precision_that_the_first_one_chooses(monkeypatch):
    class Others(Processes):
        def gather(self, work):
            return ["mixed", work()] if self.rank else [work(), None]

    monkeypatch.setattr(Predictor, "load", lambda source, precision: SimpleNamespace(precision=f"{source} {precision}"))
    assert agree_on_precision("weights", "auto", Others(0, 2)) == "weights auto"
    assert agree_on_precision("weights", "auto", Others(1, 2)) == "mixed"
    assert agree_on_precision("weights", "bf16", Others(1, 2)) == "bf16"
    assert agree_on_precision("weights", "auto", Processes()) == "auto"  # alone it chooses while it loads

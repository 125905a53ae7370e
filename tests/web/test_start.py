"""What is imported when the page starts, and in which order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from web_helpers import free_port

ROOT = Path(__file__).parents[2]


def run(code: str, cwd: Path = ROOT, **extra: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **extra}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


HELP = """
import sys
from {module} import main
try:
    main(["--help"], {prog!r})
except SystemExit as end:
    slow = {{"torch", "gradio", "numpy"}} & set(sys.modules)
    assert (end.code, slow) == (0, set()), slow
"""


@pytest.mark.parametrize(("module", "prog"), [("app", "app.py"), ("unet.web.app", "unet app")])
def test_help_loads_nothing_slow(module, prog):
    result = run(HELP.format(module=module, prog=prog))
    assert result.returncode == 0, result.stderr
    assert f"usage: {prog}" in result.stdout


def test_bad_options_are_answered_before_anything_slow():
    code = "import sys\nfrom unet.web.app import main\nprint(main(['--port', 'x']), 'gradio' in sys.modules)"
    result = run(code)
    assert result.stdout.split() == ["1", "False"]
    assert result.stderr == "unet app: the port must be a number from 1 to 65535, not 'x'\n"


SPACES = """
import sys
early = {"torch", "unet.prediction.predictor"} & set(sys.modules)
assert not early, f"imported before spaces: {early}"

def GPU(duration):
    import torch
    def decorate(function):
        assert "unet.prediction.predictor" in sys.modules
        print("decorated", function.__name__, flush=True)
        return function
    return decorate
"""
# Everything up to the moment at which the server would open its port.
START = """
from unet.web import app, server
server.serve_until_stopped = lambda page, options: print("serving", flush=True)
app.main(["--weights", {weights!r}, "--port", {port!r}])
"""


def test_spaces_is_imported_before_torch_on_zero_gpu(tmp_path, tiny_weights):
    (tmp_path / "spaces.py").write_text(SPACES)
    code = START.format(weights=str(tiny_weights), port=str(free_port()))
    result = run(code, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}", SPACES_ZERO_GPU="true")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["decorated prob_small", "serving"]


def test_spaces_is_not_imported_elsewhere(tmp_path, tiny_weights):
    (tmp_path / "spaces.py").write_text("raise AssertionError('imported')")
    code = START.format(weights=str(tiny_weights), port=str(free_port()))
    result = run(code, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}", SPACES_ZERO_GPU="")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["serving"]

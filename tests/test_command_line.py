"""The command line as a whole: its help, its options, what it loads, and how it ends."""

import os
import signal
import subprocess
import sys

from command_line import ROOT, process, run
from generated import draw_pair
from PIL import Image

from unet.data.split import PARTS
from unet.prediction import PRECISIONS


def test_ctrl_c_ends_with_130_and_no_traceback(tiny_weights, tmp_path):
    picture, _ = draw_pair(0, 600, 600)
    Image.fromarray(picture).save(tmp_path / "0.bmp")
    for index in range(1, 300):
        os.link(tmp_path / "0.bmp", tmp_path / f"{index}.bmp")
    # A shell ignores Ctrl-C in what it runs in the background, and processes inherit that.
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    running = process("predict", tmp_path, "--output", tmp_path / "output", "--weights", tiny_weights, **heed)
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=300)
    assert running.returncode == 130
    assert error == ""
    assert len(list((tmp_path / "output").glob("*.png"))) < 300


def test_app_has_the_options_of_app_py(capsys):
    assert run("app", "--help") == 0
    assert capsys.readouterr().out.startswith("usage: unet app [-h] [--weights DIR_OR_REPO]")
    assert run("app", "--colour", "red") == 2
    assert run("app", "--port", "0") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("unet app: the port must be a number")


def test_help_does_not_wait_for_torch():
    program = "import sys, unet.__main__ as m\ntry: m.main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout
    assert "evaluate" in done.stdout


def test_the_choices_are_those_of_the_modules_that_are_loaded_later(tmp_path, capsys):
    for option, choices in (("--split", (*PARTS, "all")), ("--precision", PRECISIONS)):
        assert run("evaluate", "--data", tmp_path, option, "?") == 2
        error = capsys.readouterr().err
        assert all(choice in error for choice in choices)

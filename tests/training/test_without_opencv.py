"""train.py on a machine without OpenCV, which only simulated clicks need."""

import os
import subprocess
import sys
from pathlib import Path

from generated import write_folder

ROOT = Path(__file__).parents[2]
BLOCKED = "import sys; sys.modules['cv2'] = None; import train; sys.exit(train.main())"


def train(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, "--data", "photos", "--size", "16", "--epochs", "1", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_only_clicks_need_opencv_and_the_error_says_how_to_install_it(tmp_path):
    write_folder(tmp_path / "photos", 10)
    done = train(tmp_path, "--widths", "4", "8", "--batch-size", "4")
    assert done.returncode == 0, done.stderr
    refused = train(tmp_path, "--clicks", "--output", "other")
    assert refused.returncode == 1
    assert "error: simulated clicks need OpenCV: pip install opencv-python-headless" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "other").exists()

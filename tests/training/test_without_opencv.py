"""train.py on a machine without OpenCV, which only simulated clicks need."""

from generated import write_folder
from training_runs import train

BLOCKED = ["-c", "import sys; sys.modules['cv2'] = None; import train; sys.exit(train.main())"]
OPTIONS = ["--data", "photos", "--size", "16", "--epochs", "1"]


def test_only_clicks_need_opencv_and_the_error_says_how_to_install_it(tmp_path):
    write_folder(tmp_path / "photos", 10)
    done = train(tmp_path, *OPTIONS, "--widths", 4, 8, "--batch-size", 4, program=BLOCKED)
    assert done.returncode == 0, done.stderr
    refused = train(tmp_path, *OPTIONS, "--clicks", "--output", "other", program=BLOCKED)
    assert refused.returncode == 1
    assert "error: simulated clicks need OpenCV: pip install opencv-python-headless" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "other").exists()

"""Many pictures at once, without a server."""

import zipfile

from web_helpers import FakePredictor, draw_picture

from unet.web.batch import run_batch
from unet.web.service import Service


def test_batch_reports_every_step(tmp_path):
    service = Service(FakePredictor(), tmp_path / "cache")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    paths = [str(draw_picture(tmp_path / "a.png")), str(broken), str(draw_picture(tmp_path / "b.png", seed=2))]
    steps = list(run_batch(service, paths, 0.5, previews=True))
    assert [len(step.items) for step in steps] == [0, 1, 2, 3, 3]
    assert [step.archive is None for step in steps] == [True] * 4 + [False]
    last = steps[-1]
    assert [bool(item.preview) for item in last.items] == [True, False, True]
    assert len(zipfile.ZipFile(last.archive).namelist()) == 4
    left = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left == {"segmentation.zip", "a_preview.png", "b_preview.png"}


def test_a_picture_too_large_for_the_memory_does_not_end_a_batch(tmp_path, monkeypatch):
    service = Service(FakePredictor(), tmp_path / "cache")
    paths = [str(draw_picture(tmp_path / f"{name}.png")) for name in "abc"]
    upsample, calls = service.predictor.upsample, iter(range(9))

    def run_out(*arguments):
        if next(calls) == 1:
            raise MemoryError
        return upsample(*arguments)

    monkeypatch.setattr(service.predictor, "upsample", run_out)
    *_, last = run_batch(service, paths, 0.5)
    told = "b.png is too large for the memory that is free now"
    assert [item.error for item in last.items] == [None, told, None]
    names = zipfile.ZipFile(last.archive).namelist()
    assert names == ["a_mask.png", "a_cutout.png", "c_mask.png", "c_cutout.png"]


def test_a_batch_that_is_given_up_leaves_no_archive_open(tmp_path):
    service = Service(FakePredictor(), tmp_path / "cache")
    paths = [str(draw_picture(tmp_path / f"{n}.png", seed=n)) for n in range(3)]
    steps = run_batch(service, paths, 0.5)
    next(steps)
    next(steps)
    steps.close()
    assert service.predictor.runs == 1

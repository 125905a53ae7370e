"""Parts of the page that need no server: names, texts, options, the file cache."""

import os
import re
import threading
import time
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.state_holder import SessionState
from hypothesis import given
from hypothesis import strategies as st
from web_helpers import FakeClassPredictor, FakePredictor, draw_picture, free_port

from unet.errors import ConfigError
from unet.pictures.classes import FOREGROUND_TABLE
from unet.web import about, cache, options
from unet.web.app import gpu_decorator
from unet.web.names import UniqueNames, safe_stem
from unet.web.recent import RECENT_SECONDS, RecentPictures
from unet.web.service import Service
from unet.web.viewer import WORDS, Viewer


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/pass wd", "pass_wd"),
        ("C:\\pictures\\cat", "cat"),
        ("...", "picture"),
        ("", "picture"),
        (".hidden", "hidden"),
        ("con", "con_"),
        ("LPT1.old", "LPT1_.old"),
        ("katze-äöü 2", "katze-äöü_2"),
        ("a\x00b\nc", "a_b_c"),
        ("<img src=x>", "img_src_x"),
        ("猫" * 200, "猫" * 53),
    ],
)
def test_safe_stems(name, stem):
    assert safe_stem(name) == stem


@given(st.lists(st.text(max_size=300), max_size=20))
def test_names_are_safe_and_unique(names):
    unique = UniqueNames()
    taken = [unique.assign(name) for name in names]
    assert len({stem.casefold() for stem in taken}) == len(names)
    for stem in taken:
        assert stem
        assert not set(stem) & set('/\\:*?"<>|\x00\n\t ')
        assert not stem.startswith((".", "-"))
        assert len(f"{stem}_cutout.png".encode()) <= 255


def test_unique_names_do_not_collide_with_numbered_ones():
    names = UniqueNames()
    assert [names.assign(name) for name in ("a_2", "a", "a", "A")] == ["a_2", "a", "a_3", "A_4"]


def test_weights_are_described():
    predictor = FakePredictor()
    text = about.facts_html(predictor.name, predictor.revision, predictor.config, "mixed")
    assert predictor.name in text
    assert "Invented Pictures, ECSSD" in text
    columns = re.findall(r'<th scope="col">(.*?)</th>', text)
    assert columns == ["Pictures", "IoU", "Dice", "MAE", "Pixel accuracy", "Boundary F"]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(<th.*?)</tr>", text)]
    assert rows[0] == ["Validation", "20", "0.800", "0.880", "0.060", "0.950", "0.400"]
    assert rows[1][:3] == ["Test", "21", "0.812"]
    assert rows[1][-1].startswith('<span aria-label="not measured">')
    assert "bfloat16, in the contracting path and one layer 32-bit floating point" in text
    assert '<td data-label="IoU">0.800</td>' in text  # for narrow screens, which show no head
    assert "0.40" in text


def test_parts_of_the_data_are_named():
    scores = {part: {"pictures": 1} for part in ("val/ecssd", "extra_test", "extra_test/things", "other")}
    text = about.facts_html(
        "weights", None, SimpleNamespace(threshold=0.5, classes=None, scores=scores, data=()), "fp32"
    )
    names = re.findall(r'<th scope="row">(.*?)</th>', text)
    assert names == ["Validation, ECSSD", "Additional test", "Additional test, things", "other"]


def test_foreign_words_in_weights_stay_words():
    config = SimpleNamespace(threshold=0.5, classes=None, scores={"<b>": {"pictures": 1}}, data=["<script>"])
    text = about.facts_html("<img>", "f" * 40, config, "fp32")
    assert "<script>" not in text
    assert "<img>" not in text
    assert "<b>" not in text
    assert "f" * 40 in text
    assert "&lt;b&gt;" in about.notices_html(["<b>"])


def test_facts_of_weights_with_classes():
    text = about.facts_html("weights", None, FakeClassPredictor().config, "fp32")
    for part in ("Road sign, sky, &lt;b&gt;sea&lt;/b&gt;", "Mean IoU", "0.678", "0.900", "over all pixels"):
        assert part in text
    assert "threshold" not in text.split("Privacy")[0]


def test_what_is_kept_agrees_with_the_settings():
    text = about.facts_html("weights", None, FakePredictor().config, "fp32")
    assert f"{(cache.KEEP + 2 * cache.SWEEP_EVERY) // 60} minutes" in text
    assert f"{cache.STATE_SECONDS // 60} minutes, or {cache.CLOSED_SECONDS // 60} once the page is closed" in text
    assert SessionState(gr.Blocks()).STATE_TTL_WHEN_CLOSED == cache.CLOSED_SECONDS
    assert f"in memory for up to {RECENT_SECONDS // 60} minutes" in text


def test_options_come_before_the_environment(monkeypatch):
    for name in ("UNET_WEIGHTS", "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    assert options.parse_options([]) == options.Options(None, "127.0.0.1", 7860)
    monkeypatch.setenv("UNET_WEIGHTS", "user/name")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "9000")
    monkeypatch.setenv("SPACE_ID", "user/space")
    assert options.parse_options([]) == options.Options("user/name", "0.0.0.0", 9000)
    monkeypatch.setenv("GRADIO_SERVER_NAME", "10.0.0.1")
    given = options.parse_options(["--weights", "folder", "--port", "80"])
    assert given == options.Options("folder", "10.0.0.1", 80)
    assert options.parse_options(["--host", "0.0.0.0"]).host == "0.0.0.0"


@pytest.mark.parametrize("name", ["GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "UNET_WEIGHTS"])
def test_variables_that_are_empty_are_as_if_they_were_not_set(name, monkeypatch):
    for other in ("UNET_WEIGHTS", "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "SPACE_ID"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "")
    assert options.parse_options([]) == options.Options(None, "127.0.0.1", 7860)


@pytest.mark.parametrize("host", ["::1", "[::1]", "::", "2001:db8::7"])
def test_addresses_of_ipv6_stand_in_brackets(host, monkeypatch):
    given = options.parse_options(["--host", host]).host
    assert given == f"[{host.strip('[]')}]"
    monkeypatch.setenv("GRADIO_SERVER_NAME", host)
    assert options.parse_options([]).host == given


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "8e3"])
def test_bad_ports(port):
    with pytest.raises(ConfigError, match="from 1 to 65535"):
        options.parse_options([f"--port={port}"])


def test_addresses_that_are_not_here():
    with pytest.raises(ConfigError, match=r"cannot serve on 192\.0\.2\.1"):
        options.check_port("192.0.2.1", free_port())


def test_there_is_no_gpu_decorator_elsewhere(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert gpu_decorator() is None


def moment() -> float:
    """A time between what was written before the call and what is written after it."""
    time.sleep(0.05)  # more than the resolution of the file system's clock
    now = time.time()
    time.sleep(0.05)
    return now


def test_sweeping_spares_the_young(tmp_path, monkeypatch):
    old, young = tmp_path / "old", tmp_path / "young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "file.png").write_bytes(b"x")
    assert cache.sweep(tmp_path, 3600) == 0
    first = moment()
    (young / "new.png").write_bytes(b"x")
    monkeypatch.setattr(cache, "time", SimpleNamespace(time=lambda: first))
    assert cache.sweep(tmp_path, 0) == 2  # the old folder's time changes as its file goes
    assert not (old / "file.png").exists()
    assert (young / "new.png").exists()
    second = moment()
    monkeypatch.setattr(cache, "time", SimpleNamespace(time=lambda: second))
    assert cache.sweep(tmp_path, 0) == 2
    assert list(tmp_path.iterdir()) == [young]


def test_the_viewer_speaks_of_classes_where_there_are_some():
    plain, classes = Viewer(), Viewer(classes=FOREGROUND_TABLE)
    for words, others in WORDS.items():
        assert words in plain.html_template
        assert words not in classes.html_template
        assert others in classes.html_template


def test_few_visitors_are_kept_where_answers_are_large():
    megabyte = 2**20
    assert cache.states(megabyte // 3) == 100
    assert cache.states(8 * megabyte) == 64
    assert cache.states(80 * megabyte) == 8  # also where 8 take more than all should


def test_the_cache_is_private_and_goes_with_the_page(monkeypatch):
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with cache.cache_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "upload.png").write_bytes(b"x")
    assert not folder.exists()
    assert "GRADIO_TEMP_DIR" not in os.environ


def test_a_cache_inside_a_folder_that_is_given(monkeypatch, tmp_path):
    given = tmp_path / "cache"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(given))
    with cache.cache_folder() as folder:
        assert folder.parent == given
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        (folder / "upload.png").write_bytes(b"x")
    assert list(given.iterdir()) == []
    assert os.environ["GRADIO_TEMP_DIR"] == str(given)


def test_a_cache_that_cannot_be_written_to_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=r"GRADIO_TEMP_DIR, .*file, cannot be written to"), cache.cache_folder():
        pass


def test_examples_are_run_once_only(tmp_path):
    service = Service(FakePredictor(), tmp_path / "cache")
    path, other = draw_picture(tmp_path / "example.png"), draw_picture(tmp_path / "other.png", seed=5)
    service.prepare_example(path)
    copy = tmp_path / "copy.png"
    copy.write_bytes(path.read_bytes())
    assert np.array_equal(service.cached_prob(copy, service.read(copy)), service.prob_small(service.read(path)))
    assert service.predictor.runs == 2
    service.cached_prob(other, service.read(other))
    assert service.predictor.runs == 3


def test_recent_pictures_are_bounded_in_bytes(tmp_path):
    paths = [draw_picture(tmp_path / f"{n}.png", seed=n, size=(100, 100)) for n in range(3)]
    threads = threading.active_count()
    recent = RecentPictures(max_bytes=60_000, seconds=60)
    first = recent.read(paths[0])
    assert recent.read(paths[0]) is first
    recent.read(paths[1])
    recent.read(paths[0])
    recent.read(paths[2])  # the second one goes, being the longest unused
    assert len(recent) == 2
    assert recent.read(paths[0]) is first
    recent.read(draw_picture(tmp_path / "large.png", size=(200, 200)))
    assert recent.read(paths[0]) is first
    assert threading.active_count() == threads + 1
    recent._timer.cancel()


def test_recent_pictures_are_bounded_in_time(tmp_path):
    path = draw_picture(tmp_path / "p.png")
    recent = RecentPictures(seconds=0.2)
    recent.read(path)
    timer = recent._timer
    timer.join(timeout=30)
    assert not timer.is_alive()
    while recent._timer is not None:  # the picture was a little too young: one more round
        recent._timer.join(timeout=30)
    assert len(recent) == 0

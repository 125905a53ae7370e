"""Many clients at once, some of them rude: everyone gets their own answer, and the server keeps its size."""

import gc
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from web_helpers import CACHE, FakePredictor, draw_picture, live_page

from unet.pictures import draw
from unet.pictures.decode import read_picture
from unet.tuning import return_freed_memory
from unet.web import gradio_compat
from unet.web.cache import STATES
from unet.web.page import QUEUE_LENGTH

META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def server():
    with live_page(FakePredictor(seconds=0.01)) as served:
        yield served


def upload(server, path: Path) -> dict:
    answer = httpx.post(f"{server.url}/gradio_api/upload", files={"files": path.open("rb")}, timeout=60)
    return {"path": answer.json()[0], "meta": META}


def begin(server, file: dict) -> httpx.Response:
    return httpx.post(f"{server.url}/gradio_api/call/segment", json={"data": [file, 0.5]}, timeout=60)


def finish(server, event: str):
    """The answer's data, or its error's text."""
    text = httpx.get(f"{server.url}/gradio_api/call/segment/{event}", timeout=120).text
    kind, body = text.splitlines()[:2]
    data = json.loads(body.removeprefix("data: "))
    return data if kind == "event: complete" else data["error"]


def hang_up(server, event: str) -> None:
    with httpx.stream("GET", f"{server.url}/gradio_api/call/segment/{event}", timeout=60):
        pass


def test_a_client_waits_on_while_others_come_and_hang_up(tmp_path, monkeypatch):
    monkeypatch.setattr(gradio_compat, "SESSIONS", 4)
    path = draw_picture(tmp_path / "p.png")
    with live_page(FakePredictor(seconds=0.5)) as served, ThreadPoolExecutor(1) as pool:
        file = upload(served, path)
        *_, waiting = [begin(served, file).json()["event_id"] for _ in range(4)]
        answer = pool.submit(finish, served, waiting)
        rude = [begin(served, file).json()["event_id"] for _ in range(8)]
        assert answer.result()[1]["path"]
        hang_up(served, rude[0])
        assert finish(served, rude[-1])[1]["path"]
        finish(served, begin(served, file).json()["event_id"])
        assert len(served.page._queue.pending_messages_per_session) <= 4


def test_sixty_four_clients_good_broken_and_rude(server, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    good = [draw_picture(tmp_path / f"p{n}.png", seed=n, size=(60 + n, 80 + n)) for n in range(40)]
    everyone = threading.Barrier(64)

    def visit(number: int) -> None:
        path = good[number] if number < 40 else broken if number < 52 else good[number - 52]
        file = upload(server, path)
        everyone.wait(timeout=60)
        event = begin(server, file).json()["event_id"]
        if number >= 52:
            return hang_up(server, event)
        answer = finish(server, event)
        if number >= 40:
            assert "broken.png is not a picture" in answer
            return None
        prob8 = FakePredictor().prob8(read_picture(path).rgb)
        with Image.open(answer[1]["path"]) as mask:
            assert np.array_equal(np.asarray(mask), draw.mask_from_prob(prob8, 0.5))
        return None

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(visit, range(64)))
    assert httpx.get(f"{server.url}/config").status_code == 200


def test_a_full_queue_says_so_and_the_page_still_answers(tmp_path):
    path = draw_picture(tmp_path / "p.png")
    with live_page(FakePredictor(seconds=0.3)) as server:
        file = upload(server, path)
        with ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: begin(server, file), range(QUEUE_LENGTH + 24)))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused
        assert {answer.status_code for answer in refused} == {503}
        assert all(answer.json()["detail"].startswith("Queue is full") for answer in refused)
        assert httpx.get(server.url).status_code == 200
        assert len(finish(server, answers[0].json()["event_id"])) == 4


def test_sessions_are_bounded(server, tmp_path):
    file = upload(server, draw_picture(tmp_path / "p.png"))
    for _ in range(STATES + 20):
        finish(server, begin(server, file).json()["event_id"])
    assert len(server.page.state_holder.session_data) <= STATES


def test_memory_does_not_grow(server, tmp_path):
    files = [upload(server, draw_picture(tmp_path / f"p{n}.png", seed=n, size=(300, 400))) for n in range(5)]
    process = psutil.Process()

    def ask(count: int) -> int:
        for number in range(count):
            finish(server, begin(server, files[number % 5]).json()["event_id"])
        gc.collect()
        return_freed_memory()  # as the server does where nobody asks
        return process.memory_info().rss

    before = ask(STATES + 20)  # warm-up: as many sessions as are kept
    assert ask(120) - before < 30 * 2**20


def test_files_go_when_their_time_has_come(server, tmp_path):
    """Gradio's schedule deletes what it knows of; this drives it by hand instead of waiting for an hour."""
    from gradio.route_utils import delete_files_created_by_app

    from unet.web import cache

    file = upload(server, draw_picture(tmp_path / "p.png"))
    overlay, *_ = finish(server, begin(server, file).json()["event_id"])
    for path in (file["path"], overlay["path"]):
        assert Path(path).is_file()
    delete_files_created_by_app(server.page, age=-1)
    for path in (file["path"], overlay["path"]):
        assert not Path(path).exists()
    cache.sweep(CACHE, -1)
    assert not any(CACHE.iterdir())

"""What strangers may not do to the server."""

import base64
import io
import json
import os
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from web_helpers import CACHE, META, FakePredictor, ask, live_page

from unet.pictures.decode import MAX_BYTES
from unet.web import gate


@pytest.mark.parametrize("meta", [{"meta": META}, {}])
@pytest.mark.parametrize("where", ["path", "url"])
@pytest.mark.parametrize("scheme", ["", "file://", "../"])
def test_no_path_outside_the_cache_is_read(server, secret, meta, where, scheme):
    answer = ask(server, {where: scheme + str(secret), **meta}, 0.5)
    assert "error" in answer
    assert any(words in answer["error"] for words in ("must be uploaded", "form this endpoint", "no picture was given"))


def test_no_path_as_plain_text(server, secret):
    assert "must be uploaded" in ask(server, str(secret), 0.5)["error"]


@pytest.mark.parametrize("endpoint", ["segment", "segment_batch", "segment_clicks"])
def test_no_path_in_any_other_input(server, secret, endpoint):
    file = {"path": str(secret), "meta": META}
    data = {"segment": [None, file], "segment_batch": [[file], 0.5], "segment_clicks": [None, file, 0.5]}[endpoint]
    assert "must be uploaded" in ask(server, *data, endpoint=endpoint)["error"]


def test_no_link_out_of_the_cache_is_followed(server, secret):
    link = CACHE / "link.png"
    link.symlink_to(secret)
    assert "must be uploaded" in ask(server, {"path": str(link), "meta": META}, 0.5)["error"]


@pytest.mark.parametrize("path", ["/etc/passwd", "{root}/app.py", "../../../etc/passwd", "{cache}/../x"])
def test_no_other_file_is_served(server, path):
    path = path.format(root=Path(__file__).parents[2], cache=CACHE)
    assert httpx.get(f"{server.url}/gradio_api/file={path}").status_code in {403, 404}


def test_results_cannot_be_guessed(server, secret):
    folders = set()
    for _ in range(2):
        client = Client(server.url, verbose=False, download_files=False)
        overlay = client.predict(handle_file(secret), 0.5, api_name="/segment")[0]
        folders.add(Path(overlay["path"]).parent.name)
    assert len(folders) == 2
    assert all(len(folder) == 64 for folder in folders)


def test_an_upload_may_be_named_by_its_own_address(server, secret):
    uploaded = httpx.post(f"{server.url}/gradio_api/upload", files={"files": secret.open("rb")}).json()[0]
    answer = ask(server, {"path": f"{server.url}/gradio_api/file={uploaded}", "meta": META}, 0.5)
    assert answer["data"][3]["width"] == 120
    outside = {"path": f"{server.url}/gradio_api/file={secret}", "meta": META}
    assert "not on the public internet" in ask(server, outside, 0.5)["error"]


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize("where", ["url", "path"])
def test_a_data_url_is_a_picture_like_any_other(server, secret, where):
    answer = ask(server, {where: data_url(secret.read_bytes()), "meta": META, "orig_name": "../../x y.png"}, 0.5)
    assert answer["data"][3]["width"] == 120
    assert answer["data"][1]["orig_name"] == "x_y_mask.png"


def test_plain_text_where_a_file_belongs(server, secret):
    assert ask(server, data_url(secret.read_bytes()), 0.5)["data"][3]["width"] == 120
    listed = ask(server, [data_url(secret.read_bytes()), "nonsense"], 0.5, endpoint="segment_batch")
    assert "must be uploaded" in listed["error"]


def test_bad_data_urls(server):
    assert "not a picture" in ask(server, {"url": data_url(b"hello"), "meta": META}, 0.5)["error"]
    assert "damaged" in ask(server, {"url": "data:image/png;base64,abcde", "meta": META}, 0.5)["error"]
    assert "empty" in ask(server, {"url": "data:,", "meta": META}, 0.5)["error"]


def test_a_data_url_beyond_the_limit(server):
    url = data_url(bytes(MAX_BYTES + 3))
    assert "larger than 64 MB" in ask(server, {"url": url, "meta": META}, 0.5)["error"]


def test_no_request_passes_the_queue(server):
    for route in ("run", "api"):
        answer = httpx.post(f"{server.url}/gradio_api/{route}/segment", json={"data": [None, 0.5]})
        assert answer.status_code == 404
        assert "join the queue" in answer.json()["detail"]


def test_a_file_beyond_the_limit(server, tmp_path):
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    answer = httpx.post(f"{server.url}/gradio_api/upload", files={"files": path.open("rb")}, timeout=60)
    assert answer.status_code == 413


def test_requests_have_a_limit(server, monkeypatch):
    monkeypatch.setattr(gate, "MAX_REQUEST", 1000)
    body = json.dumps({"data": ["x" * 2000, 0.5]}).encode()
    assert httpx.post(f"{server.url}/gradio_api/run/segment", content=body).status_code == 413
    in_pieces = httpx.post(f"{server.url}/gradio_api/run/segment", content=iter([body[:500], body[500:]]))
    assert in_pieces.status_code in {400, 413}
    for route in ("call", "call/v2", "run", "api"):  # an endpoint's name, not the route of uploads
        assert httpx.post(f"{server.url}/gradio_api/{route}/upload", content=body).status_code == 413
    assert httpx.get(f"{server.url}/config").status_code == 200


def test_unexpected_errors_say_nothing_of_the_server(tmp_path, secret, caplog):
    predictor = FakePredictor()
    predictor.prob_small = lambda *_: (_ for _ in ()).throw(RuntimeError(f"in {__file__}"))
    with live_page(predictor) as served:
        uploaded = httpx.post(f"{served.url}/gradio_api/upload", files={"files": secret.open("rb")}).json()[0]
        answer = ask(served, {"path": uploaded, "meta": META}, 0.5)
    assert __file__ not in json.dumps(answer)
    assert os.sep not in json.dumps(answer)


def test_errors_name_no_path_of_the_server(server, tmp_path):
    path = tmp_path / "note.png"
    path.write_text("hello")
    with pytest.raises(AppError) as caught:
        Client(server.url, verbose=False).predict(handle_file(path), 0.5, api_name="/segment")
    assert "note.png" in str(caught.value)
    assert "/" not in str(caught.value)


@pytest.mark.parametrize("path", ["monitoring", "monitoring/summary", "docs", "redoc", "gradio_api/runs"])
def test_what_is_closed(server, path):
    assert httpx.get(f"{server.url}/{path}", follow_redirects=True).status_code in {403, 404}


def test_other_sites_cannot_call_a_local_server(server):
    for origin in ("https://evil.example", "null"):
        answer = httpx.get(f"{server.url}/config", headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers
    assert httpx.get(f"{server.url}/gradio_api/proxy=http://127.0.0.1/").status_code in {400, 403, 500}


def test_a_picture_format_that_starts_other_programs_is_refused(server, tmp_path):
    path = tmp_path / "figure.eps"
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "EPS")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(AppError, match="not a picture"):
        Client(server.url, verbose=False).predict(handle_file(path), 0.5, api_name="/segment")

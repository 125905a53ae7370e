"""What strangers may not do to the server."""

import base64
import gzip
import io
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from web_helpers import CACHE, FakePredictor, draw_picture, live_page

from unet.errors import ImageError
from unet.images import MAX_BYTES
from unet.web import fetch as fetching
from unet.web import gate

META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def server():
    with live_page(FakePredictor()) as served:
        yield served


@pytest.fixture
def secret(tmp_path):
    return draw_picture(tmp_path / "secret.png")


def ask(server, *data, endpoint="segment"):
    """The answer of an endpoint, by both ways that HTTP offers; they must agree."""
    direct = httpx.post(f"{server.url}/gradio_api/run/{endpoint}", json={"data": data}).json()
    event = httpx.post(f"{server.url}/gradio_api/call/{endpoint}", json={"data": data}).json()["event_id"]
    kind, body = httpx.get(f"{server.url}/gradio_api/call/{endpoint}/{event}").text.splitlines()[:2]
    queued = json.loads(body.removeprefix("data: "))
    assert (kind == "event: error") == ("error" in direct)
    if "error" in direct:
        assert queued["error"] == direct["error"]
    return direct


class Neighbour(BaseHTTPRequestHandler):
    """A server inside the network, which a client of ours must not reach through us."""

    requests: ClassVar[list[str]] = []
    answers: ClassVar[dict[str, tuple[int, dict[str, str], bytes]]] = {}

    def do_GET(self):
        self.requests.append(self.path)
        status, headers, body = self.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def neighbour():
    Neighbour.requests, Neighbour.answers = [], {}
    httpd = HTTPServer(("127.0.0.1", 0), Neighbour)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


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
    path = path.format(root=Path(__file__).parents[1], cache=CACHE)
    assert httpx.get(f"{server.url}/gradio_api/file={path}").status_code in {403, 404}


def test_results_cannot_be_guessed(server, secret):
    folders = set()
    for _ in range(2):
        client = Client(server.url, verbose=False, download_files=False)
        overlay = client.predict(handle_file(secret), 0.5, api_name="/segment")[0]
        folders.add(Path(overlay["path"]).parent.name)
    assert len(folders) == 2
    assert all(len(folder) == 64 for folder in folders)


def test_no_private_address_is_fetched(server, neighbour):
    port = neighbour.split(":")[1]
    hosts = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
    for host in hosts:
        for file in ({"path": f"http://{host}:{port}/x.png"}, {"path": "", "url": f"HTTP://{host}:{port}/x.png"}):
            answer = ask(server, {**file, "meta": META}, 0.5)
            assert "not on the public internet" in answer["error"], host
    for data in ([[{"path": f"http://{neighbour}/x.png", "meta": META}], 0.5],):
        assert "not on the public internet" in ask(server, *data, endpoint="segment_batch")["error"]
    assert Neighbour.requests == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses(address, public):
    assert fetching.is_public(address) is public


def test_a_name_with_one_private_address_is_refused(monkeypatch):
    async def answers(*_args, **_kwargs):
        return [(socket.AF_INET, 0, 0, "", (ip, 0)) for ip in ("93.184.215.14", "10.0.0.1")]

    async def resolve():
        import asyncio

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answers)
        return await fetching.resolve("two-faced.example")

    with pytest.raises(ImageError, match="not on the public internet"):
        _run(resolve())


def _run(coroutine):
    import asyncio

    return asyncio.run(coroutine)


@pytest.fixture
def reachable(monkeypatch, neighbour):
    """The neighbour, taken for a public host, as far as port and name go; redirects elsewhere are still checked."""
    public = fetching.is_public
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1" or public(address))
    return neighbour


def test_a_public_address_is_fetched(server, reachable, secret):
    Neighbour.answers["/p.png"] = (200, {}, secret.read_bytes())
    Neighbour.answers["/moved"] = (302, {"Location": "/p.png"}, b"")
    answer = ask(server, {"path": f"http://{reachable}/moved", "meta": META}, 0.5)
    assert answer["data"][3]["width"] == 120
    assert Neighbour.requests[:2] == ["/moved", "/p.png"]


def test_a_redirect_into_the_network_is_not_followed(reachable):
    Neighbour.answers["/in"] = (302, {"Location": "http://10.0.0.1/x.png"}, b"")
    Neighbour.answers["/scheme"] = (302, {"Location": "file:///etc/passwd"}, b"")
    Neighbour.answers["/round"] = (302, {"Location": "/round"}, b"")
    for path, message in (
        ("/in", "public internet"),
        ("/scheme", "must begin with http"),
        ("/round", "redirects more"),
    ):
        with pytest.raises(ImageError, match=message):
            _run(fetching.fetch(f"http://{reachable}{path}"))


def test_fetching_has_limits(reachable, monkeypatch):
    Neighbour.answers["/big"] = (200, {}, bytes(3 * 2**20))
    with pytest.raises(ImageError, match="more than 2 MB"):
        _run(fetching.fetch(f"http://{reachable}/big", max_bytes=2 * 2**20))
    with pytest.raises(ImageError, match="status 404"):
        _run(fetching.fetch(f"http://{reachable}/none"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(fetching, "TIMEOUT", 0.3)
        started = time.monotonic()
        with pytest.raises(ImageError, match="did not answer within"):
            _run(fetching.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "identity"])
def test_nothing_compressed_is_unpacked(reachable, encoding):
    Neighbour.answers["/bomb"] = (200, {"Content-Encoding": encoding}, gzip.compress(bytes(2**20)))
    fetched = fetching.fetch(f"http://{reachable}/bomb")
    if encoding == "identity":
        assert _run(fetched) == gzip.compress(bytes(2**20))
    else:
        with pytest.raises(ImageError, match="compressed form"):
            _run(fetched)


def test_more_addresses_than_pictures_are_not_fetched(server, reachable, secret):
    Neighbour.answers["/p.png"] = (200, {}, secret.read_bytes())
    file = {"path": f"http://{reachable}/p.png", "meta": META}
    for endpoint, data in (
        ("segment", [[file, file], 0.5]),
        ("segment", [None, [[file] * 2, {"x": [file] * 2}]]),
        ("segment_batch", [[file] * 101, 0.5]),
        ("segment_clicks", [file, [file] * 4, 0.5]),
    ):
        assert "are too many at once" in ask(server, *data, endpoint=endpoint)["error"]
    assert [path for path in Neighbour.requests if path != "/p.png"] == []
    assert len(Neighbour.requests) <= 2  # of the one address that came before too many


def test_all_addresses_of_a_request_share_its_time(server, reachable, monkeypatch):
    monkeypatch.setattr(gate, "ADMISSION_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = {"path": f"http://127.0.0.1:{silent.getsockname()[1]}/", "meta": META}
        started = time.monotonic()
        assert "took more than 0.3 s" in ask(server, [file] * 20, 0.5, endpoint="segment_batch")["error"]
        assert time.monotonic() - started < 5


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
    answer = httpx.post(f"{server.url}/gradio_api/run/segment", json={"data": [{"url": url, "meta": META}, 0.5]})
    assert "larger than 64 MB" in answer.json()["error"]


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

"""Pictures that are named by a web address: which are fetched, how much, for how long, and none inside the network."""

import asyncio
import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from web_helpers import META, ask

from unet.errors import ImageError
from unet.web import fetch as fetching
from unet.web import gate


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
        ("64:ff9b:1::7f00:1", False),
        ("::7f00:1", False),
        ("::ffff:0:7f00:1", False),
        ("fec0::1", False),
    ],
)
def test_public_addresses(address, public):
    assert fetching.is_public(address) is public


def test_a_name_with_one_private_address_is_refused(monkeypatch):
    async def answers(*_args, **_kwargs):
        return [(socket.AF_INET, 0, 0, "", (ip, 0)) for ip in ("93.184.215.14", "10.0.0.1")]

    async def resolve():
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answers)
        return await fetching.resolve("two-faced.example")

    with pytest.raises(ImageError, match="not on the public internet"):
        asyncio.run(resolve())


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


def test_addresses_of_one_request_have_a_limit_together(server, reachable, secret, monkeypatch):
    content = secret.read_bytes()
    Neighbour.answers["/p.png"] = (200, {}, content)
    monkeypatch.setattr(gate, "MAX_UPLOAD", 2 * len(content))
    files = [{"path": f"http://{reachable}/p.png", "meta": META}] * 3
    assert "addresses hold more than" in ask(server, files, 0.5, endpoint="segment_batch")["error"]
    assert "error" not in ask(server, files[:2], 0.5, endpoint="segment_batch")


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
            asyncio.run(fetching.fetch(f"http://{reachable}{path}"))


def test_fetching_has_limits(reachable, monkeypatch):
    Neighbour.answers["/big"] = (200, {}, bytes(3 * 2**20))
    with pytest.raises(ImageError, match="more than 2 MB"):
        asyncio.run(fetching.fetch(f"http://{reachable}/big", max_bytes=2 * 2**20))
    with pytest.raises(ImageError, match="status 404"):
        asyncio.run(fetching.fetch(f"http://{reachable}/none"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(fetching, "TIMEOUT", 0.3)
        started = time.monotonic()
        with pytest.raises(ImageError, match="did not answer within"):
            asyncio.run(fetching.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/"))
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "identity"])
def test_nothing_compressed_is_unpacked(reachable, encoding):
    content = gzip.compress(bytes(2**20))
    Neighbour.answers["/bomb"] = (200, {"Content-Encoding": encoding}, content)
    fetched = fetching.fetch(f"http://{reachable}/bomb")
    if encoding == "identity":
        assert asyncio.run(fetched) == content
    else:
        with pytest.raises(ImageError, match="compressed form"):
            asyncio.run(fetched)


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

"""`python app.py` as a process: options, port, weights, how it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.utils import Status
from PIL import Image
from web_helpers import draw_picture, free_port

ROOT = Path(__file__).parents[2]
UNSET = ("UNET_WEIGHTS", "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "GRADIO_TEMP_DIR", "GRADIO_MCP_SERVER", "SPACE_ID")


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**kept, "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1", **extra}


@contextlib.contextmanager
def serving(*arguments: str, cwd: Path = ROOT, **extra: str):
    """A running app.py; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), *arguments],
        cwd=cwd,
        env=environment(**extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_ready(process: subprocess.Popen, url: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read()
        with contextlib.suppress(httpx.TransportError):
            assert httpx.get(f"{url}/config").status_code == 200
            return
        time.sleep(0.1)
    raise AssertionError(f"no answer within {seconds} s")


def fails(*arguments: str, **extra: str) -> str:
    """stderr of an app.py that ends by itself with status 1, without a traceback."""
    result = subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=ROOT,
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def end(process: subprocess.Popen, number: int = signal.SIGTERM) -> float:
    """Seconds from the signal to the end, which must be a clean one."""
    started = time.monotonic()
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    return time.monotonic() - started


def temporary_folders() -> set[str]:
    return {entry.name for entry in Path("/tmp").glob("unet-page-*")}


def test_serves_the_weights_it_is_given(tiny_weights, tmp_path):
    port = free_port()
    before = temporary_folders()
    with serving("--weights", str(tiny_weights), "--port", str(port), cwd=tmp_path) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(process, url)
        client = Client(url, verbose=False, download_files=tmp_path)
        *_, details = client.predict(handle_file(draw_picture(tmp_path / "p.png")), 0.5, api_name="/segment")
        assert details["model"] == str(tiny_weights)
        for file, status in (("examples/coffee.jpg", 200), ("README.md", 403)):
            assert httpx.get(f"{url}/gradio_api/file={ROOT / file}").status_code == status
        assert len(temporary_folders() - before) == 1
        assert end(process) < 5
    assert temporary_folders() == before
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_ipv6_and_an_empty_port_in_the_environment(tiny_weights):
    port, ready = free_port(), False
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", port))
        ready = True
    if not ready:
        pytest.skip("this machine has no IPv6")
    options = ("--host", "::1", "--port", str(port))
    with serving(*options, UNET_WEIGHTS=str(tiny_weights), GRADIO_SERVER_PORT="") as process:
        wait_until_ready(process, f"http://[::1]:{port}")
        assert end(process) < 5


def test_behind_a_proxy_with_a_prefix(tiny_weights):
    port = free_port()
    with serving("--port", str(port), UNET_WEIGHTS=str(tiny_weights), GRADIO_ROOT_PATH="/cut") as process:
        wait_until_ready(process, f"http://127.0.0.1:{port}")
        config = httpx.get(f"http://127.0.0.1:{port}/config", headers={"Host": "example.org"}).json()
        assert config["root"] == "http://example.org/cut"
        assert end(process) < 5


def test_environment_names_weights_and_port(tiny_weights):
    port = free_port()
    with serving(UNET_WEIGHTS=str(tiny_weights), GRADIO_SERVER_PORT=str(port)) as process:
        wait_until_ready(process, f"http://127.0.0.1:{port}")
        assert end(process, signal.SIGINT) < 5


def test_ends_in_time_with_visitors_and_work_in_progress(tiny_weights, tmp_path):
    port = free_port()
    with serving("--weights", str(tiny_weights), "--port", str(port)) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(process, url)
        client = Client(url, verbose=False, download_files=False)
        large = tmp_path / "large.png"
        Image.new("RGB", (6000, 4000), "teal").save(large)
        jobs = [client.submit(handle_file(large), 0.5, api_name="/segment") for _ in range(6)]
        with (
            httpx.stream("GET", f"{url}/gradio_api/heartbeat/visitor", timeout=30) as heartbeat,
            socket.create_connection(("127.0.0.1", port)) as idle,
        ):
            assert heartbeat.status_code == 200
            idle.sendall(b"GET /config HTTP/1.1\r\n")
            deadline = time.monotonic() + 60
            while all(job.status().code is not Status.PROCESSING for job in jobs):
                assert time.monotonic() < deadline, [job.status() for job in jobs]
                time.sleep(0.02)
            assert end(process) < 5


def test_the_port_opens_after_the_weights_are_loaded(tiny_weights):
    port = free_port()
    with serving("--weights", str(tiny_weights), "--port", str(port)) as process:
        while True:
            assert process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        lines = []
        while not lines or "weights:" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "the port was open before the weights were loaded"
        assert httpx.get(f"http://127.0.0.1:{port}/config", timeout=30).status_code == 200


def test_a_taken_port_is_one_line(tiny_weights):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = fails("--weights", str(tiny_weights), "--port", str(port))
    assert message.count("\n") == 1
    assert f"cannot serve on 127.0.0.1:{port}" in message
    assert "--port" in message
    message = fails("--weights", str(tiny_weights), "--port", str(free_port()), "--host", "192.0.2.1")
    assert message.endswith("give an address of this machine with --host\n")


def test_bad_weights_are_one_line(tmp_path):
    message = fails("--weights", str(tmp_path), "--port", str(free_port()))
    assert message.splitlines()[-1].startswith("app.py: ")
    assert "config.json" in message
    message = fails("--weights", "no/such/folder", "--port", str(free_port()))
    assert "no such folder" in message


def test_unknown_options_are_usage_errors():
    result = subprocess.run(
        [sys.executable, "app.py", "--wieghts", "x"], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "usage: app.py" in result.stderr


def test_nothing_of_training_is_loaded():
    code = (
        "import app, sys, unet.web.loading, unet.web.page; "
        "print(sorted({'accelerate', 'tyro', 'matplotlib', 'kagglehub', 'train', 'unet.training'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"])
def test_nothing_is_reported_to_anyone(name):
    code = f"import os, app; print(os.environ[{name!r}])"
    extra = {key: value for key, value in environment().items() if key != name}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=extra, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() in {"False", "1"}

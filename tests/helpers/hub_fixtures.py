"""Fixtures for tests against a local Hub; a module uses them with `pytest_plugins = ["hub_fixtures"]`."""

import json
import subprocess
import sys

import pytest
from hub_process import FILES, PUBLISH, REPO, ROOT, SNIPPET, SPACE, write_weights
from hub_server import TOKEN, LocalHub


@pytest.fixture
def hub():
    with LocalHub() as hub:
        hub.add_repo(REPO, FILES)
        yield hub


@pytest.fixture
def ask(hub, tmp_path):
    """Call a function of the hub modules in a process whose Hub is `hub`; the cache lasts for one test."""

    def call(what, *, token=TOKEN, pace=0.1, **given):
        argv = [sys.executable, "-c", SNIPPET, what, json.dumps({**given, "pace": pace})]
        env = hub.env(tmp_path / "home", token=token)
        done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture
def embedded(tmp_path):
    return write_weights(tmp_path / "embedded")


@pytest.fixture
def publish(hub, tmp_path):
    """Run the command line from a folder, against `hub`."""

    def call(root, *options):
        argv = [sys.executable, "-c", PUBLISH, str(root), SPACE, *options]
        env = hub.env(tmp_path / "home")
        return subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)

    return call

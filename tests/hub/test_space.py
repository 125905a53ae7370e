"""Publishing the page as a Space: what is uploaded, what its header says, and that it runs from there."""

import re
import shutil

import pytest
import yaml
from hub_process import FILES, REPO, ROOT, SPACE, write_weights

from unet.errors import ConfigError
from unet.hub.space import (
    HARDWARE,
    SPACES_PACKAGE,
    ZEROGPU_TORCH,
    adapt_readme,
    adapt_requirements,
    linked_files,
    pinned_model,
    space_files,
)

pytest_plugins = ["hub_fixtures"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
README = """---
title: Cutter
sdk: gradio
sdk_version: 6.31.0
python_version: "3.11"
app_file: app.py
# the licence
license: mit
---

# Cutter

![page](docs/page.png) <img src="docs/drawing.svg"> [web](https://example.org/x.png) [code](train.py) ![up](../up.png)
"""


@pytest.fixture
def program(tmp_path):
    """A small program with all that a Space needs, and much that it doesn't."""
    root = tmp_path / "program"
    needed = {
        "app.py": "print('page')\n",
        "requirements.txt": "# pins\ntorch==2.13.0\ngradio[mcp]==6.31.0\n",
        "README.md": README,
        "LICENSE": "MIT\n",
        "unet/__init__.py": "",
        "unet/web/static/page.css": "body {}\n",
        "examples/cat.jpg": "picture",
        "examples/CREDITS.md": "CC0\n",
        "docs/page.png": "picture",
        "docs/drawing.svg": "<svg/>",
    }
    needed |= {f"weights/{name}": "" for name in FILES}
    unneeded = [
        "train.py",
        "requirements-dev.txt",
        "tests/test_x.py",
        "docs/drawing.py",
        "docs/unused.png",
        "runs/last.pt",
        "weights/checkpoint.pt",
        "unet/__pycache__/a.pyc",
        "unet/.hidden",
        ".env",
        ".git/config",
        "examples/.DS_Store",
    ]
    for name, text in {**needed, **dict.fromkeys(unneeded, "no")}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    shutil.rmtree(root / "weights")
    write_weights(root / "weights")
    (root / "weights" / "checkpoint.pt").write_bytes(b"no")
    return root, set(needed)


def header(text):
    return yaml.safe_load(text.split("---\n")[1])


# The pin in the header


def test_publishing_writes_the_pin_and_the_page_reads_it(tmp_path):
    readme = tmp_path / "README.md"
    assert pinned_model(readme) is None
    readme.write_text(README)
    assert pinned_model(readme) is None
    readme.write_text(adapt_readme(README, REPO, COMMIT, "cpu"))
    assert pinned_model(readme) == f"{REPO}@{COMMIT}"


def test_the_header_keeps_what_it_held_and_the_text_is_untouched():
    adapted = adapt_readme(README, REPO, COMMIT, "cpu")
    assert header(adapted) == {
        **header(README),
        "models": [REPO],
        "preload_from_hub": [f"{REPO} model.safetensors,config.json {COMMIT}"],
        "suggested_hardware": "cpu-basic",
    }
    assert adapted.split("---\n", 2)[2] == README.split("---\n", 2)[2]
    again = adapt_readme(adapted, REPO, COMMIT, "cpu")
    assert again == adapted


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("models: [me/mine]", "me/mine"),
        (f"models: [me/mine]\npreload_from_hub: ['{REPO} model.safetensors,config.json {COMMIT}']", "me/mine"),
        (f"models: [me/mine]\npreload_from_hub: ['me/mine model.safetensors {COMMIT}']", f"me/mine@{COMMIT}"),
        ("models: ['me/mine@v1']\npreload_from_hub: [me/mine]", "me/mine@v1"),
        ("models: []", None),
        ("title: x", None),
    ],
)
def test_a_header_changed_by_hand(tmp_path, lines, expected):
    (tmp_path / "README.md").write_text(f"---\n{lines}\n---\n# x\n")
    assert pinned_model(tmp_path / "README.md") == expected


@pytest.mark.parametrize("lines", ["models: me/mine", "models: [1]", "models: [", "- a list"])
def test_a_broken_header_is_named(tmp_path, lines):
    (tmp_path / "README.md").write_text(f"---\n{lines}\n---\n# x\n")
    with pytest.raises(ConfigError, match=r"README\.md: "):
        pinned_model(tmp_path / "README.md")


@pytest.mark.parametrize("text", ["# no header\n", "---\ntitle: x\n---\n", "---\nsdk: docker\n---\n", "---\n[\n---\n"])
def test_only_a_gradio_space_is_published(text):
    with pytest.raises(ConfigError, match=r"README\.md: "):
        adapt_readme(text, REPO, COMMIT, "cpu")


# ZeroGPU, as far as it can be checked without one


def test_zerogpu_has_its_own_python_and_torch():
    adapted = header(adapt_readme(README, REPO, COMMIT, "zerogpu"))
    assert (adapted["python_version"], adapted["suggested_hardware"]) == ("3.12", "zero-a10g")
    ours = (ROOT / "requirements.txt").read_text()
    theirs = adapt_requirements(ours, "zerogpu")
    changed = set(theirs.splitlines()) ^ set(ours.splitlines())
    (torch,) = re.findall(r"^torch==.*$", ours, re.MULTILINE)
    assert changed == {torch, f"torch=={ZEROGPU_TORCH}", SPACES_PACKAGE}
    # The versions that ZeroGPU's documentation lists end before 2.13.
    assert (2, 4) <= tuple(map(int, ZEROGPU_TORCH.split(".")[:2])) < (2, 13)
    assert adapt_requirements(ours, "cpu") == ours
    with pytest.raises(ConfigError, match="there should be one line that pins torch"):
        adapt_requirements("torch>=2\n", "zerogpu")


# What is uploaded


def test_what_the_space_needs_and_nothing_else(program):
    root, needed = program
    files = space_files(root, REPO, COMMIT)
    assert set(files) == needed
    changed = {name for name, data in files.items() if data != (root / name).read_bytes()}
    assert changed == {"README.md"}
    assert pinned_model(root / "README.md") is None


def test_pictures_of_the_readme(program):
    assert linked_files(program[0]) == ["docs/drawing.svg", "docs/page.png"]


@pytest.mark.parametrize("name", ["LICENSE", "weights/model.safetensors", "docs/page.png"])
def test_what_is_missing_is_named(program, name):
    root, _ = program
    (root / name).unlink()
    with pytest.raises(ConfigError, match=re.escape(f"the Space needs files that are missing: {name}")):
        space_files(root, REPO, COMMIT)


def test_one_command_publishes_in_one_commit(hub, publish, program):
    root, needed = program
    done = publish(root, "--weights", REPO, "--variable", "GRADIO_SSR_MODE=True")
    assert done.returncode == 0, done.stderr
    space = hub.space(SPACE)
    assert done.stdout.startswith(f"published in one commit: {SPACE}@{space.head} ({hub.url}/spaces/{SPACE}/")
    assert set(space.files) == needed | {".gitattributes"}
    assert len(space.commits) == 2
    assert (space.created_with["sdk"], space.created_with["hardware"]) == ("gradio", HARDWARE["cpu"])
    assert space.private is False
    assert space.variables == {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_SSR_MODE": "True",
    }
    uploaded = header(space.files["README.md"].decode())
    assert uploaded["preload_from_hub"] == [f"{REPO} model.safetensors,config.json {hub.model(REPO).head}"]


def test_publishing_again_renews_the_pin_and_removes_old_modules(hub, publish, program):
    root, _ = program
    publish(root, "--weights", REPO)
    (root / "unet/web/static/page.css").unlink()
    space = hub.space(SPACE)
    space.commit({**space.files, "notes.md": b"by hand"})
    old = hub.model(REPO).head
    new = hub.model(REPO).commit({**FILES, "config.json": b"{}"})
    assert publish(root, "--weights", REPO).returncode == 0
    assert new in space.files["README.md"].decode()
    assert "unet/web/static/page.css" not in space.files
    assert space.files["notes.md"] == b"by hand"
    assert publish(root, "--weights", f"{REPO}@{old}", "--hardware", "zerogpu").returncode == 0
    assert old in space.files["README.md"].decode()
    assert space.created_with["hardware"] == "zero-a10g"
    assert SPACES_PACKAGE in space.files["requirements.txt"].decode()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("user/absent", "there is no such repo"),
        (f"{REPO}@v9", "there is no revision 'v9'"),
        ("user/secret", "is private"),
        ("user/pickled", "user/pickled has no model.safetensors"),
        ("nonsense", "it is not a repo on the Hub"),
    ],
)
def test_a_space_without_its_weights_is_not_published(hub, publish, program, model, message):
    hub.add_repo("user/secret", FILES, private=True)
    hub.add_repo("user/pickled", {"pytorch_model.bin": b"x", "config.json": b"{}"})
    done = publish(program[0], "--weights", model)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert ("space", SPACE) not in hub.repos


def test_a_commit_that_fails_leaves_the_space_as_it_was(hub, publish, program):
    root, _ = program
    publish(root, "--weights", REPO)
    before = hub.space(SPACE).head
    (root / "app.py").write_text("print('new')\n")
    hub.fail("/api/spaces/.*/commit/", 403)
    done = publish(root, "--weights", REPO)
    assert done.returncode == 1
    assert f"nothing was published, {SPACE} is unchanged" in done.stderr
    assert hub.space(SPACE).head == before


def test_usage(publish, program):
    assert publish(program[0]).returncode == 2
    assert publish(program[0], "--weights", REPO, "--variable", "novalue").returncode == 2
    assert publish(program[0], "--weights", REPO, "--hardware", "tpu").returncode == 2

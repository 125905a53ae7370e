"""Where weights come from: folder, Hub, cache. The real client against a local Hub over HTTP."""

import json
import subprocess
import sys

import pytest
from hub_process import FILES, MODEL, REPO, ROOT, SNIPPET, content, write_weights

from unet.errors import WeightsError
from unet.hub.source import locate, locate_or_embedded, parse_source

pytest_plugins = ["hub_fixtures"]


@pytest.mark.parametrize(
    ("source", "parts"),
    [("a/b", ("a/b", None)), ("a/b@v1.0", ("a/b", "v1.0")), ("a/b@refs/pr/1", ("a/b", "refs/pr/1"))],
)
def test_a_repo_is_written_user_name_revision(source, parts):
    assert parse_source(source) == parts


@pytest.mark.parametrize(
    "source", ["weights-typo", "a/b/c", "a/b@", "a/b@x..y", "a/b@ v1", "./a/b", "../a", "/a/b", "a b/c", "a/b@x y"]
)
def test_a_malformed_source_is_named(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match="there is no such folder") as error:
        locate(source)
    assert str(error.value).startswith(f"{source}:")


def test_an_existing_folder_wins_over_a_repo_of_that_name(tmp_path, monkeypatch):
    folder = write_weights(tmp_path / "user" / "net")
    monkeypatch.chdir(tmp_path)
    found = locate(REPO)
    assert (found.folder.resolve(), found.name, found.revision) == (folder, REPO, None)
    assert locate(f"./{REPO}/").name == f"./{REPO}/"


def test_a_path_is_always_a_folder(tmp_path):
    with pytest.raises(WeightsError, match="there is no such weights folder"):
        locate(tmp_path / "nowhere")


def test_without_a_source_no_hub_is_asked(hub, ask, embedded):
    answer = ask("fallback", source=None, embedded=str(embedded))
    assert (answer["name"], answer["notices"]) == (str(embedded), [])
    assert hub.requests == []


def test_missing_embedded_weights_are_an_error(tmp_path):
    with pytest.raises(WeightsError, match="there is no such weights folder"):
        locate_or_embedded(None, tmp_path / "nowhere")


# Fetching


def test_weights_come_byte_for_byte_and_nothing_else_is_fetched(hub, ask):
    hub.model(REPO).commit({**FILES, "pytorch_model.bin": b"pickle"})
    head = hub.model(REPO).head
    answer = ask("locate", source=REPO)
    assert content(answer) == MODEL
    assert (answer["name"], answer["revision"]) == (f"{REPO}@{head}", head)
    assert set(answer["files"]) == {"model.safetensors", "config.json"}
    assert {path.rsplit("/", 1)[1] for method, path in hub.requests if "/resolve/" in path} == set(answer["files"])


def test_further_files_come_on_request_where_the_repo_has_them(ask):
    answer = ask("locate", source=REPO, also=["split.json", "absent.json"])
    assert set(answer["files"]) == {"model.safetensors", "config.json", "split.json"}
    assert content(answer, "split.json") == FILES["split.json"]


def test_branch_tag_and_commit_each_give_their_own_state(hub, ask):
    repo = hub.model(REPO)
    first = repo.head
    repo.refs |= {"v1": first, "refs/pr/1": first}
    repo.commit({**FILES, "config.json": b'{"threshold": 0.9}\n'})
    for revision in ("v1", "refs/pr/1", first):
        answer = ask("locate", source=f"{REPO}@{revision}")
        assert answer["name"] == f"{REPO}@{first}"
        assert content(answer, "config.json") == FILES["config.json"]
    assert content(ask("locate", source=f"{REPO}@main"), "config.json") == b'{"threshold": 0.9}\n'


def test_a_cached_commit_needs_no_network_and_a_branch_does(hub, ask):
    head = hub.model(REPO).head
    ask("locate", source=f"{REPO}@{head}")
    hub.requests.clear()
    hub.fail("", 500)
    assert content(ask("locate", source=f"{REPO}@{head}")) == MODEL
    assert hub.requests == []
    assert "500" in ask("locate", source=REPO, timeout=1)["error"]


def test_offline_on_request_means_the_cache(hub, tmp_path):
    env = hub.env(tmp_path)
    argv = [sys.executable, "-c", SNIPPET, "locate", json.dumps({"source": REPO, "pace": 1})]
    subprocess.run(argv, env=env, cwd=ROOT, check=True, capture_output=True)
    hub.requests.clear()
    offline = {**env, "HF_HUB_OFFLINE": "1"}
    answer = json.loads(subprocess.check_output(argv, env=offline, cwd=ROOT))
    assert content(answer) == MODEL
    empty = {**offline, "HF_HOME": str(tmp_path / "empty")}
    assert "HF_HUB_OFFLINE is set" in json.loads(subprocess.check_output(argv, env=empty, cwd=ROOT))["error"]
    assert hub.requests == []


@pytest.mark.parametrize("damaged", [False, True])
def test_a_file_in_the_store_that_repos_share_is_checked_by_its_own_hash(hub, ask, tmp_path, damaged):
    # The library keeps files of the Hub's Xet storage once for all repos, under their Xet hash, behind a second link.
    head = ask("locate", source=REPO)["revision"]
    (link,) = (tmp_path / "home").rglob(f"snapshots/{head}/model.safetensors")
    blob = link.resolve()
    shared = blob.parents[2] / "blobs" / "01" / ("01" * 32)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(shared)
    if damaged:
        shared.write_bytes(MODEL[:1000])
    hub.requests.clear()
    assert content(ask("locate", source=f"{REPO}@{head}")) == MODEL
    assert bool(hub.requests) is damaged
    assert shared.exists() is not damaged


def test_pickled_weights_are_refused_by_name(hub, ask):
    hub.add_repo("user/pickled", {"pytorch_model.bin": b"x", "old.pt": b"x", "config.json": b"{}"})
    answer = ask("locate", source="user/pickled")
    error = (
        "user/pickled has no model.safetensors; not loaded, as pickled files can run code: old.pt, pytorch_model.bin"
    )
    assert answer["error"].startswith(error)
    hub.add_repo("user/foreign", {"model.safetensors": MODEL})
    assert ask("locate", source="user/foreign")["error"].startswith("user/foreign has no config.json")
    assert not any("/resolve/" in path for _, path in hub.requests)


def test_a_damaged_file_in_the_cache_is_fetched_again(ask, tmp_path):
    head = ask("locate", source=REPO)["revision"]
    (weights,) = (tmp_path / "home").rglob(f"snapshots/{head}/model.safetensors")
    weights.resolve().write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    assert content(ask("locate", source=f"{REPO}@{head}")) == MODEL

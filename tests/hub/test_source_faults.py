"""Every way the Hub can fail: what the user reads, how long it takes, and what stands in."""

import time

import numpy as np
import pytest
from hub_process import FILES, MODEL, REPO, content
from safetensors.numpy import save

pytest_plugins = ["hub_fixtures"]

START_LIMIT = 15.0

# What the Hub answers, and what the user reads


def test_a_private_repo_without_and_with_tokens(hub, ask):
    hub.add_repo("user/secret", FILES, private=True)
    message = ask("locate", source="user/secret", token=None)["error"]
    assert "private" in message
    assert "hf auth login" in message
    assert "HF_TOKEN" in message
    message = ask("locate", source="user/secret", token="hf_expired")["error"]
    assert "does not accept the token (401)" in message
    assert content(ask("locate", source="user/secret")) == MODEL


def test_no_such_repo_or_revision(hub, ask):
    assert f"there is no such repo on {hub.url}" in ask("locate", source="user/absent")["error"]
    assert "there is no revision 'v9'" in ask("locate", source=f"{REPO}@v9")["error"]
    unknown = "0" * 40
    assert f"there is no revision '{unknown}'" in ask("locate", source=f"{REPO}@{unknown}")["error"]


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (403, {}, "forbidden (403)"),
        (403, {"X_Error_Code": "GatedRepo"}, "the repo is gated; ask for access"),
        (404, {}, "there is no such repo"),
        (429, {"Retry_After": "60"}, "too many requests (429); try again in 60 s"),
        (418, {}, "answered 418"),
    ],
)
@pytest.mark.parametrize("where", ["/api/models", "/resolve/"])
def test_each_refusal_has_its_own_message_at_once(hub, ask, status, headers, message, where):
    hub.fail(where, status, **headers)
    answer = ask("locate", source=REPO)
    assert message in answer["error"]
    assert answer["error"].startswith(f"reading {REPO}: ")
    assert answer["class"] == "HubError"
    assert answer["seconds"] < 2


def test_a_file_that_vanished_in_between(hub, ask):
    hub.fail("/resolve/.*config", 404, X_Error_Code="EntryNotFound")
    assert "no such file in the repo" in ask("locate", source=REPO)["error"]


@pytest.mark.parametrize("where", ["/api/models", "/resolve/.*safetensors"])
def test_a_short_rate_limit_is_waited_for(hub, ask, where):
    hub.fail(where, 429, times=2, Retry_After="1")
    answer = ask("locate", source=REPO)
    assert content(answer) == MODEL


@pytest.mark.parametrize(
    ("where", "method"), [("/api/models", None), ("/resolve/", "HEAD"), ("/resolve/.*safetensors", "GET")]
)
def test_three_server_errors_are_outlasted(hub, ask, where, method):
    hub.fail(where, 500, times=3, method=method)
    assert content(ask("locate", source=REPO)) == MODEL


def test_a_lasting_server_error(hub, ask):
    hub.fail("", 503)
    answer = ask("locate", source=REPO)
    assert "the Hub reports an internal error (503); try again later" in answer["error"]


# The way there


def test_no_network(hub, ask):
    hub.server.shutdown()
    hub.server.server_close()
    answer = ask("locate", source=REPO)
    assert f"{hub.url} cannot be reached" in answer["error"]
    assert answer["seconds"] < 2


def test_an_answer_that_is_not_from_a_hub(hub, ask):
    hub.fail("/api/models", 200)  # its body is not what a Hub says of a repo
    assert "error" in ask("locate", source=REPO, timeout=2)


@pytest.mark.parametrize(
    ("where", "method"),
    [
        ("/api/models", "GET"),
        ("/resolve/.*config", "HEAD"),
        ("/resolve/.*config", "GET"),
        ("/resolve/.*safetensors", "HEAD"),
        ("/resolve/.*safetensors", "GET"),
    ],
)
def test_a_hub_that_never_answers_costs_the_time_limit_once(hub, ask, where, method):
    hub.hang(where, method=method)
    answer = ask("locate", source=REPO, timeout=1)
    assert hub.url in answer["error"]
    assert "(waited 1 s)" in answer["error"]
    assert 1 <= answer["seconds"] < 2


def test_a_hub_that_falls_silent_in_the_middle(hub, ask):
    hub.cut("safetensors", 70_000, hang=True)
    answer = ask("locate", source=REPO, timeout=1)
    assert f"fell silent after 70,000 of {len(MODEL) + len(FILES['config.json']):,} bytes" in answer["error"]
    assert answer["seconds"] < 3


def test_a_connection_that_is_cut_once_goes_on(hub, ask):
    hub.cut("safetensors", 70_000, times=1)
    assert content(ask("locate", source=REPO)) == MODEL


def test_a_connection_that_is_always_cut(hub, ask, tmp_path):
    hub.cut("safetensors", 70_000)
    answer = ask("locate", source=REPO)
    assert f"the connection to {hub.url} broke" in answer["error"]
    assert answer["seconds"] < 10
    assert not list((tmp_path / "home").rglob("*.incomplete"))


def test_a_dropped_question_is_asked_again(hub, ask):
    hub.lose_answer("/api/models", times=2)
    assert content(ask("locate", source=REPO)) == MODEL


def test_a_short_file(hub, ask):
    hub.shorten("/resolve/.*safetensors", 10, times=1)
    assert "a file arrived incomplete" in ask("locate", source=REPO)["error"]
    assert content(ask("locate", source=REPO)) == MODEL


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_wrong_hash_is_reported_and_the_file_is_removed(hub, ask, name):
    hub.corrupt(f"/resolve/.*{name}", times=1)
    assert f"{name} of {REPO} is damaged: its hash is" in ask("locate", source=REPO)["error"]
    assert content(ask("locate", source=REPO), name) == FILES[name]


def test_a_slow_download_takes_longer_than_the_limit_of_silence(hub, ask):
    big = save({"weight": np.zeros(1_000_000, dtype=np.float32)})
    hub.add_repo("user/big", {**FILES, "model.safetensors": big})
    hub.trickle("safetensors", chunk=200_000, pause=0.1)
    answer = ask("locate", source="user/big", timeout=1)
    assert content(answer) == big
    assert answer["seconds"] > 1.9


# Falling back


def cause(hub, fault):
    """Let `hub` have a fault."""
    faults = {
        "no network": lambda: (hub.server.shutdown(), hub.server.server_close()),
        "401": lambda: hub.fail("", 401),
        "403": lambda: hub.fail("", 403),
        "404": lambda: hub.fail("", 404, X_Error_Code="RepoNotFound"),
        "429": lambda: hub.fail("", 429, Retry_After="60"),
        "500": lambda: hub.fail("", 500),
        "cut": lambda: hub.cut("/resolve/.*safetensors", 70_000),
        "hash": lambda: hub.corrupt("/resolve/.*safetensors"),
        "size": lambda: hub.shorten("/resolve/.*safetensors", 1),
        "hang": lambda: hub.hang(""),
        "hang on the file": lambda: hub.hang("/resolve/.*safetensors"),
        "stall": lambda: hub.cut("/resolve/.*safetensors", 70_000, hang=True),
    }
    faults[fault]()


FAULTS = ("no network", "401", "403", "404", "429", "500", "cut", "hash", "size", "hang", "hang on the file", "stall")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_falls_back_to_the_embedded_weights_in_time(hub, ask, embedded, fault):
    cause(hub, fault)
    # With its default where that is what counts; the others would only wait longer.
    limit = {} if fault in ("hang", "500") else {"timeout": 2}
    started = time.monotonic()
    answer = ask("fallback", source=REPO, embedded=str(embedded), pace=1, **limit)
    # The limit of the whole page; loading weights and opening the port take the rest.
    assert time.monotonic() - started < START_LIMIT - 3
    assert (answer["name"], answer["revision"]) == (str(embedded), None)
    (notice,) = answer["notices"]
    assert notice.startswith(f"The weights {REPO} could not be loaded from the Hub (")
    assert notice.endswith(f"In use instead: the weights that come with this program, {embedded}.")


@pytest.mark.parametrize("fault", ["no network", "401", "hash"])
def test_a_cached_copy_comes_before_the_embedded_weights(hub, ask, embedded, fault):
    first = ask("locate", source=REPO)["revision"]
    hub.model(REPO).commit({**FILES, "model.safetensors": save({"weight": np.ones(40_000, dtype=np.float32)})})
    cause(hub, fault)
    answer = ask("fallback", source=REPO, embedded=str(embedded))
    assert answer["name"] == f"{REPO}@{first}"
    assert content(answer) == MODEL
    assert f"the copy in the local cache, revision {first}" in answer["notices"][0]


def test_the_cache_stands_in_for_the_same_revision_only(hub, ask, embedded):
    repo = hub.model(REPO)
    first = repo.head
    repo.refs["v1"] = first
    second = repo.commit({**FILES, "config.json": b'{"threshold": 0.9}\n'})
    ask("locate", source=f"{REPO}@v1")
    cause(hub, "404")
    assert ask("fallback", source=f"{REPO}@v1", embedded=str(embedded))["revision"] == first
    for revision in (second, "v2", "main"):
        assert ask("fallback", source=f"{REPO}@{revision}", embedded=str(embedded))["name"] == str(embedded)
    # Without a revision, whatever the cache has of the repo is better than none of it.
    assert ask("fallback", source=REPO, embedded=str(embedded))["revision"] == first


def test_a_branch_that_moved_leads_to_its_old_copy_until_the_new_one_is_there(hub, ask, embedded):
    repo = hub.model(REPO)
    first = repo.refs["release"] = repo.head
    ask("locate", source=f"{REPO}@release")
    larger = save({"weight": np.ones(40_000, dtype=np.float32)})
    second = repo.refs["release"] = repo.commit({**FILES, "model.safetensors": larger})
    hub.cut("/resolve/.*safetensors", 1000)
    assert ask("fallback", source=f"{REPO}@release", embedded=str(embedded))["revision"] == first
    hub.faults.clear()
    assert ask("fallback", source=f"{REPO}@release", embedded=str(embedded))["revision"] == second


def test_a_damaged_cached_copy_is_not_used(hub, ask, embedded, tmp_path):
    head = ask("locate", source=REPO)["revision"]
    (weights,) = (tmp_path / "home").rglob(f"snapshots/{head}/model.safetensors")
    weights.resolve().write_bytes(MODEL[:1000])
    cause(hub, "no network")
    assert ask("fallback", source=REPO, embedded=str(embedded))["name"] == str(embedded)


def test_a_malformed_name_has_no_fallback(ask, embedded):
    assert ask("fallback", source="no-such-folder", embedded=str(embedded))["class"] == "WeightsError"

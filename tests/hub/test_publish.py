"""Publishing weights: all files in one commit or none, and the user learns which."""

import pytest
from hub_process import FILES, MODEL, REPO, content, write_weights

pytest_plugins = ["hub_fixtures"]


@pytest.fixture
def weights(tmp_path):
    folder = write_weights(tmp_path / "weights")
    (folder / "notes.txt").write_text("stays here")
    (folder / "checkpoint.pt").write_bytes(b"stays here")
    return folder


def lfs_puts(hub):
    return [path for method, path in hub.requests if method == "PUT"]


def test_a_push_is_one_commit_of_five_files_and_comes_back_byte_for_byte(hub, ask, weights):
    hub.lfs.clear()
    answer = ask("push", folder=str(weights), repo_id="user/new")
    repo = hub.model("user/new")
    assert len(repo.commits) == 2  # the Hub's own first one, and this
    assert {name: data for name, data in repo.files.items() if name != ".gitattributes"} == FILES
    assert lfs_puts(hub), "the weights go through LFS"
    assert answer["text"] == (f"published in one commit: user/new@{repo.head} ({hub.url}/user/new/commit/{repo.head})")
    assert repo.private is False
    back = ask("locate", source="user/new", also=list(FILES))
    assert {name: content(back, name) for name in FILES} == FILES


def test_the_confusion_of_classes_goes_along_where_there_is_one(hub, ask, weights):
    (weights / "confusion.png").write_bytes(b"a plot")
    ask("push", folder=str(weights), repo_id="user/new")
    files = {name: data for name, data in hub.model("user/new").files.items() if name != ".gitattributes"}
    assert files == {**FILES, "confusion.png": b"a plot"}


def test_a_second_push_sends_what_changed(hub, ask, weights):
    ask("push", folder=str(weights), repo_id="user/new")
    sent = len(lfs_puts(hub))
    (weights / "config.json").write_bytes(b'{"threshold": 0.7}')
    ask("push", folder=str(weights), repo_id="user/new")
    repo = hub.model("user/new")
    assert len(repo.commits) == 3
    assert repo.files["config.json"] == b'{"threshold": 0.7}'
    assert len(lfs_puts(hub)) == sent
    same = ask("push", folder=str(weights), repo_id="user/new")
    assert len(repo.commits) == 3
    assert repo.head in same["text"]


def test_the_onnx_file_is_published_if_asked_for_and_never_stays_beside_other_weights(hub, ask, weights):
    assert "no model.onnx;" in ask("push", folder=str(weights), repo_id="user/new", onnx=True)["error"]
    (weights / "model.onnx").write_bytes(b"graph")
    ask("push", folder=str(weights), repo_id="user/new")
    repo = hub.model("user/new")
    assert "model.onnx" not in repo.files
    ask("push", folder=str(weights), repo_id="user/new", onnx=True)
    assert repo.files["model.onnx"] == b"graph"
    (weights / "model.safetensors").write_bytes(MODEL[::-1])
    ask("push", folder=str(weights), repo_id="user/new")
    assert "model.onnx" not in repo.files
    assert repo.files["model.safetensors"] == MODEL[::-1]
    assert len(repo.commits) == 4


def test_a_private_push_never_goes_to_a_public_repo(hub, ask, weights):
    ask("push", folder=str(weights), repo_id="user/new", private=True)
    assert hub.model("user/new").private is True
    before = hub.model(REPO).head
    assert "is public" in ask("push", folder=str(weights), repo_id=REPO, private=True)["error"]
    assert hub.model(REPO).head == before


@pytest.mark.parametrize("name", FILES)
def test_an_incomplete_folder_is_not_published(hub, ask, weights, name):
    (weights / name).unlink()
    answer = ask("push", folder=str(weights), repo_id="user/new")
    assert f"no {name};" in answer["error"]
    assert answer["class"] == "WeightsError"
    assert hub.requests == []


def test_without_a_token_nothing_is_asked(hub, ask, weights):
    message = ask("push", folder=str(weights), repo_id="user/new", token=None)["error"]
    assert "hf auth login" in message
    assert "HF_TOKEN" in message
    assert hub.requests == []
    assert "(401)" in ask("push", folder=str(weights), repo_id="user/new", token="hf_expired")["error"]
    assert "without a revision" in ask("push", folder=str(weights), repo_id="user/new@main")["error"]


PUSH_STEPS = ("/api/repos/create", "/api/models/user/net$", "/preupload/", "/info/lfs/", "/lfs-store/", "/commit/")


@pytest.mark.parametrize("step", PUSH_STEPS[1:])  # who may not create repos may still write to one that exists
def test_a_push_that_fails_anywhere_changes_nothing_and_says_so(hub, ask, weights, step):
    (weights / "model.safetensors").write_bytes(MODEL[::-1])
    before = hub.model(REPO).head
    hub.fail(step, 403)
    message = ask("push", folder=str(weights), repo_id=REPO)["error"]
    assert hub.model(REPO).head == before
    assert message.startswith(f"publishing to {REPO}: forbidden (403)")
    assert "nothing was published" in message


def test_a_new_repo_that_may_not_be_created(hub, ask, weights):
    hub.fail("/api/repos/create", 403)
    message = ask("push", folder=str(weights), repo_id="user/new")["error"]
    assert message.startswith("publishing to user/new: ")
    assert message.endswith("; nothing was published")


@pytest.mark.parametrize("step", PUSH_STEPS)
def test_a_push_outlasts_three_server_errors(hub, ask, weights, step):
    (weights / "model.safetensors").write_bytes(MODEL[::-1])
    hub.fail(step, 500, times=3)
    answer = ask("push", folder=str(weights), repo_id=REPO)
    assert hub.model(REPO).files["model.safetensors"] == MODEL[::-1]
    assert hub.model(REPO).head in answer["text"]
    assert len(hub.model(REPO).commits) == 2


def test_a_commit_whose_answer_is_lost_is_found_and_not_repeated(hub, ask, weights):
    (weights / "model.safetensors").write_bytes(MODEL[::-1])
    hub.lose_answer("/commit/")
    answer = ask("push", folder=str(weights), repo_id=REPO)
    assert len(hub.model(REPO).commits) == 2
    assert hub.model(REPO).head in answer["text"]


def test_an_upload_that_arrives_damaged_is_refused_whole(hub, ask, weights):
    (weights / "model.safetensors").write_bytes(MODEL[::-1])
    hub.fail("/lfs-store/.*", 400, method="PUT")
    before = hub.model(REPO).head
    assert "nothing was published" in ask("push", folder=str(weights), repo_id=REPO)["error"]
    assert hub.model(REPO).head == before


def test_a_push_that_nobody_can_check_says_that_it_does_not_know(hub, ask, weights):
    (weights / "model.safetensors").write_bytes(MODEL[::-1])
    hub.lose_answer("/commit/")
    hub.fail("/api/models/user/net$", 403, once="/commit/")
    message = ask("push", folder=str(weights), repo_id=REPO)["error"]
    assert "it is unknown whether the files were published" in message
    assert f"check {hub.url}/{REPO}, or publish again" in message

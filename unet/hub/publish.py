"""Publishing files on the Hub: all of them in one commit, or none, and the user learns which.

A commit on the Hub is atomic, so the only doubtful case is a commit whose answer never arrived. Then the files of the
repo are compared with those that were sent.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.hf_api import ModelInfo, RepoSibling, SpaceInfo

from unet.errors import HubError, WeightsError
from unet.hub.client import LOGIN, RETRY_PAUSES, Watch, explain, seconds_to_wait
from unet.hub.file_names import ONNX_FILE, OPTIONAL_FILES, PUBLISHED_FILES
from unet.hub.source import file_hash, parse_source, stated_hash

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
SLOWEST_UPLOAD = 50_000  # bytes per second; a slower upload counts as stuck


@dataclass(frozen=True)
class Published:
    """What was published on the Hub; `str()` is a sentence for the user."""

    repo: str  # user/name
    revision: str  # 40-hex commit with all files
    url: str  # of that commit

    def __str__(self) -> str:
        return f"published in one commit: {self.repo}@{self.revision} ({self.url})"


def check_target(repo_id: str) -> None:
    """Check before a long computation, and without a request, that `repo_id` can be published to.

    Raises:
        WeightsError: `repo_id` is not of the form `user/name`.
        HubError: No token is set.
    """
    if parse_source(repo_id)[1] is not None:
        raise WeightsError(f"{repo_id}: give the repo to publish to as user/name, without a revision")
    if get_token() is None:
        raise HubError(f"publishing to {repo_id}: no token for the Hub is set; log in with {LOGIN}")


def push_weights(folder: str | Path, repo_id: str, *, private: bool = False, onnx: bool = False) -> Published:
    """Publish a weights folder as a model repo in one commit: `PUBLISHED_FILES`, and `OPTIONAL_FILES` that are there.

    The repo, `user/name`, is created if it does not exist. With `private`, an existing public one is refused. With
    `onnx`, the ONNX file is published, too; without, one that earlier weights left in the repo is deleted.

    Raises:
        WeightsError: A file is missing, or `repo_id` has another form.
        HubError: The files were not published; says why, and in which state the repo is.
    """
    folder = Path(folder)
    names = (*PUBLISHED_FILES, ONNX_FILE) if onnx else PUBLISHED_FILES
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"{folder}: no {', '.join(missing)}; a weights folder is published with all of them")
    names = (*names, *(name for name in OPTIONAL_FILES if (folder / name).is_file()))
    files = {name: (folder / name).read_bytes() for name in names}
    api = HfApi()
    before = open_repo(api, repo_id, private=private)
    message = "Upload weights, scores and model card"
    old = [file.rfilename for file in before if file.rfilename == ONNX_FILE and not onnx]
    return commit_files(api, repo_id, files, before=before, message=message, delete=old)


def open_repo(
    api: HfApi,
    repo_id: str,
    *,
    kind: str = "model",
    private: bool = False,
    hardware: str | None = None,
    prepare: Callable[[], object] = lambda: None,
) -> list[RepoSibling]:
    """Make sure that a repo exists and can be written to, and list its files.

    Args:
        api: Client of the Hub.
        repo_id: `user/name`.
        kind: `model` or `space` (with Gradio).
        private: Whether the repo should be private; an existing public repo is refused.
        hardware: Hardware of a new Space, by its name on the Hub.
        prepare: Called once the repo exists, within the same time limit.

    Raises:
        WeightsError: `repo_id` is not of the form `user/name`.
        HubError: No token, no permission, or no answer.
    """
    check_target(repo_id)

    def work() -> list[RepoSibling]:
        api.create_repo(
            repo_id,
            repo_type=kind,
            private=private or None,
            exist_ok=True,
            space_sdk="gradio" if kind == "space" else None,
            space_hardware=hardware,  # type: ignore[arg-type]  # a plain string is sent as it is
        )
        info = _describe(api, repo_id, kind)
        if private and not info.private:
            raise HubError(f"{repo_id} exists and is public; make it private on the Hub first, or leave out --private")
        prepare()
        return list(info.siblings or [])

    try:
        return Watch(ANSWER_SECONDS).run(work)
    except Exception as error:
        raise HubError(f"{explain(error, repo_id, doing='publishing to')}; nothing was published") from error


def commit_files(
    api: HfApi,
    repo_id: str,
    files: Mapping[str, bytes],
    *,
    before: Sequence[RepoSibling],
    message: str,
    kind: str = "model",
    delete: Sequence[str] = (),
) -> Published:
    """Upload `files`, content by path, to a repo in one commit that also deletes the paths `delete`.

    `before` are the files in the repo now, from `open_repo`, whose `repo_id` and `kind` are given again.

    Raises:
        HubError: Says whether the repo is unchanged, or that this is unknown.
    """
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete]
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    operations += [CommitOperationDelete(path) for path in delete]
    timeout = ANSWER_SECONDS + sum(map(len, files.values())) / SLOWEST_UPLOAD
    for pause in (*RETRY_PAUSES, None):
        try:
            # Whether a failed commit may be sent again is decided below, from what is in the repo.
            done = Watch(timeout, retry=False).run(
                lambda: api.create_commit(repo_id, operations, commit_message=message, repo_type=kind)
            )
            return Published(repo_id, done.oid, done.commit_url)
        except Exception as error:
            reason = explain(error, repo_id, doing="publishing to")
            published = _find_published(api, repo_id, kind, files, delete, reason)
            if published and not _has_files(before, files, delete):
                logger.warning("%s; but all files are in the repo", reason)
                return published
            wait = seconds_to_wait(error, pause)
            if wait is None or wait > ANSWER_SECONDS:
                raise HubError(f"{reason}; nothing was published, {repo_id} is unchanged") from error
            logger.warning("%s; nothing was published yet, trying again in %g s", reason, wait)
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _describe(api: HfApi, repo_id: str, kind: str) -> ModelInfo | SpaceInfo:
    describe = api.space_info if kind == "space" else api.model_info
    return describe(repo_id, files_metadata=True, timeout=ANSWER_SECONDS)


def _find_published(
    api: HfApi, repo_id: str, kind: str, files: Mapping[str, bytes], delete: Sequence[str], reason: HubError
) -> Published | None:
    """The newest commit of the repo if it has all of `files`, None if not."""
    page = f"{constants.ENDPOINT}/{'' if kind == 'model' else f'{kind}s/'}{repo_id}"
    try:
        info = Watch(ANSWER_SECONDS).run(lambda: _describe(api, repo_id, kind))
    except Exception as error:
        raise HubError(
            f"{reason}; it is unknown whether the files were published, because the Hub does not say: check {page}, "
            "or publish again, which does no harm"
        ) from error
    if info.sha is None or not _has_files(info.siblings or [], files, delete):
        return None
    return Published(repo_id, info.sha, f"{page}/commit/{info.sha}")


def _has_files(listing: Sequence[RepoSibling], files: Mapping[str, bytes], delete: Sequence[str]) -> bool:
    """Whether a repo's listing has all of `files` with the same content, and none of `delete`."""
    hashes = {file.rfilename: stated_hash(file) or "" for file in listing}
    same = (path in hashes and hashes[path] == file_hash(content, hashes[path]) for path, content in files.items())
    return hashes.keys().isdisjoint(delete) and all(same)

"""Putting files on the Hub: whole, in one commit, or not at all, and saying which.

A commit on the Hub is atomic, so the only doubt is a commit whose answer never came. Then the repo itself is asked.
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
from unet.hub.names import PUBLISHED_FILES
from unet.hub.source import file_hash, parse_source, stated_hash

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
SLOWEST_UPLOAD = 50_000
"""Bytes per second; an upload that takes longer than at this rate counts as stuck."""


@dataclass(frozen=True)
class Published:
    """Where something was put on the Hub; `str()` is a sentence for the user."""

    repo: str
    """user/name."""
    revision: str
    """40-hex commit that holds all of it."""
    url: str
    """Address of that commit."""

    def __str__(self) -> str:
        return f"published whole, in one commit: {self.repo}@{self.revision} ({self.url})"


def check_target(repo_id: str) -> None:
    """Refuse what cannot be published to, without asking the Hub; for before a long computation.

    Raises:
        WeightsError: `repo_id` is not of the form user/name.
        HubError: no token is set.
    """
    if parse_source(repo_id)[1] is not None:
        raise WeightsError(f"{repo_id}: publishing goes to user/name, without a revision")
    if get_token() is None:
        raise HubError(f"publishing to {repo_id}: no token for the Hub is set; log in with {LOGIN}")


def push_weights(folder: str | Path, repo_id: str, *, private: bool = False) -> Published:
    """Publish a weights folder as a model repo: exactly `PUBLISHED_FILES`, in one commit.

    Args:
        folder: holds those five files; others in it stay here.
        repo_id: `user/name`, created if need be.
        private: create it private.

    Raises:
        WeightsError: a file is missing, or `repo_id` has another form.
        HubError: not published; says why, and what the repo holds now.
    """
    folder = Path(folder)
    missing = [name for name in PUBLISHED_FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"{folder}: no {', '.join(missing)}; a weights folder is published whole or not at all")
    files = {name: (folder / name).read_bytes() for name in PUBLISHED_FILES}
    api = HfApi()
    before = open_repo(api, repo_id, private=private)
    return commit_whole(api, repo_id, files, before=before, message="Upload weights, scores and model card")


def open_repo(
    api: HfApi,
    repo_id: str,
    *,
    kind: str = "model",
    private: bool = False,
    hardware: str | None = None,
    prepare: Callable[[], object] = lambda: None,
) -> list[RepoSibling]:
    """Make sure that a repo is there and may be written to.

    Args:
        api: client of the Hub.
        repo_id: `user/name`.
        kind: `model` or `space` (a Gradio one).
        private: create it private; an existing public repo is refused.
        hardware: of a new Space, as the Hub names it.
        prepare: called once the repo is there, within the same time limit.

    Returns:
        The files that it holds.

    Raises:
        WeightsError: `repo_id` is not of the form user/name.
        HubError: no token, no right, or no answer.
    """
    check_target(repo_id)

    def work() -> list[RepoSibling]:
        sdk = "gradio" if kind == "space" else None
        api.create_repo(
            repo_id,
            repo_type=kind,
            private=private or None,
            exist_ok=True,
            space_sdk=sdk,
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


def commit_whole(
    api: HfApi,
    repo_id: str,
    files: Mapping[str, bytes],
    *,
    before: Sequence[RepoSibling],
    message: str,
    kind: str = "model",
    delete: Sequence[str] = (),
) -> Published:
    """Put `files` into a repo with one commit.

    Args:
        api: client of the Hub.
        repo_id: `user/name`.
        files: content by path.
        before: what the repo holds now (see `open_repo`).
        message: of the commit.
        kind: `model` or `space`.
        delete: paths to remove in the same commit.

    Raises:
        HubError: says whether the repo is as before, or that this could not be found out.
    """
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in files.items()
    ]
    operations += [CommitOperationDelete(path_in_repo=path) for path in delete]
    patience = ANSWER_SECONDS + sum(map(len, files.values())) / SLOWEST_UPLOAD
    for pause in (*RETRY_PAUSES, None):
        try:
            # No retry here: whether a failed commit may be sent again is decided here, after a look at the repo.
            done = Watch(patience, retry=False).run(
                lambda: api.create_commit(repo_id, operations, commit_message=message, repo_type=kind)
            )
            return Published(repo_id, done.oid, done.commit_url)
        except Exception as error:
            reason = explain(error, repo_id, doing="publishing to")
            landed = _what_landed(api, repo_id, kind, files, delete, reason)
            if landed and not _holds(before, files, delete):
                logger.warning("%s; but the repo has it all", reason)
                return landed
            wait = seconds_to_wait(error, pause)
            if wait is None or wait > ANSWER_SECONDS:
                raise HubError(f"{reason}; nothing was published, {repo_id} holds what it held before") from error
            logger.warning("%s; nothing was published yet, trying again in %g s", reason, wait)
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _describe(api: HfApi, repo_id: str, kind: str) -> ModelInfo | SpaceInfo:
    describe = api.space_info if kind == "space" else api.model_info
    return describe(repo_id, files_metadata=True, timeout=ANSWER_SECONDS)


def _what_landed(
    api: HfApi, repo_id: str, kind: str, files: Mapping[str, bytes], delete: Sequence[str], reason: HubError
) -> Published | None:
    """The head of the repo if it holds the whole of `files`, None if not."""
    try:
        info = Watch(ANSWER_SECONDS).run(lambda: _describe(api, repo_id, kind))
    except Exception as error:
        prefix = "" if kind == "model" else f"{kind}s/"
        raise HubError(
            f"{reason}; whether it was published is not known, because the Hub does not tell: look at "
            f"{constants.ENDPOINT}/{prefix}{repo_id}, or publish again, which does no harm"
        ) from error
    if info.sha is None or not _holds(info.siblings or [], files, delete):
        return None
    prefix = "" if kind == "model" else f"{kind}s/"
    return Published(repo_id, info.sha, f"{constants.ENDPOINT}/{prefix}{repo_id}/commit/{info.sha}")


def _holds(listing: Sequence[RepoSibling], files: Mapping[str, bytes], delete: Sequence[str]) -> bool:
    """Whether a repo's listing has every one of `files` with that very content, and none of `delete`."""
    known = {file.rfilename: stated_hash(file) for file in listing}
    if any(path in known for path in delete):
        return False
    return all(known.get(path) == file_hash(content, known.get(path) or "") for path, content in files.items())

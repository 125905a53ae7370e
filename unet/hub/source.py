"""Where weights come from: a local folder, or a repo on the Hugging Face Hub and its local cache.

A source is an existing folder (which comes first), `user/name`, or `user/name@revision` (branch, tag or 40-hex
commit). Only the weights file and `config.json` are downloaded from a repo, never a pickled file, and each is compared
with the hash that the Hub states for it.
"""

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, scan_cache_dir, try_to_load_from_cache
from huggingface_hub.errors import CacheNotFound, HFValidationError
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import validate_repo_id

from unet.errors import HubError, WeightsError
from unet.hub.client import Watch, explain
from unet.hub.file_names import CONFIG_FILE, LOADED_FILES, WEIGHTS_FILE, pickled_hint

logger = logging.getLogger(__name__)

# Shorter than the time-out of `locate`: the page should open within 15 s, imports and loading included.
FALLBACK_SECONDS = 7.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Location:
    """A folder that holds weights, and where they come from."""

    folder: Path  # holds model.safetensors and config.json
    name: str  # the folder as given, or user/name@commit
    revision: str | None = None  # 40-hex commit, None for a folder


def parse_source(source: str) -> tuple[str, str | None]:
    """Split `user/name[@revision]` into repo and revision (None: the main branch).

    Raises:
        WeightsError: `source` does not have that form.
    """
    repo, at, revision = source.partition("@")
    with contextlib.suppress(HFValidationError):
        validate_repo_id(repo)
        if repo.count("/") == 1 and (not at or re.fullmatch(r"(?!.*\.\.)[\w.+/-]+", revision)):
            return repo, revision or None
    form = "(user/name or user/name@revision)"
    raise WeightsError(f"{source}: there is no such folder, and it is not a repo on the Hub {form}")


def locate(source: str | Path, *, timeout: float = 10.0, also: Sequence[str] = ()) -> Location:
    """Find the weights that `source` names, and download them from the Hub if necessary.

    Args:
        source: Existing folder, `user/name` or `user/name@revision`; a `Path` is always a folder. A commit (40-hex)
            that is in the cache needs no network.
        timeout: Seconds of silence from the Hub, in all, after which it counts as unreachable. A slow download that
            keeps going has no time limit.
        also: Names of further files to download where the repo has them.

    Raises:
        HubError: The Hub cannot be reached, refuses, or has no loadable weights there. There is no fallback.
        WeightsError: `source` is neither a folder nor well formed.
    """
    folder = _folder_of(Path(source))
    if os.path.isdir(folder) or isinstance(source, Path):
        return _local(source if folder == Path(source) else folder)
    repo, revision = parse_source(source)
    if constants.HF_HUB_OFFLINE or (revision and _COMMIT.fullmatch(revision)):
        cached = _find_cached(repo, revision, also)
        if cached:
            return cached
    watch = Watch(timeout)
    try:
        # The watch should notice silence first, since it knows what has arrived; this ends the abandoned thread.
        return watch.run(lambda: _download(repo, revision, also, watch, timeout + 5))
    except Exception as error:
        raise explain(error, repo, revision) from error


def locate_or_embedded(
    source: str | None, embedded: Path, *, timeout: float = FALLBACK_SECONDS
) -> tuple[Location, list[str]]:
    """Like `locate`, but falls back to the cache, then to the weights folder `embedded`, when the Hub fails.

    Without a `source` the location is `embedded`, and the Hub is not asked.

    Returns:
        The location, and sentences for log and page about what happened (empty if nothing failed).

    Raises:
        WeightsError: `source` is neither a folder nor well formed, or `embedded` is needed and missing.
    """
    if source is None:
        return _local(embedded), []
    try:
        return locate(source, timeout=timeout), []
    except HubError as error:
        failed = f"The weights {source} could not be loaded from the Hub ({error}). In use instead:"
    cached = _find_cached(*parse_source(source))
    if cached:
        return cached, [f"{failed} the copy in the local cache, revision {cached.revision}."]
    return _local(embedded), [f"{failed} the weights that come with this program, {embedded}."]


def _folder_of(source: Path) -> Path:
    """The weights folder, if one of its files is named instead.

    Raises:
        WeightsError: `source` is another file.
    """
    if source.name in LOADED_FILES and not os.path.isdir(source):
        if not os.path.isfile(source):
            raise WeightsError(f"{source}: there is no such file")
        return source.parent
    if os.path.isfile(source):
        needed = " and ".join(LOADED_FILES)
        raise WeightsError(f"{source} is a file; weights are a folder that holds {needed}")
    return source


def _local(folder: str | Path) -> Location:
    if not os.path.isdir(folder):
        raise WeightsError(f"{folder}: there is no such weights folder")
    return Location(Path(folder), str(folder))


def _download(repo: str, revision: str | None, also: Sequence[str], watch: Watch, timeout: float) -> Location:
    api = HfApi()
    info = api.model_info(repo, revision=revision, timeout=timeout, files_metadata=True)
    files = _choose_files(repo, info, also)
    watch.expected = sum(file.size or 0 for file in files)
    # By commit, so that all files are of one commit even if someone pushes in the meantime.
    commit, bar = info.sha, watch.progress_bar()
    assert commit is not None, "the Hub does not state its commit"
    for file in files:
        path = Path(hf_hub_download(repo, file.rfilename, revision=commit, etag_timeout=timeout, tqdm_class=bar))
        _check_hash(path, repo, stated_hash(file))
    # Records in the cache which commit the branch or tag refers to, now that its files are there: until then the record
    # leads to the copy that was complete before. Its result is not used: it can be an old record.
    api.resolve_revision(repo, revision=revision)
    return Location(path.parent, f"{repo}@{commit}", commit)


def _choose_files(repo: str, info: ModelInfo, also: Sequence[str]) -> list[RepoSibling]:
    files = {file.rfilename: file for file in info.siblings or []}
    if WEIGHTS_FILE not in files:
        raise HubError(f"{repo} has no {WEIGHTS_FILE}{pickled_hint(files)}")
    if CONFIG_FILE not in files:
        raise HubError(f"{repo} has no {CONFIG_FILE}; is {WEIGHTS_FILE} for another program?")
    return [files[name] for name in (*also, *LOADED_FILES) if name in files]


def _find_cached(repo: str, revision: str | None, also: Sequence[str] = ()) -> Location | None:
    """The cache's newest folder for a revision, if it is complete and undamaged."""
    for candidate in [revision] if revision else _cached_revisions(repo):
        found = [try_to_load_from_cache(repo, name, revision=candidate) for name in (*LOADED_FILES, *also)]
        paths = [Path(path) for path in found if isinstance(path, str)]
        try:
            for path in paths:
                # The first link leads to a file named by its hash, which can itself be a link to a store of all repos.
                _check_hash(path, repo, path.readlink().name if path.is_symlink() else None)
        except HubError as error:
            logger.warning("%s", error)
            continue
        if len(paths) == len(found):
            folder = paths[0].parent
            return Location(folder, f"{repo}@{folder.name}", folder.name)
    return None


def _cached_revisions(repo: str) -> Iterator[str]:
    """The main branch, then all cached commits, newest first: any copy is better than none."""
    yield constants.DEFAULT_REVISION
    try:
        repos = [cached for cached in scan_cache_dir().repos if (cached.repo_id, cached.repo_type) == (repo, "model")]
    except CacheNotFound:
        return
    revisions = (revision for cached in repos for revision in cached.revisions)
    yield from (item.commit_hash for item in sorted(revisions, key=lambda item: -item.last_modified))


def stated_hash(file: RepoSibling) -> str | None:
    """The hash that the Hub states for a file: SHA-256 for LFS files, git blob id for others."""
    return file.lfs.sha256 if file.lfs else file.blob_id


def file_hash(content: bytes, like: str) -> str:
    """The hash of a file's content in hex: its SHA-256 if `like` is one (LFS), else its git blob id."""
    if _SHA256.fullmatch(like):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _check_hash(path: Path, repo: str, stated: str | None) -> None:
    """Remove a cached file whose content does not have the hash `stated`, and raise `HubError`."""
    if not stated or not (_SHA256.fullmatch(stated) or _COMMIT.fullmatch(stated)):
        return  # a cache without links, as on Windows, does not state the hash
    found = file_hash(path.read_bytes(), stated)
    if found != stated:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise HubError(
            f"{path.name} of {repo} is damaged: its hash is {found[:12]}…, the Hub states {stated[:12]}…; "
            "the damaged copy was removed, try again"
        )

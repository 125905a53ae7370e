"""Where weights come from: a local folder, or a repo on the Hugging Face Hub through the Hub's cache.

A source is an existing folder (which wins), `user/name`, or `user/name@revision` (branch, tag or 40-hex commit). From
a repo only `model.safetensors` and `config.json` are fetched, never a pickled file, and each is compared with the hash
that the Hub (or the cache, which names files by it) has for it.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import validate_repo_id

from unet.errors import HubError, WeightsError
from unet.hub.client import Watch, explain
from unet.hub.names import CONFIG_FILE, LOADED_FILES, WEIGHTS_FILE

logger = logging.getLogger(__name__)

FALLBACK_SECONDS = 7.0
"""Less than `locate` waits: the page is to answer within 15 s of its start, imports and loading included."""

PICKLED_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_COMMIT = re.compile(r"[0-9a-f]{40}")
"""Also a git blob id, by which the Hub and its cache know small files."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Location:
    """A folder that holds weights, and where they come from."""

    folder: Path
    """Holds `model.safetensors` and `config.json`."""
    name: str
    """The folder as given, or `user/name@commit`."""
    revision: str | None = None
    """40-hex commit, None for a folder."""


def parse_source(source: str) -> tuple[str, str | None]:
    """Split `user/name[@revision]` into repo and revision (None: the main branch).

    Raises:
        WeightsError: `source` does not have that form.
    """
    repo, at, revision = source.partition("@")
    try:
        validate_repo_id(repo)
        well_formed = repo.count("/") == 1
    except HFValidationError:
        well_formed = False
    if at and not re.fullmatch(r"(?!.*\.\.)[\w.+/-]+", revision):
        well_formed = False
    if not well_formed:
        raise WeightsError(
            f"{source}: no such folder, and not a repo on the Hub either (user/name or user/name@revision)"
        )
    return repo, revision or None


def locate(source: str | Path, *, timeout: float = 10.0, also: Sequence[str] = ()) -> Location:
    """Find the weights that `source` names, fetching them from the Hub if need be.

    Args:
        source: existing folder, `user/name` or `user/name@revision`; a `Path` is always a folder. A commit (40-hex)
            that the cache holds needs no network.
        timeout: seconds of silence from the Hub, in all, after which it counts as away. A slow download that keeps
            going takes the time it takes.
        also: names of further files to fetch where the repo has them.

    Raises:
        HubError: the Hub cannot be reached, refuses, or holds no loadable weights. There is no fallback.
        WeightsError: `source` is neither a folder nor well formed.
    """
    if Path(source).is_dir():
        return Location(Path(source), str(source))
    if isinstance(source, Path):
        raise WeightsError(f"{source}: no such weights folder")
    repo, revision = parse_source(source)
    if constants.HF_HUB_OFFLINE and (commit := _remembered(repo, revision)):
        revision = commit  # offline on request: what the cache knows is all there is
    if revision and _COMMIT.fullmatch(revision):
        folder = _cached(repo, revision, also)
        if folder:
            return Location(folder, f"{repo}@{revision}", revision)
    return _fetch(repo, revision, timeout, also)


def locate_or_embedded(
    source: str | None, embedded: Path, *, timeout: float = FALLBACK_SECONDS
) -> tuple[Location, list[str]]:
    """Like `locate`, but a Hub that fails is replaced by the cache, and that by the folder `embedded`.

    Args:
        source: as for `locate`; None takes `embedded` without asking any Hub.
        embedded: weights folder that comes with the program.
        timeout: as for `locate`, but shorter, see `FALLBACK_SECONDS`.

    Returns:
        The location, and sentences for log and page that tell what happened (empty when all is well).

    Raises:
        WeightsError: `source` is neither a folder nor well formed, or `embedded` is wanted and missing.
    """
    if source is None:
        return _embedded(embedded), []
    try:
        return locate(source, timeout=timeout), []
    except HubError as error:
        failed = f"The weights {source} could not be had from the Hub ({error})."
    repo, revision = parse_source(source)
    commit = _remembered(repo, revision)
    folder = _cached(repo, commit) if commit else None
    if folder and commit:
        return Location(folder, f"{repo}@{commit}", commit), [
            f"{failed} In use instead: the copy in the local cache, revision {commit}."
        ]
    return _embedded(embedded), [f"{failed} In use instead: the weights that come with this program, {embedded}."]


def _embedded(folder: Path) -> Location:
    if not folder.is_dir():
        raise WeightsError(f"{folder}: no such weights folder")
    return Location(folder, str(folder))


def _fetch(repo: str, revision: str | None, timeout: float, also: Sequence[str]) -> Location:
    watch = Watch(timeout)
    # The watch is to notice first, for it can tell what came. This one frees the thread that is left behind.
    timeout += 5

    def work() -> tuple[Path, str]:
        info = HfApi().model_info(repo, revision=revision, timeout=timeout, files_metadata=True)
        wanted = _choose_files(repo, info, also)
        watch.expected = sum(file.size or 0 for file in wanted)
        if info.sha is None:
            raise HubError(f"reading {repo}: the Hub names no commit for it")
        # By commit from here on, so that both files are of one commit even if someone pushes meanwhile.
        for file in wanted:
            path = Path(
                hf_hub_download(
                    repo,
                    file.rfilename,
                    revision=info.sha,
                    etag_timeout=timeout,
                    tqdm_class=watch.progress_bar(),
                )
            )
            _verify(path, repo, file)
        return path.parent, info.sha

    try:
        folder, commit = watch.run(work)
    except Exception as error:
        raise explain(error, repo, revision) from error
    _remember(repo, revision, commit)
    return Location(folder, f"{repo}@{commit}", commit)


def _choose_files(repo: str, info: ModelInfo, also: Sequence[str]) -> list[RepoSibling]:
    files = {file.rfilename: file for file in info.siblings or []}
    if WEIGHTS_FILE not in files:
        pickled = sorted(name for name in files if name.endswith(PICKLED_SUFFIXES))
        hint = f"; {', '.join(pickled)} is not loaded, because pickled files can run code" if pickled else ""
        raise HubError(f"{repo} holds no {WEIGHTS_FILE}{hint}")
    if CONFIG_FILE not in files:
        raise HubError(f"{repo} holds no {CONFIG_FILE}; is {WEIGHTS_FILE} for another program?")
    return [files[name] for name in (*also, *LOADED_FILES) if name in files]


def digest(content: bytes, like: str) -> str:
    """The SHA-256 of a file's content where `like` is one (LFS), else its git blob id, both in hex."""
    if _SHA256.fullmatch(like):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _verify(path: Path, repo: str, expected: RepoSibling | None = None) -> None:
    """Compare a cached file with what the Hub says of it, or else with its name in the cache; remove a damaged one."""
    known = path.resolve().name
    if expected is not None:
        known = expected.lfs.sha256 if expected.lfs else expected.blob_id or known
    if not (_SHA256.fullmatch(known) or _COMMIT.fullmatch(known)):
        return  # the cache has no links on this system, and nothing is known of the file
    found = digest(path.read_bytes(), known)
    if found != known:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise HubError(
            f"{path.name} of {repo} is damaged: its hash is {found[:12]}…, the Hub says {known[:12]}…; "
            "the damaged copy was removed, try again"
        )


def _repo_cache(repo: str) -> Path:
    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _cached(repo: str, commit: str, also: Sequence[str] = ()) -> Path | None:
    """The cache's folder of one commit, if it is complete and undamaged."""
    folder = _repo_cache(repo) / "snapshots" / commit
    names = (*LOADED_FILES, *also)
    if not all((folder / name).is_file() for name in names):
        return None
    try:
        for name in names:
            _verify(folder / name, repo)
    except HubError as error:
        logger.warning("%s", error)
        return None
    return folder


def _remembered(repo: str, revision: str | None) -> str | None:
    """The commit that `revision` last stood for, as far as the cache knows."""
    if revision and _COMMIT.fullmatch(revision):
        return revision
    cache = _repo_cache(repo)
    ref = cache / "refs" / (revision or "main")
    if ref.is_file():
        return ref.read_text().strip()
    if revision is None:
        # A commit fetched by its number leaves no reference: any complete one of the repo is better than none.
        folders = sorted((cache / "snapshots").glob("*"), key=lambda folder: folder.stat().st_mtime)
        complete = [folder.name for folder in folders if all((folder / name).is_file() for name in LOADED_FILES)]
        return complete[-1] if complete else None
    return None


def _remember(repo: str, revision: str | None, commit: str) -> None:
    """Note what a branch or tag stands for, where the Hub client keeps such notes too."""
    if revision and _COMMIT.fullmatch(revision):
        return
    ref = _repo_cache(repo) / "refs" / (revision or "main")
    try:
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit)
    except OSError as error:
        logger.warning("the cache does not remember %s of %s: %s", revision or "main", repo, error)

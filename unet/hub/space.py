"""Publish the page as a Hugging Face Space, its weights pinned.

    python -m unet.space USER/NAME --weights USER/MODEL

Only what the page needs is uploaded. The header of the uploaded README.md names the model and its commit: `models:` for
the page of the Space on the Hub, `preload_from_hub:` so that the weights are in the cache before the Space starts, and
both for `pinned_model`, which tells the page what to load. The local README.md is not changed.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from huggingface_hub import HfApi, RepoCard, metadata_load

from unet.errors import ConfigError, HubError, UnetError
from unet.hub.client import Watch, explain
from unet.hub.file_names import CARD_FILE, LOADED_FILES, PUBLISHED_FILES, WEIGHTS_FILE
from unet.hub.publish import ANSWER_SECONDS, Published, commit_files, open_repo
from unet.hub.source import parse_source

ROOT = Path(__file__).resolve().parents[2]
PLAIN_FILES = ("app.py", "requirements.txt", CARD_FILE, "LICENSE")
FOLDERS = ("unet", "examples")  # uploaded with all their files except caches and hidden files
# The Hub's name of each choice; that of ZeroGPU still contains its first GPU.
HARDWARE = {"cpu": "cpu-basic", "zerogpu": "zero-a10g"}
# ZeroGPU supports certain versions only, see https://huggingface.co/docs/hub/spaces-zerogpu.
ZEROGPU_PYTHON = "3.12"
ZEROGPU_TORCH = "2.8.0"
SPACES_PACKAGE = "spaces==0.51.3"
VARIABLES = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}

_LOCAL_LINK = re.compile(r"""\]\(([^)\s]+)|(?:src|href)=["']([^"']+)["']""")


def pinned_model(readme: Path) -> str | None:
    """The model that publishing wrote into the header of `readme`, as `user/name@commit`; None if there is none.

    Raises:
        ConfigError: The header is not valid YAML, or its list of models has another form.
    """
    if not readme.is_file():
        return None
    try:
        header = metadata_load(readme) or {}
    except (ValueError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{readme}: the header between the --- lines is not valid ({error})") from error
    models = header.get("models") or []
    if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
        raise ConfigError(f"{readme}: models in the header should be a list of user/name, not {models!r}")
    if not models:
        return None
    for entry in header.get("preload_from_hub") or []:
        repo, *rest = str(entry).split()
        if repo == models[0] and len(rest) == 2:
            return f"{repo}@{rest[1]}"
    return models[0]


def space_files(root: Path, model: str, commit: str, *, hardware: str = "cpu") -> dict[str, bytes]:
    """The content, by path, of all files of a Space that serves the program in `root` with `model` at `commit`.

    `model` is `user/name`, `commit` has 40 hex digits, and `hardware` is a key of `HARDWARE`.

    Raises:
        ConfigError: A file that the Space needs is missing, or README.md or requirements.txt cannot be adapted.
    """
    paths = [root / name for name in PLAIN_FILES]
    paths += [root / "weights" / name for name in PUBLISHED_FILES]
    paths += [root / name for name in linked_files(root)]
    for folder in FOLDERS:
        paths += sorted(path for path in (root / folder).rglob("*") if path.is_file() and _is_needed(path, root))
    missing = [str(path.relative_to(root)) for path in paths if not path.is_file()]
    if missing:
        raise ConfigError(f"{root}: the Space needs files that are missing: {', '.join(missing)}")
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    files[CARD_FILE] = adapt_readme(files[CARD_FILE].decode(), model, commit, hardware).encode()
    files["requirements.txt"] = adapt_requirements(files["requirements.txt"].decode(), hardware).encode()
    return files


def _is_needed(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return not any(part.startswith(".") or part == "__pycache__" for part in parts) and path.suffix != ".pyc"


def linked_files(root: Path) -> list[str]:
    """Paths of the local pictures in README.md, relative to `root`: the Hub renders it from the files of the Space."""
    text = (root / CARD_FILE).read_text(encoding="utf-8") if (root / CARD_FILE).is_file() else ""
    links = {first or second for first, second in _LOCAL_LINK.findall(text)}
    shown = {link for link in links if Path(link).suffix.lower() in (".png", ".jpg", ".svg", ".webp", ".gif")}
    return sorted(link for link in shown if "://" not in link and ".." not in Path(link).parts)


def adapt_readme(text: str, model: str, commit: str, hardware: str) -> str:
    """README.md with the pinned model and the settings of the hardware in its header.

    Raises:
        ConfigError: There is no valid header of a Gradio Space.
    """
    try:
        card = RepoCard(text, ignore_metadata_errors=False)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"README.md: the header between the --- lines is not valid ({error})") from error
    if card.data.get("sdk") != "gradio":
        raise ConfigError("README.md: there is no header of a Gradio Space (sdk: gradio)")
    card.data["models"] = [model]
    card.data["preload_from_hub"] = [f"{model} {','.join(LOADED_FILES)} {commit}"]
    card.data["suggested_hardware"] = HARDWARE[hardware]
    if hardware == "zerogpu":
        card.data["python_version"] = ZEROGPU_PYTHON
    return str(card)


def adapt_requirements(text: str, hardware: str) -> str:
    """requirements.txt for the hardware: ZeroGPU needs a version of torch that it supports and the package `spaces`.

    Raises:
        ConfigError: No line pins torch.
    """
    if hardware != "zerogpu":
        return text
    adapted, count = re.subn(r"^torch==\S+", f"torch=={ZEROGPU_TORCH}", text, flags=re.MULTILINE)
    if count != 1:
        raise ConfigError("requirements.txt: there should be one line that pins torch, to be adapted to ZeroGPU")
    return adapted.rstrip("\n") + f"\n{SPACES_PACKAGE}\n"


def find_model(api: HfApi, source: str) -> tuple[str, str]:
    """Repo and 40-hex commit of the model `user/name[@revision]`.

    Raises:
        WeightsError: `source` has another form.
        HubError: There is no such public model with weights, or the Hub does not answer.
    """
    repo, revision = parse_source(source)
    try:
        info = Watch(ANSWER_SECONDS).run(lambda: api.model_info(repo, revision=revision, timeout=ANSWER_SECONDS))
    except Exception as error:
        raise explain(error, repo, revision) from error
    missing = [name for name in LOADED_FILES if name not in {file.rfilename for file in info.siblings or []}]
    if missing:
        raise HubError(f"{repo} has no {' and no '.join(missing)}; publish the weights first")
    if info.private:
        raise HubError(f"{repo} is private, and a Space can only preload public models; make it public first")
    if info.sha is None:
        raise HubError(f"{repo}: the Hub does not state its commit")
    return repo, info.sha


def publish_space(
    space: str, weights: str, *, hardware: str = "cpu", private: bool = False, variables: Mapping[str, str] = {}
) -> Published:
    """Create or update a Space that serves `weights`: variables first, then all files in one commit.

    Args:
        space: `user/name`, created if it does not exist.
        weights: `user/name[@revision]` of a public model on the Hub.
        hardware: `cpu` or `zerogpu`.
        private: Whether the Space should be private.
        variables: Environment variables in addition to `VARIABLES`; anyone can read them.

    Raises:
        UnetError: The Space was not published; says why.
    """
    if hardware not in HARDWARE:
        raise ConfigError(f"unknown hardware {hardware!r}; choose from {', '.join(HARDWARE)}")
    api = HfApi()
    model, commit = find_model(api, weights)
    files = space_files(ROOT, model, commit, hardware=hardware)

    def prepare() -> None:
        for key, value in {**VARIABLES, **variables}.items():
            api.add_space_variable(space, key, value)
        if hardware == "zerogpu":  # an existing CPU Space may have been given better hardware by hand
            api.request_space_hardware(space, HARDWARE[hardware])  # type: ignore[arg-type]

    before = open_repo(api, space, kind="space", private=private, hardware=HARDWARE[hardware], prepare=prepare)
    # Modules of an earlier version could still be imported.
    stale = [f.rfilename for f in before if f.rfilename.split("/")[0] in FOLDERS and f.rfilename not in files]
    message = f"Serve {model} at {commit[:8]}"
    return commit_files(api, space, files, before=before, message=message, kind="space", delete=stale)


def _variable(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*", key):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key, value


def main(argv: Sequence[str] | None = None) -> int:
    """Command line of the module; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m unet.space", description="Publish the page as a Space.")
    add = parser.add_argument
    add("space", metavar="USER/NAME", help="the Space, created if it does not exist")
    add("--weights", required=True, metavar="USER/MODEL[@REVISION]", help=f"repo with {WEIGHTS_FILE}")
    add("--hardware", choices=tuple(HARDWARE), default="cpu")
    add("--private", action="store_true", help="create the Space private")
    add("--variable", dest="variables", type=_variable, action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args(argv)
    given.variables = dict(given.variables)
    try:
        print(publish_space(**vars(given)))
    except UnetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0

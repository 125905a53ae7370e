"""This checkout beside an earlier one: the same tasks, in turn, in processes that run side by side.

    git worktree add ../before 24960ac
    python benchmarks/before.py --before ../before [--rounds N]

Both use the earlier one's weights. Writes the first part of benchmarks/speed.md.
"""

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import common
import httpx
from server import REQUEST_SECONDS, free_port, running, segment
from speed import MEGAPIXELS, SMALL_OBJECT, astronaut

NETWORK = {"network 1": "the network, one picture of 288 x 288", "network 8": "the network, a batch of eight"}
CALLERS = "the network, 24 pictures from four callers at once"
BUSY = "the network, one picture, beside a busy process"


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


def row(name: str, before: Callable[[], float], now: Callable[[], float], rounds: int) -> list[str]:
    """A line of the table: the medians of both, measured in turn after one round of warming up, and their ratio."""
    both = [(before(), now()) for _ in range(rounds + 1)][1:]
    earlier, later = (statistics.median(values) for values in zip(*both, strict=True))
    line = [name, f"{1000 * earlier:.0f}", f"{1000 * later:.0f}", f"{earlier / later:.2f}"]
    print(*line, sep=" | ", flush=True)
    return line


def worker_rows(before: Worker, now: Worker, rounds: int) -> list[list[str]]:
    """The network, and from the bytes of a JPEG to its mask."""

    def compare(name: str, task: str, other: str = "") -> list[str]:
        return row(name, lambda: before.seconds(task), lambda: now.seconds(other or task), rounds)

    rows = [compare(name, task) for task, name in NETWORK.items()]
    rows.append(compare(CALLERS, "callers"))
    with busy():
        rows.append(compare(BUSY, "network 1"))
    for size in MEGAPIXELS:
        rows.append(compare(f"JPEG of {size:g} megapixels to mask", f"mask {size:g}"))
    for size in MEGAPIXELS:
        name = f"the same of a small object, now with a closer look, {size:g} megapixels"
        rows.append(compare(name, f"mask far {size:g}", f"closer far {size:g}"))
    return rows


def server_rows(before: Path, rounds: int) -> list[list[str]]:
    """`/segment` as a client sees it, pictures not fetched; each server waits while the other is asked."""
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(timeout=REQUEST_SECONDS))
        urls = []
        for root in (before, common.ROOT):
            url = f"http://127.0.0.1:{free_port()}"
            command = [sys.executable, "app.py", "--weights", str(before / "weights"), "--port", url.rsplit(":", 1)[1]]
            stack.enter_context(running(command, f"{url}/config", root))
            urls.append(url)

        def ask(url: str, content: bytes) -> float:
            answer = segment(client, url, "photo.jpg", content)
            if answer.error:
                raise RuntimeError(answer.error)
            return answer.milliseconds / 1000

        rows = []
        for size in MEGAPIXELS:
            content = astronaut(size)
            earlier, later = (partial(ask, url, content) for url in urls)
            name = f"`/segment` of {size:g} megapixels, the server's own time"
            rows.append(row(name, earlier, later, max(3, rounds // 2)))
        return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, metavar="DIR", help="checkout of the earlier commit")
    parser.add_argument("--rounds", type=int, default=12, metavar="N", help="measurements of each (default: 12)")
    options = parser.parse_args()
    before = options.before.resolve()
    with tempfile.TemporaryDirectory() as folder:
        for size in MEGAPIXELS:
            (Path(folder) / f"{size:g}.jpg").write_bytes(astronaut(size))
            (Path(folder) / f"far {size:g}.jpg").write_bytes(astronaut(size, SMALL_OBJECT))
        workers = [Worker(root, before / "weights", Path(folder)) for root in (before, common.ROOT)]
        try:
            rows = worker_rows(workers[0], workers[1], options.rounds)
        finally:
            for worker in workers:
                worker.process.kill()
    rows += server_rows(before, options.rounds)
    report = (
        f"{common.machine()}. Medians of {options.rounds} measurements in turn, of the server of "
        f"{max(3, options.rounds // 2)}; before is the commit {common.commit(before)}.\n\n"
        + common.markdown_table(["", "before, ms", "now, ms", "times as fast"], rows)
        + f"\n\n`{common.command_line()}`"
    )
    common.replace_block(common.ROOT / "benchmarks" / "speed.md", "before", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

"""Load and memory of the running app: `python app.py` in a process of its own, asked over HTTP.

    python benchmarks/serving.py [--clients N ...] [--requests N] [--minutes N] [--before DIR] [--rembg COMMAND]

Throughput and waiting times with many clients at once, each answer compared with the mask of its own picture; with 64
of them, some send broken files and some hang up. Then the memory that large pictures take, its growth over many mixed
requests, and the time to the first answer beside a bare Gradio app that imports torch. Writes benchmarks/serving.md.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import common
import httpx
import numpy as np
import psutil
from photographs import MEGAPIXELS
from server import (
    REQUEST_SECONDS,
    PeakMemory,
    begin_segment,
    finish_segment,
    free_port,
    running,
    running_app,
    segment,
    upload,
)
from serving_load import BROKEN, HEADER, MIXED, SIDE, draw, load, long_load, rembg_load

from unet import Predictor
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob

PICTURES = 8  # different ones in the load test
WARM_UP = 150  # requests before growth is measured: more than the sessions and results that are kept
LARGE = (12, 48)  # megapixels whose memory is measured
BARE = """
import sys, torch, gradio
gradio.Interface(lambda picture: picture, "image", "image").launch(server_port=int(sys.argv[1]), quiet=True)
"""


def size_of(megapixels: float) -> tuple[int, int]:
    """Height and width of a picture of so many megapixels, 4 : 3."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    return height, height * 4 // 3


def request_rows(url: str, rounds: int = 5) -> list[list[str]]:
    """Where the time of one request goes, when nobody else asks: medians in milliseconds."""
    rows = []
    with httpx.Client(timeout=REQUEST_SECONDS) as client:
        for megapixels in MEGAPIXELS:
            content = draw(7, size_of(megapixels))
            parts: list[list[float]] = []
            for turn in range(rounds + 1):
                times = [time.perf_counter()]
                path = upload(client, url, "picture.jpg", content)
                times.append(time.perf_counter())
                answer = finish_segment(client, url, begin_segment(client, url, path))
                times.append(time.perf_counter())
                if answer.error:
                    raise RuntimeError(answer.error)
                for file in answer.files:
                    client.get(file).raise_for_status()
                times.append(time.perf_counter())
                uploading, calling, fetching = (1000 * seconds for seconds in np.diff(times))
                own = answer.milliseconds
                if turn:  # the first one warms up
                    parts.append([uploading, own, calling - own, fetching, uploading + calling + fetching])
            rows.append([f"{megapixels:g} megapixels", *(f"{middle:.0f}" for middle in np.median(parts, axis=0))])
    return rows


def memory_rows(url: str, process: psutil.Process) -> list[list[str]]:
    """What a large picture takes above idle, and how long it takes."""
    rows = []
    with httpx.Client(timeout=REQUEST_SECONDS) as client:
        for megapixels in LARGE:
            content = draw(7, size_of(megapixels))
            idle = process.memory_info().rss
            seconds = []
            with PeakMemory(process) as memory:
                for _ in range(3):
                    started = time.perf_counter()
                    answer = segment(client, url, "large.jpg", content)
                    seconds.append(time.perf_counter() - started)
                    if answer.error:
                        raise RuntimeError(answer.error)
            rows.append(
                [
                    f"{megapixels} megapixels",
                    f"{statistics.median(seconds):.2f}",
                    f"{(memory.peak - idle) / 2**20:.0f}",
                    f"{memory.peak / 2**20:.0f}",
                ]
            )
    return rows


def growth(url: str, process: psutil.Process, requests: int) -> float:
    """Bytes that the server is larger at the end of `requests` mixed requests than at that of its warm-up.

    What it holds differs from one request to the next, so each is the median over the last 50.
    """
    contents = [draw(seed, (300 + 90 * seed, 400 + 120 * seed)) for seed in range(6)] + [BROKEN]

    def ask(count: int) -> float:
        held = []
        with httpx.Client(timeout=REQUEST_SECONDS) as client:
            for number in range(count):
                segment(client, url, "mixed.jpg", contents[number % len(contents)])
                held.append(process.memory_info().rss)
        return statistics.median(held[-50:])

    before = ask(WARM_UP)
    return ask(requests) - before


def start_row(rounds: int) -> list[list[str]]:
    """Seconds from the command to the first answered request, in turn with a bare Gradio app."""
    seconds: dict[str, list[float]] = {"app.py": [], "a bare Gradio app that imports torch": []}
    for turn in range(rounds + 1):
        for name, values in seconds.items():
            port = str(free_port())
            program = ["app.py", "--port"] if name == "app.py" else ["-c", BARE]
            with running([sys.executable, *program, port], f"http://127.0.0.1:{port}/config") as (_, taken):
                if turn:  # the first round warms the disk's cache
                    values.append(taken)
    return [[name, f"{statistics.median(v):.2f}", f"{min(v):.2f}-{max(v):.2f}"] for name, v in seconds.items()]


def load_rows(
    url: str, before: Path | None, counts: Sequence[int], contents: Sequence[bytes], masks: Sequence[np.ndarray]
) -> tuple[list[list[str]], list[list[str]]]:
    """So many clients at once, of this server, and of that and an earlier checkout's in turn."""
    rows, compared = [], []
    with ExitStack() as stack:
        earlier = stack.enter_context(running_app(before))[1] if before else ""
        for address in (url, earlier) if before else (url,):
            load(address, 1, contents, None)  # warms up
        for clients in counts:
            now = load(url, clients, contents, masks)
            rows.append(now.row())
            print(*rows[-1], sep=" | ", flush=True)
            if before:
                then = load(earlier, clients, contents, None)
                line = [then.rate, now.rate, then.wait(0.5), now.wait(0.5), then.wait(0.99), now.wait(0.99)]
                figures = [f"{value:.1f}" for value in line[:2]] + [f"{value:.0f}" for value in line[2:]]
                compared.append([now.clients, *figures[:2], f"{now.rate / then.rate:.2f}", *figures[2:]])
                print(*compared[-1], sep=" | ", flush=True)
    return rows, compared


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64], metavar="N", help="at once")
    parser.add_argument("--requests", type=int, default=1000, metavar="N", help="over which growth is measured")
    parser.add_argument("--starts", type=int, default=5, metavar="N", help="of each app")
    parser.add_argument("--minutes", type=float, default=0, metavar="N", help="of 64 clients at once")
    parser.add_argument("--before", type=Path, metavar="DIR", help="checkout of an earlier commit, to compare with")
    parser.add_argument("--rembg", metavar="COMMAND", help="rembg's executable, with u2netp in its model folder")
    options = parser.parse_args()

    predictor = Predictor.load(common.ROOT / "weights")
    contents = [draw(seed) for seed in range(PICTURES)]
    masks = [mask_from_prob(predictor.prob8(read_picture(content).rgb), 0.5) for content in contents]
    del predictor
    starts = common.markdown_table(["start to first answer, s", "median", "range"], start_row(options.starts))
    print(starts, flush=True)
    with running_app() as (process, url):
        rows, compared = load_rows(url, options.before, options.clients, contents, masks)
        header = ["one request, ms", "upload", "the server's own", "rest of the call", "fetching 3 pictures", "whole"]
        single = common.markdown_table(header, request_rows(url))
        print(single, flush=True)
    for clients in options.clients[:3] if options.rembg else ():
        rows.append(rembg_load(options.rembg, clients, contents).row("`rembg s` with u2netp: "))
        print(*rows[-1], sep=" | ", flush=True)
    with running_app() as (process, url):
        with httpx.Client(timeout=REQUEST_SECONDS) as client:
            segment(client, url, "first.jpg", contents[0])
        memory = common.markdown_table(
            ["picture", "seconds", "peak above idle, MB", "peak, MB"], memory_rows(url, process)
        )
        print(memory, flush=True)
    with running_app() as (process, url):
        grown = growth(url, process, options.requests) / 2**20
        print(f"grown by {grown:+.0f} MB", flush=True)
    long = ""
    if options.minutes:
        with running_app() as (process, url):
            found, more = long_load(url, process, MIXED, contents, masks, options.minutes)
        long = (
            f"\n\n{found.clients} clients for {options.minutes:g} minute{'s' * (options.minutes != 1)}: "
            f"{len(found.seconds)} answers, each that of its own picture, and {found.broken} refusals; in the last "
            f"fifth of the time the server held {more / 2**20:+.0f} MB more than in the second."
        )
    report = (
        f"{common.machine()}; the clients run on the same cores. A request is the upload of a JPEG of {SIDE[1]} x "
        f"{SIDE[0]}, the call and its\nanswer; each of our masks was fetched and is that of its own picture.\n\n"
        f"{common.markdown_table(HEADER, rows)}\n\n"
    )
    if options.before:
        header = ["clients at once", "a second, before", "now", "times as many", "p50, ms, before", "now"]
        table = common.markdown_table([*header, "p99, ms, before", "now"], compared)
        report += f"The same beside the server of the commit {common.commit(options.before)}:\n\n{table}\n\n"
    report += (
        f"{single}\n\n{memory}\n\nAfter {WARM_UP} requests to warm up, {options.requests} more of mixed sizes and "
        f"broken files made the server {grown:+.0f} MB larger.{long}\n\n{starts}\n\n`{common.command_line()}`"
    )
    common.write_report("serving", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

"""Load and memory of the running app: `python app.py` in a process of its own, asked over HTTP.

    python benchmarks/serving.py [--clients N ...] [--requests N] [--rembg COMMAND]

Throughput and waiting times with many clients at once, each answer compared with the mask of its own picture; with 64
of them, some send broken files and some hang up. Then the memory that large pictures take, its growth over many mixed
requests, and the time to the first answer beside a bare Gradio app that imports torch. Writes benchmarks/serving.md.
"""

import argparse
import io
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import common
import httpx
import numpy as np
import psutil
from PIL import Image
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

from unet import Predictor
from unet.pictures.decode import read_picture
from unet.pictures.draw import mask_from_prob

PICTURES = 8  # different ones in the load test
SIDE = (480, 640)
MIXED = 64  # clients at once, from which on broken files and hang-ups are mixed in
BROKEN = b"this is no picture"
WARM_UP = 150  # requests before growth is measured: more than the sessions and results that are kept
MEGAPIXELS = (0.3, 2, 12, 48)  # of single requests
LARGE = (12, 48)  # megapixels whose memory is measured
BARE = """
import sys, torch, gradio
gradio.Interface(lambda picture: picture, "image", "image").launch(server_port=int(sys.argv[1]), quiet=True)
"""


def draw(seed: int, size: tuple[int, int] = SIDE) -> bytes:
    """A JPEG of soft waves and a bright ellipse, its colours and place from `seed`."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[: size[0], : size[1]]
    centre, radii = rng.uniform(0.3, 0.7, 2) * size, rng.uniform(0.15, 0.3, 2) * size
    inside = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 <= 1
    planes = []
    for _ in range(3):
        wave = np.sin(rows / rng.uniform(20, 90) + columns / rng.uniform(20, 90) + rng.uniform(0, 6))
        planes.append(np.where(inside, rng.uniform(0, 255), 100 + 60 * wave).astype(np.uint8))
    buffer = io.BytesIO()
    Image.fromarray(np.stack(planes, axis=-1)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def percentile(seconds: list[float], share: float) -> str:
    """In milliseconds."""
    return f"{1000 * float(np.quantile(seconds, share)):.0f}"


def load_row(url: str, clients: int, contents: list[bytes], masks: list[np.ndarray]) -> list[str]:
    """So many clients at once, four requests each; every answer is fetched and compared.

    Raises:
        RuntimeError: an answer is not that of its picture, a broken file is not refused, or a request fails.
    """
    each = 4
    rude = clients // 8 if clients >= MIXED else 0
    begun = threading.Barrier(clients)
    seconds: list[float] = []
    served: list[int] = []
    broken: list[int] = []

    def visit(number: int) -> None:
        with httpx.Client(timeout=REQUEST_SECONDS) as client:
            begun.wait()
            for turn in range(each):
                which = (number + turn) % len(contents)
                if number < rude:  # hangs up as soon as the answer begins
                    event = begin_segment(client, url, upload(client, url, "left.jpg", contents[which]))
                    with client.stream("GET", f"{url}/gradio_api/call/segment/{event}"):
                        continue
                if number < 2 * rude:
                    answer = segment(client, url, "broken.jpg", BROKEN)
                    if "broken.jpg is not a picture" not in answer.error:
                        raise RuntimeError(f"a broken file was answered by {answer}")
                    broken.append(number)
                    continue
                started = time.perf_counter()
                answer = segment(client, url, "picture.jpg", contents[which])
                if answer.error:
                    raise RuntimeError(answer.error)
                seconds.append(time.perf_counter() - started)
                served.append(number)
                with Image.open(io.BytesIO(client.get(answer.files[1]).raise_for_status().content)) as mask:
                    if not np.array_equal(np.asarray(mask), masks[which]):
                        raise RuntimeError("an answer belongs to another picture")

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(visit, range(clients)))
    whole = time.perf_counter() - started
    mix = f" ({rude} with broken files, {rude} that hang up)" if rude else ""
    waits = [percentile(seconds, share) for share in (0.5, 0.95, 0.99)]
    return [f"{clients}{mix}", str(len(seconds)), f"{(len(seconds) + len(broken)) / whole:.1f}", *waits]


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


def rembg_row(command: str, clients: int, contents: list[bytes]) -> list[str]:
    """The same pictures through `rembg s`, which serves u2netp."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    seconds: list[float] = []

    def visit(number: int) -> None:
        with httpx.Client(timeout=REQUEST_SECONDS) as client:
            for turn in range(4):
                started = time.perf_counter()
                files = {"file": ("picture.jpg", contents[(number + turn) % len(contents)])}
                data = {"model": "u2netp", "om": "true"}
                client.post(f"{url}/api/remove", files=files, data=data).raise_for_status()
                seconds.append(time.perf_counter() - started)

    with running([command, "s", "--port", port, "--no-ui"], f"{url}/api"):
        visit(0)
        seconds.clear()
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(visit, range(clients)))
        whole = time.perf_counter() - started
    waits = [percentile(seconds, share) for share in (0.5, 0.95, 0.99)]
    return [f"`rembg s` with u2netp: {clients}", str(len(seconds)), f"{len(seconds) / whole:.1f}", *waits]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64], metavar="N", help="at once")
    parser.add_argument("--requests", type=int, default=1000, metavar="N", help="over which growth is measured")
    parser.add_argument("--starts", type=int, default=5, metavar="N", help="of each app")
    parser.add_argument("--rembg", metavar="COMMAND", help="rembg's executable, with u2netp in its model folder")
    options = parser.parse_args()

    predictor = Predictor.load(common.ROOT / "weights")
    contents = [draw(seed) for seed in range(PICTURES)]
    masks = [mask_from_prob(predictor.prob8(read_picture(content).rgb), 0.5) for content in contents]
    del predictor
    starts = common.markdown_table(["start to first answer, s", "median", "range"], start_row(options.starts))
    print(starts, flush=True)
    rows = []
    with running_app() as (process, url):
        load_row(url, 1, contents, masks)
        for clients in options.clients:
            rows.append(load_row(url, clients, contents, masks))
            print(*rows[-1], sep=" | ", flush=True)
        header = ["one request, ms", "upload", "the server's own", "rest of the call", "fetching 3 pictures", "whole"]
        single = common.markdown_table(header, request_rows(url))
        print(single, flush=True)
    for clients in options.clients[:3] if options.rembg else ():
        rows.append(rembg_row(options.rembg, clients, contents))
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
    load = common.markdown_table(["clients at once", "answers", "a second", "p50, ms", "p95, ms", "p99, ms"], rows)
    report = (
        f"{common.machine()}; the clients run on the same cores. A request is the upload of a JPEG of {SIDE[1]} x "
        f"{SIDE[0]}, the call and its\nanswer; each mask was fetched and is that of its own picture.\n\n{load}\n\n"
        f"{single}\n\n{memory}\n\nAfter {WARM_UP} requests to warm up, {options.requests} more of mixed sizes and "
        f"broken files made the server {grown:+.0f} MB larger.\n\n{starts}\n\n`{common.command_line()}`"
    )
    common.write_report("serving", report)
    print(f"\n{report}")


if __name__ == "__main__":
    main()

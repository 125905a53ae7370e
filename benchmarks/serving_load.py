"""Many clients at once, for serving.py: each answer is compared with the mask of its own picture."""

import io
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import numpy as np
import psutil
from PIL import Image
from server import REQUEST_SECONDS, begin_segment, free_port, running, segment, upload

from unet.evaluation.metrics import iou

SIDE = (480, 640)
MIXED = 64  # clients at once, from which on broken files and hang-ups are mixed in
BROKEN = b"this is no picture"
EACH, ALL = 4, 32  # requests: at least so many of each client, and of all clients
SAME = 0.999  # IoU of a mask with its picture's own; of those drawn here, no two share as much as 0.7
RETURN = 1.0  # seconds until a client that has hung up comes back; at once, it would take the cores of the others
MINUTE = 60.0
HEADER = ["clients at once", "answers", "a second", "p50, ms", "p95, ms", "p99, ms"]


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


@dataclass(frozen=True)
class Load:
    """What a number of clients saw."""

    clients: str
    whole: float  # seconds from the first request to the last answer
    broken: int  # broken files that were refused
    seconds: list[float] = field(default_factory=list)  # of each request that was answered with pictures

    @property
    def rate(self) -> float:
        """Answers a second, refusals included."""
        return (len(self.seconds) + self.broken) / self.whole

    def wait(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        return 1000 * float(np.quantile(self.seconds, share))

    def row(self, name: str = "") -> list[str]:
        """A line of the table under `HEADER`."""
        waits = [f"{self.wait(share):.0f}" for share in (0.5, 0.95, 0.99)]
        return [f"{name}{self.clients}", str(len(self.seconds)), f"{self.rate:.1f}", *waits]


def turns(clients: int, minutes: float) -> Iterator[int]:
    """The numbers of one client's requests: so many, or for so long if that takes longer."""
    end = time.monotonic() + minutes * MINUTE
    number = 0
    while number < max(EACH, ALL // clients) or time.monotonic() < end:
        yield number
        number += 1


def load(
    url: str, clients: int, contents: Sequence[bytes], masks: Sequence[np.ndarray] | None, minutes: float = 0
) -> Load:
    """So many clients at once; with `masks`, each mask is fetched and compared with that of its picture.

    The network's rounding differs by the threads that a request gets: single pixels may fall to the threshold's other
    side.

    Raises:
        RuntimeError: an answer is not that of its picture, a broken file is not refused, or a request fails.
    """
    rude = clients // 8 if clients >= MIXED else 0
    begun = threading.Barrier(clients)
    seconds: list[float] = []
    broken: list[int] = []

    def visit(number: int) -> None:
        with httpx.Client(timeout=REQUEST_SECONDS) as client:
            begun.wait()
            for turn in turns(clients, minutes):
                which = (number + turn) % len(contents)
                if number < rude:  # hangs up as soon as the answer begins
                    event = begin_segment(client, url, upload(client, url, "left.jpg", contents[which]))
                    with client.stream("GET", f"{url}/gradio_api/call/segment/{event}"):
                        pass
                    time.sleep(RETURN)
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
                content = client.get(answer.files[1]).raise_for_status().content
                with Image.open(io.BytesIO(content)) as mask:
                    if masks is not None and iou(np.asarray(mask) > 0, masks[which] > 0) < SAME:
                        raise RuntimeError("an answer belongs to another picture")

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(visit, range(clients)))
    whole = time.perf_counter() - started
    mix = f" ({rude} with broken files, {rude} that hang up)" if rude else ""
    return Load(f"{clients}{mix}", whole, len(broken), seconds)


def long_load(
    url: str,
    process: psutil.Process,
    clients: int,
    contents: Sequence[bytes],
    masks: Sequence[np.ndarray],
    minutes: float,
) -> tuple[Load, float]:
    """`load` for some minutes, and the bytes by which the server holds more at the end than after a fifth of them.

    What it holds differs from one moment to the next, so each is the median over a fifth of the time.
    """
    held: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            held.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = load(url, clients, contents, masks, minutes)
    finally:
        done.set()
        watcher.join()
    fifth = len(held) // 5
    return found, statistics.median(held[-fifth:]) - statistics.median(held[fifth : 2 * fifth])


def rembg_load(command: str, clients: int, contents: Sequence[bytes]) -> Load:
    """The same pictures through `rembg s`, which serves u2netp."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    seconds: list[float] = []

    def visit(number: int) -> None:
        with httpx.Client(timeout=REQUEST_SECONDS) as client:
            for turn in turns(clients, 0):
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
    return Load(str(clients), whole, 0, seconds)

"""The watch over work on the Hub, where the local Hub of the tests cannot show it: transfers over Xet."""

import threading
import time

import pytest

from unet.hub.client import HubTimeout, Watch


def test_a_slow_transfer_that_only_the_progress_bar_observes_goes_on():
    watch = Watch(1.0)
    watch.expected = 100

    def work():
        bar = watch.progress_bar()(total=100, disable=True)
        for _ in range(20):
            time.sleep(0.1)
            bar.update(5)
        return "done"

    started = time.monotonic()
    assert watch.run(work) == "done"
    assert time.monotonic() - started > watch.timeout


def test_a_transfer_that_starts_over_for_ever_comes_to_an_end():
    watch, ended = Watch(0.3), threading.Event()
    watch.expected = 100

    def work():
        bar = watch.progress_bar()(total=100, disable=True)
        while not ended.wait(0.01):
            bar.update(50)

    with pytest.raises(HubTimeout, match=r"^fell silent after 100 of 100 bytes \(waited 0.3 s\)$"):
        watch.run(work)
    ended.set()


def test_an_error_of_the_work_reaches_the_caller():
    with pytest.raises(KeyboardInterrupt):
        Watch(10).run(lambda: (_ for _ in ()).throw(KeyboardInterrupt))

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from unet.prediction import threads as network_threads
from unet.prediction.threads import NetworkThreads, free_cores


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    """Nothing else runs on this machine, however many cores it has."""
    monkeypatch.setattr(network_threads, "free_cores", lambda: 64)


def where() -> tuple[int, int]:
    """The thread that this runs on, and how many threads torch uses there."""
    return threading.get_ident(), torch.get_num_threads()


def call_at_once(run, count: int) -> list[tuple[int, int]]:
    """What `run` returns to each of several threads."""
    with ThreadPoolExecutor(count) as pool:
        return [future.result(30) for future in [pool.submit(run) for _ in range(count)]]


def test_alone_a_call_has_all_cores_and_always_the_same_thread():
    run = NetworkThreads(3).on(where)
    places = {run() for _ in range(5)}
    assert len(places) == 1
    (thread, threads), *_ = places
    assert thread != threading.get_ident()
    assert threads == 3


def test_calls_at_the_same_time_have_one_core_each():
    both = threading.Barrier(3, timeout=20)

    def meet() -> tuple[int, int]:
        both.wait()
        return where()

    places = call_at_once(NetworkThreads(2).on(meet), 3)
    assert len({thread for thread, _ in places}) == 3
    assert sorted(threads for _, threads in places) == [1, 1, 2]


def test_many_calls_share_few_threads():
    places = call_at_once(NetworkThreads(2).on(where), 40)
    assert len(places) == 40
    assert len({thread for thread, _ in places}) <= 3


def test_errors_and_arguments_pass_through():
    threads = NetworkThreads(2)
    divide = threads.on(lambda a, b=1: a // b)
    assert divide(7, b=2) == 3
    with pytest.raises(ZeroDivisionError):
        divide(7, b=0)
    assert threads.on(where)()[1] == 2  # the call that failed has ended


def test_the_calling_thread_keeps_its_own_number():
    before = torch.get_num_threads()
    NetworkThreads(2).on(where)()
    assert torch.get_num_threads() == before


def test_beside_other_programs_a_call_has_the_cores_that_they_leave(monkeypatch):
    monkeypatch.setattr(network_threads, "free_cores", lambda: 2)
    assert NetworkThreads(3).on(where)()[1] == 2
    monkeypatch.setattr(network_threads, "free_cores", lambda: 1)
    assert NetworkThreads(3).on(where)()[1] == 1


@pytest.mark.parametrize(
    ("running", "cores"),
    [([1, 1, 1], 8), ([2, 2, 2], 7), ([4, 3, 5], 6), ([9, 30, 12], 1), ([2, 1, 2], 8), ([5, None, 5], 4)],
)
def test_free_cores_are_those_that_nothing_else_runs_on_for_long(running, cores, monkeypatch):
    glances = iter(running)

    class Load:
        def read_text(self):
            if (count := next(glances)) is None:
                raise OSError
            return f"0.33 0.27 0.14 {count}/431 5912\n"

    monkeypatch.setattr(network_threads, "LOAD", Load())
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert free_cores() == cores


def test_where_the_system_does_not_tell_all_cores_are_free(monkeypatch, tmp_path):
    monkeypatch.setattr(network_threads, "LOAD", tmp_path / "nothing")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert free_cores() == 8

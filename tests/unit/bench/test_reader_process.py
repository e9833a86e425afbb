"""A process of readers."""

from __future__ import annotations

import multiprocessing
import resource
import threading
from typing import Any

import pytest

from stoppress.bench.reader_process import (
    _end_with_run,
    _obey,
    _spent,
    need_descriptors,
)
from stoppress.bench.run_plan_and_result import BenchFailed
from tests.unit.bench.test_many_readers_in_one_process import plan
from tests.waiting import WITHIN_S

PLAN = plan(("127.0.0.1", 1))


class Crowd:
    """Notes what it is told to do."""

    received = 12

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.size = 1

    def enter(self, count: int, deadline: float) -> None:
        self.done.append(("enter", count))

    def settle(self) -> None:
        self.done.append(("settle",))

    def read(self, deadline: float) -> None:
        self.done.append(("read",))

    def check(self) -> None:
        self.done.append(("check",))

    def tally(self, sent: Any) -> tuple[dict[int, int], list[float]]:
        return {1: 2}, [0.5]


def test_orders_are_carried_out_in_turn() -> None:
    """A witness first, then the others; what was read is checked."""
    crowd: Any = Crowd()
    assert _obey(crowd, "open", PLAN, 5, []) == {}
    entered = _obey(crowd, "enter", PLAN, 5, [])
    assert entered["entered"] == 4 and entered["seconds"] > 0
    _obey(crowd, "settle", PLAN, 5, [])
    assert {"last", "seconds", "cpu"} <= _obey(crowd, "read", PLAN, 5, []).keys()
    assert crowd.done == [
        ("enter", 1),
        ("enter", 4),
        ("settle",),
        ("read",),
        ("check",),
    ]
    tally = _obey(crowd, "tally", PLAN, 5, [])
    assert tally == {"bytes": 12, "delays": {1: 2}, "lasts": [0.5]}


def test_a_loader_ends_with_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the pipe is closed, and at no order, whatever it is doing."""
    ended = threading.Event()
    monkeypatch.setattr("os._exit", lambda code: ended.set())
    run, loader = multiprocessing.Pipe()
    watch = threading.Thread(target=_end_with_run, args=(loader.fileno(),))
    watch.start()
    run.send("read")
    assert loader.recv() == "read" and not ended.is_set()
    run.close()
    watch.join(WITHIN_S)
    assert ended.is_set()
    loader.close()


def test_the_measured_time_is_never_zero() -> None:
    """Shares of it are counted."""
    assert _spent(lambda: None)["seconds"] > 0


def test_descriptors_are_had_or_their_lack_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to the hard limit; what is enough is left alone."""
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 4000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: raised.append(pair))
    need_descriptors(500)
    assert raised == []
    need_descriptors(2000)
    assert raised == [(2064, 4000)]
    with pytest.raises(BenchFailed, match="ulimit -n"):
        need_descriptors(4000)

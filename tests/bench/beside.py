"""What happens beside a run: requests at a steady rate from a process of their own,
each with its delay, and the server's memory over time.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from stoppress.bench import process_stats
from stoppress.bench.many_readers_in_one_process import any_certificate
from stoppress.bench.report import percentile
from stoppress.bench.run_plan_and_result import BenchFailed
from tests.bench.stage import TOKEN, Stage

_EAGER = -10
_END_S = 60.0
SAMPLE_S = 0.2


class Asked(NamedTuple):
    """One request: when it was sent, and how long its answer took, in seconds."""

    at: float
    took: float


class Requests:
    """Asks the same thing so many times a second, from `with` to `stop`.

    Once more when it is stopped: however busy the machine was, there is one.
    """

    def __init__(
        self, stage: Stage, method: str, path: str, rate: float, body: object = None
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        data = None if body is None else json.dumps(body).encode()
        self._process = context.Process(
            target=_ask, args=(theirs, stage.url, method, path, rate, data)
        )
        self._asked: list[Asked] | None = None

    def __enter__(self) -> Self:
        self._process.start()
        if not self._line.poll(_END_S):
            raise BenchFailed("nobody asked: its process did not start")
        self._line.recv()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.join(_END_S)

    def stop(self) -> list[Asked]:
        """Ask no more; all that was asked. Raises BenchFailed."""
        if self._asked is None:
            self._line.send("stop")
            if not self._line.poll(_END_S):
                raise BenchFailed("a request beside the run was not answered")
            answer = self._line.recv()
            if isinstance(answer, str):
                raise BenchFailed(answer)
            self._asked = [Asked(*each) for each in answer]
        return self._asked


def _ask(
    line: Connection, url: str, method: str, path: str, rate: float, data: bytes | None
) -> None:
    with suppress(OSError):
        os.nice(_EAGER)  # else a busy loader's slice is what it would measure
    place = urlsplit(url)
    server = (
        http.client.HTTPSConnection(
            place.netloc, timeout=_END_S, context=any_certificate()
        )
        if place.scheme == "https"
        else http.client.HTTPConnection(place.netloc, timeout=_END_S)
    )
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    found: list[tuple[float, float]] = []
    line.send("ready")
    began = time.monotonic()
    is_over = False
    while not is_over:
        is_over = line.poll(max(0.0, began + len(found) / rate - time.monotonic()))
        at = time.monotonic()
        try:
            server.request(method, path, data, headers)
            answer = server.getresponse()
            text = answer.read()
        except OSError as error:
            line.send(f"{method} {path} beside the run: {error}")
            return
        if answer.status >= 300:
            line.send(f"{method} {path} answered {answer.status}: {text[:200]!r}")
            return
        found.append((at, time.monotonic() - at))
    line.send(found)


def delays_ms(asked: list[Asked], since: float, until: float) -> dict[str, float]:
    """Percentiles of what was asked between two times, in milliseconds.

    If nobody came to ask in that time, of what was asked next.
    """
    later = [each for each in asked if each.at >= since]
    if not later:
        raise BenchFailed("nothing was asked in that time")
    within = [each for each in later if each.at <= until] or later[:1]
    ordered = sorted(each.took * 1000 for each in within)
    return {
        "asked": len(ordered),
        "p50_ms": percentile(ordered, 0.5),
        "p99_ms": percentile(ordered, 0.99),
        "max_ms": ordered[-1],
    }


class Memory:
    """The memory of the server, sampled in a thread from `with` on."""

    def __init__(self, pids: list[int], every_s: float = SAMPLE_S) -> None:
        self._pids = pids
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.samples: list[int] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(self._every_s if self.samples else 0):
            self.samples.append(process_stats.rss(self._pids))

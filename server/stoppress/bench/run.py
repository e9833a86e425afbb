"""One run: the crowd comes in, the editor publishes, everything is counted.

Loaders are processes; orders and results go over pipes, the times of sending
through shared memory. All of them read one monotonic clock.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Self
from urllib.parse import urlsplit

from stoppress.bench import machine
from stoppress.bench.crowd import Crowd, need_descriptors
from stoppress.bench.editor import Editor
from stoppress.bench.plan import BenchFailed, Found, Plan

Progress = Callable[[int, str], object]
"""Told a count, and of what: `readers` or `posts`."""


def run(plan: Plan, progress: Progress = lambda done, what: None) -> Found:
    """Make the run. Raises BenchFailed where its figures would mean nothing.

    `progress` is told how many readers are in, and how many posts went out.
    """
    port = urlsplit(plan.url).port or 80
    context = multiprocessing.get_context("spawn")
    sent = context.RawArray("d", plan.posts)
    with ExitStack() as stack:
        editor = Editor(plan)
        stack.callback(editor.close)
        editor.make_feed()
        stack.callback(editor.drop_feed)
        # Now that it has answered, whoever serves is there to be looked at.
        pids, stores = machine.serving(port), machine.stores(port)
        before = machine.rss(pids)
        loaders = [
            stack.enter_context(_Loader(context, plan, share, sent))
            for share in _shares(plan.readers, plan.loaders)
        ]
        for loader in loaders:
            loader.tell("enter")
        present = 0
        for loader in loaders:
            loader.seconds = loader.hear(plan.timeout_s)["seconds"]
            present += loader.share
            progress(present, "readers")
        connected = max(loader.seconds for loader in loaders)
        with_readers = machine.rss(pids)
        for loader in loaders:
            loader.tell("read")
        cpu, store_cpu = machine.cpu_s(pids), machine.cpu_s(stores)
        first = time.monotonic()
        for index, at in enumerate(editor.publish()):
            sent[index] = at
            if index % 20 == 0:
                progress(index, "posts")
        results = [loader.hear(plan.timeout_s) for loader in loaders]
        last = max(result["last"] for result in results)
        seconds = last - first
        cpu = machine.cpu_s(pids) - cpu
        latencies = [value for result in results for value in result["latencies"]]
        return Found(
            readers=plan.readers,
            posts=plan.posts,
            deliveries=len(latencies),
            bytes=sum(result["bytes"] for result in results),
            seconds=seconds,
            latencies=latencies,
            connect_seconds=connected,
            loader_busy=max(result["cpu"] for result in results) / seconds,
            server_busy=cpu / seconds if pids else None,
            server_cpu=cpu if pids else None,
            store_cpu=machine.cpu_s(stores) - store_cpu if stores else None,
            rss_before=before if pids else None,
            rss_with_readers=with_readers if pids else None,
        )


def _shares(readers: int, loaders: int) -> list[int]:
    """`readers` split over at most `loaders` processes, as evenly as it goes."""
    count = max(1, min(loaders, readers))
    return [readers // count + (index < readers % count) for index in range(count)]


class _Loader:
    """One process of readers, seen from the run."""

    def __init__(
        self, context: SpawnContext, plan: Plan, share: int, sent: Any
    ) -> None:
        self._line, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_serve, args=(theirs, plan, share, sent), daemon=True
        )
        self.share = share
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.join(5)

    def tell(self, order: str) -> None:
        """Give an order."""
        self._line.send(order)

    def hear(self, timeout_s: float) -> dict[str, Any]:
        """The answer to the last order. Raises BenchFailed."""
        if not self._line.poll(timeout_s):
            raise BenchFailed("a loader did not finish in time; give it more --timeout")
        try:
            answer: dict[str, Any] = self._line.recv()
        except EOFError:
            raise BenchFailed("a loader died; is there memory enough?") from None
        if "failed" in answer:
            raise BenchFailed(answer["failed"])
        return answer


def _serve(line: Connection, plan: Plan, share: int, sent: Any) -> None:
    """The loader's own process."""
    parts = urlsplit(plan.url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    try:
        need_descriptors(share + 64)
        crowd = Crowd(plan, address, share)
        assert line.recv() == "enter"
        start = time.monotonic()
        crowd.enter(start + plan.timeout_s)
        line.send({"seconds": time.monotonic() - start})
        assert line.recv() == "read"
        cpu = time.process_time()
        crowd.read_all(plan.posts, time.monotonic() + plan.timeout_s)
        cpu, last = time.process_time() - cpu, time.monotonic()
        if crowd.lost:
            raise BenchFailed(f"the server cut {crowd.lost} readers during the run")
        got = crowd.latencies(sent)
        if len(got) != share * plan.posts:
            raise BenchFailed(
                f"{share * plan.posts - len(got)} of {share * plan.posts} deliveries "
                "are missing; give it more --timeout, or look at the server's log"
            )
        line.send({"latencies": got, "bytes": crowd.bytes, "cpu": cpu, "last": last})
        crowd.close()
    except BenchFailed as failed:
        line.send({"failed": str(failed)})
    os._exit(0)

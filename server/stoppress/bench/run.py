"""One run: the readers connect, the publisher publishes, deliveries are counted.

Loaders are processes; orders and results go over pipes, the times of sending
through shared memory. All of them read one monotonic clock. A witness connects
before the others, so that they find the feed open.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from stoppress.bench import process_stats
from stoppress.bench.publisher import Publisher
from stoppress.bench.reader_process import ReaderProcess, Times, need_descriptors
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan, RunResult

Progress = Callable[[int, str], object]
"""Called with a count, and what is counted: `readers` or `posts`."""

_TOLD_EVERY_S = 0.1


def run(plan: RunPlan, progress: Progress = lambda done, what: None) -> RunResult:
    """Make the run. Raises BenchFailed if its figures would mean nothing.

    `progress` is called with the readers connected, and with the posts sent.
    """
    with Run(plan, progress) as gathered:
        return gathered.publish()


class Run:
    """A run: within `with`, its readers are connected and it can publish."""

    def __init__(
        self, plan: RunPlan, progress: Progress = lambda done, what: None
    ) -> None:
        self._plan = plan
        self._progress = progress
        self._stack = ExitStack()
        self._editor = Publisher(plan)
        self._loaders: list[ReaderProcess] = []
        self._sent: Times = []
        self._entered: list[dict[str, Any]] = []
        self._enter_cpu = 0.0
        self._rss = 0, 0
        self.pids: list[int] = []
        """The processes that serve, if they are on this machine."""

    def __enter__(self) -> Self:
        plan = self._plan
        shares = _shares(plan.readers, plan.loaders)
        need_descriptors(max(shares))
        context = multiprocessing.get_context("spawn")
        self._sent = context.RawArray("d", plan.posts)
        with self._stack as stack:
            stack.callback(self._editor.close)
            self._editor.make_feed()
            stack.callback(self._editor.drop_feed)
            # The server has answered, so its processes can be found.
            self.pids = process_stats.serving(*plan.ports)
            need_room(self.pids, plan.readers)
            self._loaders = [
                stack.enter_context(ReaderProcess(context, plan, share, self._sent))
                for share in shares
            ]
            _all(self._loaders, "open", plan.timeout_s)
            before, cpu = process_stats.rss(self.pids), process_stats.cpu_s(self.pids)
            self._entered = _enter(self._loaders, plan.timeout_s, self._progress)
            self._enter_cpu = process_stats.cpu_s(self.pids) - cpu
            self._rss = before, process_stats.rss(self.pids)
            _all(self._loaders, "settle", plan.timeout_s)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def publish(self) -> RunResult:
        """Publish all planned posts, once. Raises BenchFailed."""
        plan, pids, loaders = self._plan, self.pids, self._loaders
        stores = process_stats.stores(plan.ports[-1])
        for loader in loaders:
            loader.tell("read")
        cpu, store_cpu = process_stats.cpu_s(pids), process_stats.cpu_s(stores)
        first, wanted = time.monotonic(), process_stats.wanted_s()
        for index, at in enumerate(self._editor.publish()):
            self._sent[index] = at
            if index % 20 == 0:
                self._progress(index, "posts")
        edited, wanted = time.monotonic() - first, process_stats.wanted_s() - wanted
        received = [loader.hear(plan.reading_s) for loader in loaders]
        cpu = process_stats.cpu_s(pids) - cpu
        store_cpu = process_stats.cpu_s(stores) - store_cpu
        seconds = max(result["last"] for result in received) - first
        tallies = [loader.ask("tally", plan.timeout_s) for loader in loaders]
        entered, (before, with_readers) = self._entered, self._rss
        return RunResult(
            readers=plan.readers,
            posts=plan.posts,
            bytes=sum(tally["bytes"] for tally in tallies),
            seconds=seconds,
            delays=sum((tally["delays"] for tally in tallies), Counter()),
            lasts=list(map(max, zip(*(t["lasts"] for t in tallies), strict=True))),
            entered=sum(each["entered"] for each in entered),
            enter_s=max(each["seconds"] for each in entered),
            enter_busy=max(each["wanted"] / each["seconds"] for each in entered),
            enter_cpu=self._enter_cpu if pids else None,
            loader_cpu=sum(each["cpu"] for each in received),
            loader_busy=max(each["wanted"] for each in received) / seconds,
            editor_busy=wanted / edited,
            server_cpu=cpu if pids else None,
            store_cpu=store_cpu if stores else None,
            rss_before=before if pids else None,
            rss_with_readers=with_readers if pids else None,
            rss_peak=process_stats.rss_peak(pids) if pids else None,
        )


def _shares(readers: int, loaders: int) -> list[int]:
    """`readers` split over at most `loaders` processes, as evenly as possible."""
    count = max(1, min(loaders, readers))
    return [readers // count + (index < readers % count) for index in range(count)]


def need_room(pids: list[int], readers: int) -> None:
    """Raise BenchFailed if the server can't open so many more sockets."""
    room = process_stats.room(pids)
    if room is not None and room < readers:
        raise BenchFailed(
            f"the server may open {room} more files, too few for {readers} readers: "
            "raise `ulimit -n` where it is started, or use fewer --readers"
        )


def _all(loaders: list[ReaderProcess], order: str, timeout_s: float) -> None:
    """Send an order to all loaders, and wait until it is done."""
    for loader in loaders:
        loader.tell(order)
    for loader in loaders:
        loader.hear(timeout_s)


def _enter(
    loaders: list[ReaderProcess], timeout_s: float, progress: Progress
) -> list[dict[str, Any]]:
    """Connect all readers; the answer of each loader."""
    for loader in loaders:
        loader.tell("enter")
    # Each loader stops by itself at its own timeout, and says why.
    while not all(loader.has_answered(_TOLD_EVERY_S) for loader in loaders):
        progress(sum(loader.present for loader in loaders), "readers")
    progress(sum(loader.present for loader in loaders), "readers")
    return [loader.hear(timeout_s) for loader in loaders]

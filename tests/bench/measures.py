"""How each row is measured: from a server that runs to its figures.

A measure takes a stage and a scale. Counts are checked where they are made: a
delivery that is missing ends the measurement.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import httpx

from stoppress.bench import process_stats
from stoppress.bench.many_readers_in_one_process import ReaderCrowd
from stoppress.bench.publisher import Publisher
from stoppress.bench.reader_process import need_descriptors
from stoppress.bench.report import Figures, check_limit, figures, percentile
from stoppress.bench.run import Run, run
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan, RunResult
from tests.bench.beside import Memory, Requests, delays_ms
from tests.bench.editors import Editors
from tests.bench.followers import Followers
from tests.bench.stage import TOKEN, Stage

_AT_LEAST_S = 1.0
"""How long an arrival's posts are looked at, if it is over sooner."""
POST = {"headline": "Beside", "body": "It is raining on the old bridge. " * 9}
POSTS = "/v1/feeds/bench/posts"


WRITERS = 8
"""Who make feeds at once."""


class Scale(NamedTuple):
    """How much of everything. The table's own, unless told otherwise."""

    readers: int = 5_000
    many: int = 18_000
    burst: int = 200
    steady: int = 20
    last: int = 100
    size: int = 300
    feeds: int = 10_000
    stalled: int = 250
    stall_s: float = 60.0
    swept_s: float = 20.0
    soak_s: float = 1800.0
    churn: float = 50.0
    ring: int = 4_096
    publishes: int = 6_000


TINY = Scale(24, 60, 8, 2, 2, 300, 12, 4, 2.0, 1.0, 3.0, 10.0, 16, 32)
"""Enough to see that everything is counted."""

Measure = Callable[[Stage, Scale], Figures]


def fan_out(make: Callable[[Stage, Scale], RunPlan]) -> Measure:
    """A plain run of the generator."""

    def measure(stage: Stage, scale: Scale) -> Figures:
        plan = make(stage, scale)
        return _told(plan, run(plan))

    return measure


def _told(plan: RunPlan, found: RunResult) -> Figures:
    """The figures, with a note if they are not the server's."""
    row = figures(plan, found)
    try:
        check_limit(found)
    except BenchFailed as limit:
        row["note"] = str(limit)
    return row


def healthz(stage: Stage, scale: Scale) -> Figures:
    """Whether the server is asked how it is while it sweeps."""
    plan = stage.plan(scale.many, max(2, int(5 * scale.swept_s)), rate=5.0)
    with Requests(stage, "GET", "/healthz", 50.0) as requests, Run(plan) as gathered:
        since = time.monotonic()
        found = gathered.publish()
        asked = delays_ms(requests.stop(), since, since + found.seconds)
    names = {f"healthz_{name}": value for name, value in asked.items()}
    return {**_told(plan, found), **names}


def arrivals(stage: Stage, scale: Scale) -> Figures:
    """Everybody at once, while an editor publishes."""
    return _arrivals(stage, scale.many)


def arrivals_of_readers(stage: Stage, scale: Scale) -> Figures:
    """The same with as many as the other rows have."""
    return _arrivals(stage, scale.readers)


def _arrivals(stage: Stage, readers: int) -> Figures:
    need_descriptors(readers)
    plan = stage.plan(readers, 1, at_once=0)
    editor = Publisher(plan)
    with closing(editor), closing(ReaderCrowd(plan)) as crowd:
        editor.make_feed()
        crowd.enter(1, time.monotonic() + plan.timeout_s)
        with Requests(stage, "POST", POSTS, 20.0, POST) as requests:
            since, wanted = time.monotonic(), process_stats.wanted_s()
            crowd.enter(readers - 1, since + plan.timeout_s)
            until = time.monotonic()
            wanted = process_stats.wanted_s() - wanted
            # A few come before the editor's next post: then what follows counts.
            time.sleep(max(0.0, since + _AT_LEAST_S - until))
            asked = delays_ms(requests.stop(), since, max(until, since + _AT_LEAST_S))
        crowd.settle()
        sent = list(editor.publish())
        crowd.read(time.monotonic() + plan.timeout_s)
        crowd.check()
        delays, _ = crowd.tally(sent)
    return {
        "readers": readers,
        "deliveries": delays.total(),
        "asked_within_s": crowd.asked_s,
        "came_again": crowd.came_again,
        "all_in_s": until - since,
        "handshakes_per_s": readers / (until - since),
        "loader_busy_entering": wanted / (until - since),
        "rss_peak_mb": process_stats.rss_peak(stage.pids) / (1 << 20),
        **{f"publish_{name}": value for name, value in asked.items()},
    }


def publishes(editors: int, *, keyed: bool = False) -> Measure:
    """So many editors, each of whom sends the next post when the last one is kept.

    A follower of the feed is there, as a channel that nobody follows costs less.
    `keyed`: each post has an Idempotency-Key, as the desk's have.
    """

    def measure(stage: Stage, scale: Scale) -> Figures:
        with (
            _desk(stage) as desk,
            closing(Followers(stage)) as reader,
            closing(Editors(stage, editors, POSTS, POST, keyed=keyed)) as crowd,
        ):
            _feed(desk, "bench")
            reader.enter(["bench"], time.monotonic() + 120)
            crowd.publish(scale.publishes // 10)
            pids, stores = stage.pids, process_stats.stores(stage.port)
            cpu, store_cpu = process_stats.cpu_s(pids), process_stats.cpu_s(stores)
            began, wanted = time.monotonic(), process_stats.wanted_s()
            delays = sorted(crowd.publish(scale.publishes))
            seconds = time.monotonic() - began
            wanted = process_stats.wanted_s() - wanted
            cpu = process_stats.cpu_s(pids) - cpu
            store_cpu = process_stats.cpu_s(stores) - store_cpu
            if reader.catch_up(_head(stage), time.monotonic() + 120) or reader.gaps:
                raise BenchFailed("the follower did not get every post")
        return {
            "editors": editors,
            "posts": len(delays),
            "seconds": seconds,
            "publishes_per_s": len(delays) / seconds,
            "publish_p50_ms": percentile(delays, 0.5) * 1000,
            "publish_p99_ms": percentile(delays, 0.99) * 1000,
            "server_cpu_us_a_post": cpu / len(delays) * 1e6,
            "store_cpu_us_a_post": store_cpu / len(delays) * 1e6,
            "loader_busy": wanted / seconds,
        }

    return measure


def stalled(stage: Stage, scale: Scale) -> Figures:
    """Some stop reading, everybody else does not notice, and they come back."""
    return _with_stalled(stage, scale, scale.stalled)


def none_stalled(stage: Stage, scale: Scale) -> Figures:
    """The same without them, to compare with."""
    return _with_stalled(stage, scale, 0)


def _with_stalled(stage: Stage, scale: Scale, count: int) -> Figures:
    readers, posts = scale.readers - scale.stalled, int(20 * scale.stall_s)
    plan = stage.plan(readers, posts, rate=20.0)
    with Run(plan) as gathered, closing(Followers(stage)) as followers:
        start = _head(stage)
        followers.enter(["bench"] * count, time.monotonic() + plan.timeout_s)
        before = process_stats.rss(gathered.pids)
        with Memory(gathered.pids) as memory:
            found = gathered.publish()  # and nobody reads for the followers meanwhile
        head = _head(stage)
        if _seq(head) - _seq(start) != posts:
            raise BenchFailed(f"{posts} posts moved the head from {start} to {head}")
        behind = followers.catch_up(head, time.monotonic() + plan.timeout_s)
        if followers.gaps or behind:
            raise BenchFailed(
                f"of {count} stalled readers {behind} never came to the head; "
                f"{followers.gaps} gaps"
            )
        return {
            **_told(plan, found),
            "stalled": count,
            "stalled_cut": followers.cut,
            "stalled_resumed": followers.resumed,
            "stalled_reset": followers.resets,
            "stalled_gaps": followers.gaps,
            "rss_growth_mb": (max(memory.samples) - before) / (1 << 20),
        }


def _head(stage: Stage) -> str:
    """The cursor of the feed's head."""
    with closing(Followers(stage)) as one:
        one.enter(["bench"], time.monotonic() + 120)
        return str(one.all[0].cursor)


def _seq(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])


def idle_feeds(stage: Stage, scale: Scale) -> Figures:
    """Many feeds with a reader each, of which few ever hear anything."""
    need_descriptors(scale.feeds)
    names = [f"idle-{number}" for number in range(scale.feeds)]
    heard = random.Random(1).sample(names, min(100, scale.feeds))
    with closing(Followers(stage)) as followers, _desk(stage) as desk:
        with ThreadPoolExecutor(WRITERS) as writers:
            for _ in writers.map(lambda name: _feed(desk, name), names):
                pass  # any that failed raises
        before, began = process_stats.rss(stage.pids), time.monotonic()
        followers.enter(names, began + 300)
        seconds, after = time.monotonic() - began, process_stats.rss(stage.pids)
        for name in heard:
            _write(desk, f"/v1/feeds/{name}/posts", POST)
        until = time.monotonic() + 120
        while followers.events < len(heard) and time.monotonic() < until:
            followers.pump(0.1)
        got = sorted(follower.feed for follower in followers.all if follower.events)
        if got != sorted(heard) or followers.events != len(heard) or followers.cut:
            raise BenchFailed(f"{len(heard)} posts were heard by {len(got)} readers")
        return {
            "feeds": scale.feeds,
            "readers": followers.present,
            "deliveries": followers.events,
            "opened_per_s": scale.feeds / seconds,
            "rss_kb_a_feed": (after - before) / scale.feeds / 1024,
        }


def soak(stage: Stage, scale: Scale) -> Figures:
    """Hours in short: readers come and go, posts come, memory stays.

    The ring is full before they do: at 5 posts a second it would grow for a quarter
    of an hour.
    """
    chance = random.Random(2)
    with closing(Followers(stage)) as followers, _desk(stage) as desk:
        _feed(desk, "bench")
        _fill(stage, desk, scale.ring)
        followers.enter(["bench"] * scale.readers, time.monotonic() + 120)
        every_s = scale.soak_s / 360
        with (
            Requests(stage, "POST", POSTS, 5.0, POST) as requests,
            Memory(stage.pids, every_s) as memory,
        ):
            began, wanted, churned = time.monotonic(), process_stats.wanted_s(), 0
            ran = 0.0
            while ran < scale.soak_s:
                ran = time.monotonic() - began
                # At the end all have come and gone, however busy the machine was.
                while churned < min(ran, scale.soak_s) * scale.churn:
                    follower = chance.choice(followers.all)
                    followers.hang_up(follower)
                    if churned % 2:
                        follower.cursor = None  # as a page that was opened anew
                    followers.connect(follower)
                    churned += 1
                followers.pump(0.05)
            ran = time.monotonic() - began
            wanted = process_stats.wanted_s() - wanted
            posts = len(requests.stop())
        behind = followers.catch_up(_head(stage), time.monotonic() + 120)
        samples = [sample / (1 << 20) for sample in memory.samples]
        sixth = max(1, len(samples) // 6)
        warm = statistics.median(samples[sixth : 2 * sixth] or samples)
        end = statistics.median(samples[-sixth:])
        return {
            "readers": scale.readers,
            "seconds": ran,
            "posts": posts,
            "deliveries": followers.events,
            "churned": churned,
            "resumed": followers.resumed,
            "resets": followers.resets,
            "cut": followers.cut,
            "gaps": followers.gaps,
            "behind_at_the_end": behind,
            "rss_warm_mb": warm,
            "rss_end_mb": end,
            "rss_growth_percent": (end / warm - 1) * 100,
            "loader_busy": wanted / ran,
        }


def _fill(stage: Stage, desk: httpx.Client, posts: int) -> None:
    """Publish so many posts to one reader, without whom nothing is held of them."""
    with closing(Followers(stage)) as reader:
        reader.enter(["bench"], time.monotonic() + 120)
        with ThreadPoolExecutor(WRITERS) as writers:
            for _ in writers.map(lambda _: _write(desk, POSTS, POST), range(posts)):
                reader.pump(0)
        reader.catch_up(_head(stage), time.monotonic() + 120)


def _desk(stage: Stage) -> httpx.Client:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.Client(
        base_url=stage.url, headers=headers, timeout=60, trust_env=False
    )


def _feed(desk: httpx.Client, name: str) -> None:
    _write(desk, "/v1/feeds", {"slug": name, "title": name})


def _write(desk: httpx.Client, path: str, body: object) -> None:
    desk.post(path, json=body).raise_for_status()

"""The follower brings every event once and in order, whatever breaks meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.event import EventType
from stoppress.hub.line import Line
from stoppress.log.connect import connect
from stoppress.log.follower import Follower
from stoppress.log.link import Link
from stoppress.log.metrics import NoMetrics
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.news import (
    AT,
    FEED,
    body,
    feed_updated,
    published,
    until,
    updated,
    withdrawn,
    write,
)
from tests.contract.servers import SAVE_POINTS, Server
from tests.contract.sinks import Recorder
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.asyncio


class Counts(NoMetrics):
    """Counts, for tests that ask."""

    def __init__(self) -> None:
        self.how: list[str] = []
        self.malformed_messages = 0
        self.missed = 0
        self.ups = 0

    def line_up(self, up: bool) -> None:
        """Count it."""
        self.ups += up

    def mended(self, how: str) -> None:
        """Count it."""
        self.how.append(how)

    def malformed(self) -> None:
        """Count it."""
        self.malformed_messages += 1

    def probe_missed(self) -> None:
        """Count it."""
        self.missed += 1


@pytest.fixture
def counts() -> Counts:
    """What the follower counts."""
    return Counts()


@pytest_asyncio.fixture
async def follower(
    link: Link, store: RedisStore, counts: Counts
) -> AsyncIterator[Follower]:
    """A follower that runs, and probes often."""
    follower = Follower(link, store, counts, probe_s=0.5)
    running = asyncio.create_task(follower.run())
    yield follower
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest_asyncio.fixture
async def cursor(store: RedisStore) -> Cursor:
    """The feed x, just made."""
    return (await store.make_feed("x", FEED, AT, None)).cursor


def cut(server: Server) -> int:
    """Cut every line that listens."""
    with server.client() as client:
        return int(client.client_kill_filter(_type="pubsub"))


def until_cut(server: Server) -> None:
    """Cut the line, which may just be coming back."""
    while not cut(server):
        pass


async def up(follower: Follower, healthy: bool = True) -> None:
    """Wait until the follower says so."""
    await until(lambda: follower.healthy is healthy)


async def test_is_what_the_hub_needs(follower: Follower) -> None:
    """The port of the hub is met (mypy reads this)."""
    line: Line = follower
    assert line is follower


async def test_fills_and_then_pushes(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """What was before is the window, what comes is pushed, all types of it."""
    await store.write(write(published("p", "one")))
    sink = Recorder()
    await follower.open("x", sink)
    assert len(sink.windows) == 1
    assert sink.cursor == cursor._replace(seq=1)
    await store.write(write(updated("p", 1, "two")))
    await store.write(write(feed_updated(1, b"feed two")))
    await store.write(write(published("q"), updated("p", 2), pins=("", "p")))
    last = await store.write(write(withdrawn("p", 3)))
    await sink.at(last.cursor)
    assert [(event.seq, event.type.value, event.post) for event in sink.events] == [
        (1, "post.published", "p"),
        (2, "post.updated", "p"),
        (3, "feed.updated", ""),
        (4, "post.published", "q"),
        (5, "post.updated", "p"),
        (6, "post.withdrawn", "p"),
    ]
    assert sink.events[1].body == body("p", "two")
    assert sink.events[2].body == b"feed two"
    assert sink.events[5].body == b""
    assert len(sink.windows) == 1


async def test_opens_while_posts_pour_in(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """The window and what is heard meanwhile make a whole."""
    sinks = [Recorder() for _ in range(20)]

    async def pour() -> Cursor:
        for i in range(400):
            written = await store.write(write(published(f"p{i}")))
        return written.cursor

    pouring = asyncio.create_task(pour())
    for sink in sinks:
        await follower.open("x", sink)
        await sink.until(lambda sink=sink: sink.cursor.seq > 0)  # type: ignore[misc]
        if sink is not sinks[-1]:
            await follower.close("x")
    last = await pouring
    await sinks[-1].at(last)
    assert [event.seq for event in sinks[-1].events] == list(range(1, 401))


async def test_opening_at_once_is_opening_once(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """One sink is filled; who asked meanwhile waits for it."""
    sinks = [Recorder() for _ in range(5)]
    await asyncio.gather(*(follower.open("x", sink) for sink in sinks))
    assert [len(sink.windows) for sink in sinks] == [1, 0, 0, 0, 0]


async def test_a_feed_that_is_not_there(
    follower: Follower, server: Server, store: RedisStore
) -> None:
    """NotFound, and nothing stays open."""
    with pytest.raises(NotFound):
        await follower.open("x", Recorder())
    with pytest.raises(NotFound):
        await follower.head("x")
    await store.make_feed("x", FEED, AT, None)
    sink = Recorder()
    await follower.open("x", sink)
    assert len(sink.windows) == 1


async def test_a_closed_feed_is_not_heard_of(
    follower: Follower, server: Server, store: RedisStore, cursor: Cursor
) -> None:
    """It is unsubscribed from; opened again it is filled again."""
    sink, again = Recorder(), Recorder()
    await follower.open("x", sink)
    await follower.close("x")
    await follower.close("x")
    with server.client() as client:
        await until(
            lambda: (
                b"stoppress:{x}:line"
                not in client.execute_command("PUBSUB", "SHARDCHANNELS")
            )
        )
    written = await store.write(write(published("p")))
    await follower.open("x", again)
    assert again.cursor == written.cursor
    assert sink.events == []


async def test_close_and_open_at_once(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """The second subscription is the one that counts."""
    for i in range(30):
        sink = Recorder()
        await follower.open("x", sink)
        written = await store.write(write(published(f"p{i}")))
        await sink.at(written.cursor)
        await follower.close("x")


async def test_a_deleted_feed_ends(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """At once; and can be opened again when it is made again."""
    sink, again = Recorder(), Recorder()
    await follower.open("x", sink)
    await store.drop_feed("x", None, None)
    await sink.until(lambda: sink.ended)
    made = await store.make_feed("x", FEED, AT, None)
    await follower.open("x", again)
    assert again.cursor == made.cursor


async def test_a_message_lost_is_read_from_the_log(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """A jump in seq is healed before anything after it is shown."""
    sink = Recorder()
    await follower.open("x", sink)
    # As if the messages of two writes were lost.
    follower._channels.clear()
    await store.write(write(published("p")))
    await store.write(write(published("q")))
    await _heard_nothing_more(follower)
    for followed in follower._feeds.values():
        follower._channels[followed.channel] = followed
    last = await store.write(write(published("r")))
    await sink.at(last.cursor)
    assert len(sink.windows) == 1
    assert counts.how == ["log"]


async def test_rubbish_on_the_channel_heals(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """It is counted, and costs one reading; the log decides."""
    sink = Recorder()
    await follower.open("x", sink)
    rubbish = [
        b"",
        b"\xff\xff",
        b"no line",
        b"k-1 post.published 1 p\n",
        b"k-1 post.exploded 1 p\nbody",
        b"k-x post.published 1 p\nbody",
    ]
    with server.client() as client:
        for message in rubbish:
            client.execute_command("SPUBLISH", "stoppress:{x}:line", message)
        # A message that lies: of another epoch, and far ahead.
        for lie in (b"zzz-1 post.published 1 p\nbody", b"%b-9 epoch 1 \n"):
            head = str(cursor.epoch).encode()
            message = lie % head if b"%b" in lie else lie
            client.execute_command("SPUBLISH", "stoppress:{x}:line", message)
    last = await store.write(write(published("p")))
    await sink.at(last.cursor)
    assert counts.malformed_messages == len(rubbish)
    assert [event.post for event in sink.events] == ["p"]


async def test_a_line_that_was_cut_is_made_again(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """What was published while there was none is read; readers see no break."""
    sinks = {}
    for i in range(30):
        feed = f"f{i}"
        await store.make_feed(feed, FEED, AT, None)
        sinks[feed] = Recorder()
        await follower.open(feed, sinks[feed])
    last: dict[str, Cursor] = {}
    for turn in range(8):
        await asyncio.to_thread(until_cut, server)
        for i in range(0, 30, 2):
            written = await store.write(write(published(f"p{turn}"), feed=f"f{i}"))
            last[f"f{i}"] = written.cursor
    for feed, where in last.items():
        await sinks[feed].at(where)
    assert {len(sink.windows) for sink in sinks.values()} == {1}
    assert counts.ups > 1


async def test_nothing_is_missed_under_fire(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """Edits and withdrawals pour in while the line is cut again and again."""
    sink = Recorder()
    await follower.open("x", sink)
    rng = random.Random(7)
    revs: dict[str, int] = {}
    for i in range(600):
        if i % 40 == 0:
            cut(server)
        known = [name for name, rev in revs.items() if rev]
        if rng.random() < 0.5 or not known:
            revs[f"p{i}"] = 1
            written = await store.write(write(published(f"p{i}")))
            continue
        name = rng.choice(known)
        if rng.random() < 0.3:
            written = await store.write(write(withdrawn(name, revs[name])))
            revs[name] = 0
        else:
            written = await store.write(write(updated(name, revs[name], f"t{i}")))
            revs[name] += 1
    await sink.at(written.cursor)
    assert [event.seq for event in sink.events] == list(range(1, 601))
    assert len(sink.windows) == 1
    held: dict[str, bytes] = {}
    for event in sink.events:
        if event.type is EventType.WITHDRAWN:
            held.pop(event.post, None)
        else:
            held[event.post] = event.body
    page = await store.page("x", None, 1000)
    assert sorted(held.values()) == sorted(page.posts)


async def test_kill_9_of_the_server(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """Readers keep what they have; when it is back, so are the events."""
    sink = Recorder()
    await follower.open("x", sink)
    await up(follower)
    await store.write(write(published("p")))
    server.kill()
    await up(follower, healthy=False)
    with pytest.raises(Unavailable):
        await follower.head("x")
    server.start()
    last = await store.write(write(published("q")))
    await sink.at(last.cursor)
    assert last.cursor == cursor._replace(seq=2)
    assert len(sink.windows) == 1
    await up(follower)
    assert await follower.head("x") == last.cursor


async def test_a_history_lost_begins_anew(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor, link: Link
) -> None:
    """The sink is filled with the new epoch, without anybody writing."""
    sink = Recorder()
    await follower.open("x", sink)
    written = await store.write(write(published("p")))
    await sink.at(written.cursor)
    with server.client() as client:
        client.save()
    await server.restart(SAVE_POINTS)
    await sink.until(lambda: sink.cursor.epoch != cursor.epoch)
    assert len(sink.windows) == 2
    assert sink.events == []


async def test_a_feed_deleted_while_the_line_was_cut(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """It ends when the heads are looked at."""
    sink = Recorder()
    await follower.open("x", sink)
    server.freeze()
    cutting = asyncio.to_thread(cut, server)
    dropping = asyncio.create_task(store.drop_feed("x", None, None))
    thread = asyncio.create_task(cutting)
    server.thaw()
    await asyncio.gather(thread, dropping)
    await sink.until(lambda: sink.ended)


async def test_a_missed_probe_makes_a_new_line(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """The connection looks alive, but nothing comes: it is given up."""
    sink = Recorder()
    await follower.open("x", sink)
    await up(follower)
    ups = counts.ups
    server.freeze()
    await until(lambda: counts.missed)
    server.thaw()
    last = await store.write(write(published("p")))
    await sink.at(last.cursor)
    await up(follower)
    assert counts.ups > ups
    assert len(sink.windows) == 1


async def test_a_line_that_is_deaf_is_not_healthy(
    server: Server, settings: Settings
) -> None:
    """A new one neither, though it is answered: its heads are read all the same."""
    proxy = Proxy(lambda: asyncio.open_unix_connection(str(server.socket)))
    await proxy.open()
    link = await connect(f"redis://127.0.0.1:{proxy.port}", settings)
    store = RedisStore(link, settings)
    follower = Follower(link, store, probe_s=0.5)
    running = asyncio.create_task(follower.run())
    try:
        await store.make_feed("x", FEED, AT, None)
        sink = Recorder()
        await follower.open("x", sink)
        await up(follower)
        proxy.deafen()
        await up(follower, healthy=False)
        last = await store.write(write(published("p")))
        await sink.at(last.cursor)
        assert not follower.healthy
        proxy.undeafen()
        await up(follower)
        assert len(sink.windows) == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.aclose()
        await proxy.close()


async def test_a_feed_far_behind_is_read_in_pieces(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """More was missed than one reading brings."""
    sink = Recorder()
    await follower.open("x", sink)
    channels = dict(follower._channels)
    follower._channels.clear()
    for i in range(1400):
        await store.write(write(published(f"p{i}")))
    await _heard_nothing_more(follower)
    follower._channels.update(channels)
    last = await store.write(write(published("last")))
    await sink.at(last.cursor)
    assert len(sink.windows) == 1
    assert counts.how == ["log"]


async def test_heads_are_read_once_for_all_who_ask(
    follower: Follower, server: Server, store: RedisStore, cursor: Cursor
) -> None:
    """A thousand returning readers cost one reading."""
    await follower.head("x")
    with server.client() as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        heads = await asyncio.gather(*(follower.head("x") for _ in range(1000)))
        after = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert set(heads) == {cursor}
    assert after - before == 1


async def test_a_sink_that_fails_begins_anew(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """The other feeds don't notice."""

    class Fragile(Recorder):
        def push(self, event: object) -> None:
            raise RuntimeError("broken")

    await store.make_feed("y", FEED, AT, None)
    fragile, sound = Fragile(), Recorder()
    await follower.open("x", fragile)
    await follower.open("y", sound)
    first = await store.write(write(published("p")))
    second = await store.write(write(published("p"), feed="y"))
    await fragile.at(first.cursor)
    await sound.at(second.cursor)
    assert (len(fragile.windows), len(sound.windows)) == (2, 1)


async def test_ten_thousand_idle_feeds_cost_no_task(
    follower: Follower, store: RedisStore, server: Server, link: Link
) -> None:
    """One connection; a cut costs one batch."""
    feeds = [f"f{i}" for i in range(2000)]
    for at in range(0, 2000, 100):
        await asyncio.gather(
            *(store.make_feed(feed, FEED, AT, None) for feed in feeds[at : at + 100])
        )
    before = len(asyncio.all_tasks())
    sinks = {feed: Recorder() for feed in feeds}
    for at in range(0, 2000, 100):
        await asyncio.gather(
            *(follower.open(feed, sinks[feed]) for feed in feeds[at : at + 100])
        )
    assert len(asyncio.all_tasks()) == before
    with server.client() as client:
        assert len(client.client_list(_type="pubsub")) == 1
    cut(server)
    last = await store.write(write(published("p"), feed="f1999"))
    await sinks["f1999"].at(last.cursor)
    assert sum(len(sink.windows) for sink in sinks.values()) == 2000


async def _heard_nothing_more(follower: Follower) -> None:
    """Wait for one round of the probe: what was sent before has arrived."""
    follower._probe_back.clear()
    async with asyncio.timeout(10):
        await follower._probe_back.wait()

"""Whatever breaks meanwhile, the follower still brings every event once, in order."""

from __future__ import annotations

import asyncio
import random
import shutil

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.log.connect import connect
from stoppress.log.follower import Follower
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import (
    QUICK_S,
    Counts,
    cut,
    heard_nothing_more,
    until_cut,
    up,
)
from tests.contract.store.news import (
    AT,
    FEED,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.store.servers import SAVE_POINTS, Server
from tests.contract.store.sinks import Recorder
from tests.faults.proxy import Proxy
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_a_lost_message_is_read_from_the_log(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """A gap in seq is filled before any later event is shown."""
    sink = Recorder()
    await follower.open("x", sink)
    # As if the messages of two writes were lost.
    follower._channels.clear()
    await store.write(write(published("p")))
    await store.write(write(published("q")))
    await heard_nothing_more(follower)
    for followed in follower._feeds.values():
        follower._channels[followed.channel] = followed
    last = await store.write(write(published("r")))
    await sink.at(last.cursor)
    assert len(sink.windows) == 1
    assert counts.how == ["log"]


async def test_invalid_messages_cause_a_read_of_the_log(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """They are counted, and cost one read; the log decides."""
    sink = Recorder()
    await follower.open("x", sink)
    rubbish = [
        b"",
        b"\xff\xff",
        b"no line",
        b"k-1 post.published 1 p\n",
        b"k-1 exploded 1 p\nbody",
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
    assert counts.sum("stoppress_unmarked") == len(rubbish) + 2
    assert [event.subject.id for event in sink.events] == ["p"]


async def test_a_cut_subscription_reconnects(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """Events published meanwhile are read; readers see no gap."""
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


async def test_no_event_is_missed_over_repeated_cuts(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """Edits and withdrawals arrive while the connection is cut again and again."""
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
        if event.type.removes_post:
            held.pop(event.subject.id, None)
        else:
            held[event.subject.id] = event.body
    page = await store.page("x", None, 1000)
    assert sorted(held.values()) == sorted(page.posts)


async def test_events_continue_after_kill_9_of_redis(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """Readers keep their connection; events follow when it is back."""
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


async def test_a_lost_history_refills_the_sink(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor, link: Pool
) -> None:
    """With the new epoch, without a write."""
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


async def test_a_log_set_back_refills_the_sink(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """An older copy under a server that fsyncs always: its epoch proves nothing."""
    copy = server.folder.with_name("copy")
    sink, other = Recorder(), Recorder()
    await store.make_feed("y", FEED, AT, None)
    await follower.open("x", sink)
    await follower.open("y", other)
    for number in range(3):
        await sink.at((await store.write(write(published(f"p{number}")))).cursor)
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(shutil.copytree, server.folder, copy)
    await asyncio.to_thread(server.start)
    for number in range(3, 6):
        await sink.at((await store.write(write(published(f"p{number}")))).cursor)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(shutil.rmtree, server.folder)
    copy.rename(server.folder)
    await asyncio.to_thread(server.start)
    await sink.until(lambda: sink.cursor.epoch != cursor.epoch)
    assert sink.events == []
    written = await store.write(write(published("p")))
    assert written.cursor == sink.cursor._replace(seq=1)
    await sink.at(written.cursor)
    # Of what was not written to, nothing was lost.
    await up(follower)
    assert len(other.windows) == 1


async def test_a_feed_deleted_during_a_cut_ends(
    follower: Follower, store: RedisStore, server: Server, cursor: Cursor
) -> None:
    """When the heads are read."""
    sink = Recorder()
    await follower.open("x", sink)
    server.freeze()
    cutting = asyncio.to_thread(cut, server)
    dropping = asyncio.create_task(store.drop_feed("x", None, None))
    thread = asyncio.create_task(cutting)
    server.thaw()
    await asyncio.gather(thread, dropping)
    await sink.until(lambda: sink.ended)


@pytest.mark.parametrize("probe_s", [QUICK_S])
async def test_a_missed_probe_reconnects(
    follower: Follower,
    store: RedisStore,
    server: Server,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """The connection looks alive, but nothing arrives."""
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


async def test_a_later_cursor_makes_the_follower_read_the_log(
    server: Server, settings: Settings
) -> None:
    """The probe notices a deaf connection; until then, readers from elsewhere do."""
    proxy = Proxy(lambda: asyncio.open_unix_connection(str(server.socket)))
    await proxy.open()
    link = await connect(f"redis://127.0.0.1:{proxy.port}", settings)
    store = RedisStore(link, settings)
    counts = Counts()
    follower = Follower(link, store, FollowerMetrics(counts), probe_s=60)
    running = asyncio.create_task(follower.run())
    try:
        await store.make_feed("x", FEED, AT, None)
        sink = Recorder()
        await follower.open("x", sink)
        await up(follower)
        proxy.deafen()
        last = await store.write(write(published("p")))
        assert await follower.head("x") == last.cursor
        await sink.at(last.cursor)
        assert (counts.how, counts.missed, len(sink.windows)) == (["log"], 0, 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await link.aclose()
        await proxy.close()


async def test_a_deaf_subscription_is_unhealthy(
    server: Server, settings: Settings
) -> None:
    """A new one is too, though it is answered: its heads are read all the same."""
    proxy = Proxy(lambda: asyncio.open_unix_connection(str(server.socket)))
    await proxy.open()
    link = await connect(f"redis://127.0.0.1:{proxy.port}", settings)
    store = RedisStore(link, settings)
    follower = Follower(link, store, probe_s=QUICK_S)
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
    """More was missed than one read returns."""
    sink = Recorder()
    await follower.open("x", sink)
    channels = dict(follower._channels)
    follower._channels.clear()
    for i in range(1400):
        await store.write(write(published(f"p{i}")))
    await heard_nothing_more(follower)
    follower._channels.update(channels)
    last = await store.write(write(published("last")))
    await sink.at(last.cursor)
    assert len(sink.windows) == 1
    assert counts.how == ["log"]


async def test_a_failing_sink_is_refilled(
    follower: Follower, store: RedisStore, cursor: Cursor
) -> None:
    """Other feeds are not affected."""

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

"""Events of a later release, and damaged ones, in a log and on its channel."""

from __future__ import annotations

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Unavailable
from stoppress.domain.event import NO_SUBJECT, Event, EventType
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log.follower import Follower
from stoppress.log.redis_keys import feed_keys
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import Counts, until_cut, up
from tests.contract.store.news import AT, body, feed_updated, published, write
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until

pytestmark = pytest.mark.asyncio

KEYS = feed_keys("x")


def add(server: Server, cursor: Cursor, message: bytes = b"", **fields: object) -> None:
    """What another release's script does: an entry, the seq, a message."""
    with server.client() as client:
        client.xadd(KEYS.log, dict(fields), id=f"{cursor.seq}-0")
        client.hset(KEYS.meta, "seq", cursor.seq)
        if message:
            line = f"{cursor} ".encode() + message
            client.execute_command("SPUBLISH", KEYS.line, line)


def later(seq: int, kind: str = "later.noted") -> Event:
    """The event as it is known here."""
    return Event(seq, EventType(kind), AT, NO_SUBJECT, b"")


async def test_an_unknown_event_type_is_followed(
    server: Server,
    store: RedisStore,
    follower: Follower,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """Pushed and read it is the same: its place in the order only."""
    sink, second = Recorder(), Recorder()
    await follower.open("x", sink)
    await up(follower)
    await store.write(write(published("p")))
    at = cursor._replace(seq=2)
    message = f'later.noted {AT} p\n{{"secret":1}}'.encode()
    fields = {"type": "later.noted", "post": "p", "rev": "2", "at": AT, "by": "me"}
    add(server, at, message, **fields)
    last = await store.write(write(feed_updated(1, b"feed two")))
    await sink.at(last.cursor)
    assert sink.events[1] == later(2)
    assert (len(sink.windows), counts.malformed_messages) == (1, 0)
    await follower.close("x")
    await follower.open("x", second)
    assert second.events[1] == later(2)
    assert second.events[0].body == body("p")


async def test_fields_of_an_entry_are_read_by_name(
    server: Server, store: RedisStore, cursor: Cursor
) -> None:
    """In another order, and with others between them."""
    add(server, cursor._replace(seq=1), at=AT, more="?", post="", type="lease.taken")
    assert (await store.window("x")).events == (later(1, "lease.taken"),)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "beat", "post": "p", "at": AT},
        {"type": "post.updated", "at": AT},
        {"type": "post.updated", "post": "p", "at": "noon"},
        {"what": "is this"},
        {"type": b"\xff\xfe", "post": b"\xff", "at": AT},
    ],
    ids=["type", "post", "at", "fields", "bytes"],
)
async def test_a_damaged_entry_is_skipped(
    server: Server,
    store: RedisStore,
    follower: Follower,
    cursor: Cursor,
    fields: dict[str, object],
) -> None:
    """Following goes on after it, with a window from there on."""
    sink = Recorder()
    await follower.open("x", sink)
    await up(follower)
    await store.write(write(published("p")))
    add(server, cursor._replace(seq=2), b"nonsense\n", **fields)
    for name in "qr":
        last = await store.write(write(published(name)))
    await sink.at(last.cursor)
    assert [event.seq for event in sink.events][-2:] == [3, 4]
    assert sink.windows[-1].first > 2
    seqs = [event.seq for event in (await store.window("x")).events]
    assert seqs == [1, 3, 4]


async def test_a_damaged_last_entry_gives_an_empty_window(
    server: Server, store: RedisStore, follower: Follower, cursor: Cursor
) -> None:
    """At the head."""
    add(server, cursor._replace(seq=1), type="?")
    sink = Recorder()
    await follower.open("x", sink)
    assert sink.windows == [LogWindow(cursor._replace(seq=1), (), sink.windows[0].feed)]


async def test_a_damaged_entry_stops_no_writer(
    server: Server, cursor: Cursor, store: RedisStore
) -> None:
    """The log drops it when it is too old."""
    add(server, cursor._replace(seq=1), type="?")
    aging = RedisStore(store._shards, Settings(log_days=1))
    await aging.write(write(published("p")))
    assert [event.seq for event in (await aging.window("x")).events] == [2]


async def test_an_unreadable_feed_delays_no_other(
    server: Server, store: RedisStore, follower: Follower, cursor: Cursor
) -> None:
    """It is retried until it is readable; the others are followed meanwhile."""

    class Picky(Recorder):
        def fill(self, window: LogWindow) -> None:
            if window.feed == b"{":
                raise ValueError("no JSON")
            super().fill(window)

        def push(self, event: Event) -> None:
            if event.body == b"{":
                raise ValueError("no JSON")
            super().push(event)

    await store.make_feed("y", b"feed y", AT, None)
    picky, other = Picky(), Recorder()
    await follower.open("x", picky)
    await follower.open("y", other)
    await up(follower)
    broken = await store.write(write(feed_updated(1, b"{")))
    for number in range(3):
        last = await store.write(write(published(f"p{number}"), feed="y"))
        await other.at(last.cursor)
    assert picky.cursor < broken.cursor
    mended = await store.write(write(feed_updated(2, b"feed three")))
    await picky.at(mended.cursor)
    assert follower.healthy


async def test_an_unreadable_feed_is_not_opened(
    server: Server, store: RedisStore, follower: Follower, cursor: Cursor
) -> None:
    """The caller gets the error at once."""

    class Broken(Recorder):
        def fill(self, window: LogWindow) -> None:
            raise ValueError("no JSON")

    with pytest.raises(Unavailable, match="can't be read"):
        await follower.open("x", Broken())
    sink = Recorder()
    await follower.open("x", sink)
    assert sink.cursor == cursor


async def test_a_key_of_another_type_delays_no_other_feed(
    server: Server,
    store: RedisStore,
    follower: Follower,
    cursor: Cursor,
    counts: Counts,
) -> None:
    """A reconnect reads all heads: an error affects only its own feed."""
    await store.make_feed("y", b"feed y", AT, None)
    other, damaged = Recorder(), Recorder()
    await follower.open("x", damaged)
    await follower.open("y", other)
    await up(follower)
    with server.client() as client:
        client.delete(KEYS.meta)
        client.set(KEYS.meta, "what is this")
    assert await store.feeds() == [b"feed y"]
    ups = counts.ups
    until_cut(server)
    await until(lambda: counts.ups > ups)
    await up(follower)
    last = await store.write(write(published("p"), feed="y"))
    await other.at(last.cursor)
    assert not damaged.ended
    await follower.close("x")
    with pytest.raises(Unavailable, match="is damaged"):
        await follower.open("x", Recorder())

"""Who may publish on a channel, but read no keys, makes readers see nothing."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import pytest
import pytest_asyncio

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import EventType
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log.feed_read_scripts import (
    LogPiece,
)
from stoppress.log.follower import BELL_S, Follower
from stoppress.log.pool import Pool
from stoppress.log.redis_keys import feed_keys
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import Counts, following, up
from tests.contract.store.news import AT, FEED, body, published, withdrawn, write
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until

pytestmark = pytest.mark.asyncio

KEYS = feed_keys("x")
SECRET = "secret"


class Readings(RedisStore):
    """A store that counts how often logs are read, and how many at a time."""

    def __init__(self, link: Pool, settings: Settings) -> None:
        super().__init__(link, settings)
        self.at: list[float] = []
        self.running = self.most = 0

    async def _piece(self, feed: str, **how: Any) -> LogPiece:
        self.at.append(asyncio.get_running_loop().time())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await super()._piece(feed, **how)
        finally:
            self.running -= 1


@pytest.fixture
def store(link: Pool, settings: Settings) -> Readings:
    """A store whose readings are counted."""
    return Readings(link, settings)


@pytest_asyncio.fixture
async def sink(store: RedisStore, follower: Follower, cursor: Cursor) -> Recorder:
    """A sink of the feed x, at its first post."""
    sink = Recorder()
    await up(follower)
    await follower.open("x", sink)
    await sink.at((await store.write(write(published("first")))).cursor)
    return sink


def send(
    server: Server, message: bytes, channel: str = KEYS.line, times: int = 1
) -> None:
    """Publish as anybody may that has the right to."""
    with server.client() as client:
        for _ in range(times):
            client.execute_command("SPUBLISH", channel, message)


def forged(cursor: Cursor, post: str = "forged") -> bytes:
    """What would be the next event, in the form of every release."""
    place = cursor._replace(seq=cursor.seq + 1)
    return f"{place} post.published {AT} {post}\n".encode() + body(post)


def unmarked(counts: Counts) -> int:
    """Messages without the right mark."""
    return counts.sum("stoppress_unmarked")


async def test_a_forged_post_is_not_shown_and_hides_none(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts
) -> None:
    """It is counted, and the log is read. The real post arrives."""
    send(server, forged(sink.cursor))
    await until(lambda: counts.how == ["window", "log"] or counts.how == ["log"])
    assert unmarked(counts) == 1
    real = await store.write(write(published("real")))
    await sink.at(real.cursor)
    assert [event.subject.id for event in sink.events] == ["first", "real"]
    assert len(sink.windows) == 1


@pytest.mark.parametrize("mark", [b"0" * 40, b"", b"x" * 40, None])
async def test_a_wrong_mark_is_ignored(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts, mark: bytes
) -> None:
    """In every form."""
    if mark is not None:
        send(server, f"{sink.cursor} epoch {AT} +".encode() + mark + b"\n")
    send(server, forged(sink.cursor))
    await until(lambda: unmarked(counts) >= 1)
    real = await store.write(write(published("real")))
    await sink.at(real.cursor)
    assert [event.subject.id for event in sink.events] == ["first", "real"]


@pytest.mark.parametrize("what", ["end", "epoch"])
async def test_a_forged_end_or_epoch_ends_nothing(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts, what: str
) -> None:
    """Readers keep their cursor; no reader is reset."""
    for epoch in (sink.cursor.epoch, "other"):
        for mark in ("", "0" * 40):
            send(server, f"{epoch}-0 {what} {AT} {mark}\n".encode())
    await until(lambda: unmarked(counts) == 4)
    real = await store.write(write(published("real")))
    await sink.at(real.cursor)
    assert not sink.ended and len(sink.windows) == 1
    assert "epoch" not in counts.how and "window" not in counts.how[1:]


async def test_an_authentic_end_is_accepted_at_once(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts
) -> None:
    """Its mark is valid; the log need not be read."""
    await store.drop_feed("x", None, None)
    await sink.until(lambda: sink.ended)
    assert unmarked(counts) == 0


async def test_replayed_messages_are_ignored(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts
) -> None:
    """In the same feed, out of order, in another feed, and after its end."""
    received: list[bytes] = []
    with server.client() as client:
        channels = client.pubsub()
        channels.ssubscribe(KEYS.line)
        while channels.get_sharded_message(timeout=60)["type"] != "ssubscribe":
            pass
        last = await store.write(write(published("p", "before")))
        await store.write(write(withdrawn("p", 1)))
        while len(received) < 4:
            message = channels.get_sharded_message(timeout=60)
            if message and message["type"] == "smessage":
                received.append(message["data"])
        channels.close()
    await sink.at(last.cursor._replace(seq=3))
    other, feed_y = Recorder(), feed_keys("y").line
    await store.make_feed("y", b"feed y", AT, None)
    for message in (*received, *reversed(received)):
        send(server, message)
        send(server, message, feed_y)
    async with following(store._shards, store, Counts()) as second:
        await up(second)
        await second.open("y", other)
        for message in received:
            send(server, message, feed_y)
        real = await store.write(write(published("real"), feed="y"))
        await other.at(real.cursor)
    assert [event.subject.id for event in other.events] == ["real"]
    assert [event.type for event in sink.events[1:]] == [
        EventType.PUBLISHED,
        EventType.WITHDRAWN,
    ]
    assert len(sink.windows) == 1


# Patient: a line that is taken for lost has the log read too.
@pytest.mark.parametrize("settings", [Settings(redis_timeout_s=60.0)], ids=["patient"])
async def test_forged_messages_cost_at_most_four_reads_per_second(
    server: Server, store: Readings, sink: Recorder, counts: Counts
) -> None:
    """One at a time, each BELL_S after the last; posts arrive meanwhile."""
    store.at.clear()
    began = asyncio.get_running_loop().time()
    for number in range(20):
        message = forged(sink.cursor, f"forged{number}")
        await asyncio.to_thread(send, server, message, times=200)
        real = await store.write(write(published(f"real{number}")))
        await sink.at(real.cursor)
    assert 0 < unmarked(counts) <= 4000  # not those heard while a reading was begun
    assert store.most == 1
    # Each may begin late on a busy machine, and none early: of so many since then.
    due = [began + number * BELL_S * 0.99 for number in range(len(store.at))]
    assert all(at >= least for at, least in zip(store.at, due, strict=True)), store.at
    assert not any("forged" in event.subject.id for event in sink.events)
    assert len(sink.windows) == 1


async def test_a_feed_opens_under_forged_messages(
    server: Server, store: Readings, follower: Follower, cursor: Cursor
) -> None:
    """They spoil no read."""
    await store.write(write(published("first")))
    flooding = True

    async def flood() -> None:
        while flooding:
            await asyncio.to_thread(send, server, forged(cursor))

    await up(follower)
    task = asyncio.create_task(flood())
    try:
        for _ in range(5):
            sink = Recorder()
            await follower.open("x", sink)
            assert [event.subject.id for event in sink.events] == ["first"]
            await follower.close("x")
    finally:
        flooding = False
        await task


async def test_a_message_without_a_mark_only_causes_a_read(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts
) -> None:
    """An earlier release sends none; its event is read from the log."""
    for number in range(3):
        message = forged(sink.cursor, f"old{number}")
        with server.client() as client:
            seq = client.hincrby(KEYS.meta, "seq", 1)
            client.hset(KEYS.posts, f"old{number}", b"1 " + body(f"old{number}"))
            entry = {"type": "post.published", "post": f"old{number}", "at": AT}
            client.xadd(KEYS.log, entry, id=f"{seq}-0")
        send(server, message)
        await sink.at(sink.cursor._replace(seq=seq))
    assert [event.subject.id for event in sink.events[1:]] == ["old0", "old1", "old2"]
    assert unmarked(counts) == 3


async def test_an_epoch_of_a_former_release_gets_a_secret(
    server: Server, store: RedisStore, cursor: Cursor, follower: Follower
) -> None:
    """The first read creates it; from then on marks are checked."""
    with server.client() as client:
        client.hdel(KEYS.meta, SECRET)
        assert client.hget(KEYS.meta, SECRET) is None
        sink = Recorder()
        await up(follower)
        await follower.open("x", sink)
        made = client.hget(KEYS.meta, SECRET)
        assert made and len(made) == 64
        last = await store.write(write(published("p")))
        await sink.at(last.cursor)
        assert client.hget(KEYS.meta, SECRET) == made


async def test_each_epoch_has_a_secret_of_its_own(
    server: Server, store: RedisStore, sink: Recorder, counts: Counts
) -> None:
    """Created with the epoch, whose message has a mark by the former secret."""
    with server.client() as client:
        first = client.hget(KEYS.meta, SECRET)
        client.hset(KEYS.meta, mapping={"replid": "0", "life": ""})
        second = await store.write(write(published("q")))
        await sink.until(lambda: sink.cursor == second.cursor)
        assert client.hget(KEYS.meta, SECRET) not in (None, first)
        await store.drop_feed("x", None, None)
        await store.make_feed("x", FEED, AT, None)
        assert client.hget(KEYS.meta, SECRET) not in (None, first)
    assert unmarked(counts) == 0
    assert "epoch" in counts.how


async def test_the_mark_is_an_hmac(server: Server, store: RedisStore) -> None:
    """By RFC 2104, for bodies of any size and any bytes."""
    await store.make_feed("x", FEED, AT, None)
    for size in (0, 1, 43, 44, 64, 65, 65536):
        with server.client() as client:
            channels = client.pubsub()
            channels.ssubscribe(KEYS.line)
            await store.write(write(published(f"p{size}", "\u00e9\\n" * size)))
            received: list[bytes] = []
            while len(received) < 2:
                message = channels.get_sharded_message(timeout=60)
                if message and message["type"] == "smessage":
                    received.append(message["data"])
            secret = client.hget(KEYS.meta, SECRET) or b""
            channels.close()
        marked = KEYS.line.encode() + b"\n" + received[1]
        key = bytes(byte ^ 0x36 for byte in secret[:32])
        mark = hmac.new(key, marked, "sha1").hexdigest().encode()
        assert received[0].rpartition(b"+")[2] == mark + b"\n"


async def test_the_secret_is_in_no_answer(store: RedisStore, sink: Recorder) -> None:
    """Neither in a hub's window nor in an answer of the store."""
    with_secret = await store.marked_window("x")
    assert len(with_secret.secret) == 64
    shown = (
        await store.window("x"),
        await store.feed("x"),
        await store.snapshot("x", 5),
    )
    assert isinstance(shown[0], LogWindow)
    assert repr(with_secret.secret)[2:-1] not in repr(
        (shown, sink.windows, sink.events)
    )

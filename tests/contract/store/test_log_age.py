"""A log lets go what is too old, at its writes, or as a whole when there are none."""

from __future__ import annotations

import dataclasses

import pytest
import pytest_asyncio

from stoppress.domain.cursor import Cursor
from stoppress.domain.store_requests_and_results import Written
from stoppress.hub.ring import Ring
from stoppress.log.follower import Follower
from stoppress.log.log_metrics import StoreMetrics
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import Counts, cut, up
from tests.contract.store.news import AT, body, published, write
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.tally import Tally
from tests.waiting import until

pytestmark = pytest.mark.asyncio

LOG = "stoppress:{x}:log"
DAY_MS = 86_400_000
MOST = 16
"""Events that one write lets go, at most."""


class Aged(Tally):
    """Counts what was let go."""

    @property
    def events(self) -> int:
        """How many events."""
        return self.sum("stoppress_log_aged")


@pytest.fixture
def settings() -> Settings:
    """A day, rather than thirty."""
    return Settings(redis_timeout_s=60.0, log_days=1)


@pytest.fixture
def aged() -> Aged:
    """What was let go."""
    return Aged()


@pytest_asyncio.fixture
async def store(link: Pool, settings: Settings, aged: Aged) -> RedisStore:
    """A store that counts."""
    return RedisStore(link, settings, StoreMetrics(aged))


async def add(store: RedisStore, number: int, at: int) -> Written:
    """Publish one post at some time."""
    return await store.write(write(published(f"p{number}"))._replace(at=at))


async def test_each_write_trims_the_oldest_entries(
    store: RedisStore, aged: Aged, cursor: Cursor
) -> None:
    """A few at a time; the rest has no hole, and posts are not touched."""
    for number in range(40):
        await add(store, number, AT + number)
    assert len((await store.window("x")).events) == 40
    assert aged.events == 0
    later = AT + DAY_MS + 30
    await add(store, 40, later)
    window = await store.window("x")
    assert (aged.events, window.first) == (MOST, MOST + 1)
    await add(store, 41, later)
    window = await store.window("x")
    # Ten are a day old to the millisecond, or younger.
    assert (aged.events, window.first) == (30, 31)
    assert [event.seq for event in window.events] == list(range(31, 43))
    assert window.cursor == cursor._replace(seq=42)
    assert await store.post("x", "p0") == body("p0")


async def test_a_wrong_clock_makes_no_hole(store: RedisStore, cursor: Cursor) -> None:
    """Days ahead: the oldest are dropped; behind: none is dropped for it."""
    for number in range(10):
        await add(store, number, AT + (5 * DAY_MS if number == 4 else 0))
    await add(store, 10, AT + 3 * DAY_MS)
    window = await store.window("x")
    # The one that claims to be young keeps what follows on it.
    assert [event.seq for event in window.events] == list(range(5, 12))
    await add(store, 11, AT - 9 * DAY_MS)
    assert (await store.window("x")).first == 5


async def test_a_log_without_writes_expires(
    store: RedisStore,
    server: Server,
    follower: Follower,
    counts: Counts,
    cursor: Cursor,
) -> None:
    """Its end is still known: the epoch goes on, and no reader misses an event."""
    sink = Recorder()
    await follower.open("x", sink)
    for number in range(3):
        last = (await add(store, number, AT)).cursor
    await sink.at(last)
    with server.client() as client:
        assert 86_000 < client.ttl(LOG) <= 86_400
        client.pexpire(LOG, 1)
        await until(lambda: not client.exists(LOG))
    assert await store.heads(["x"]) == [last]
    # Who follows has all of it, and notices nothing.
    await up(follower)
    cut(server)
    after = (await add(store, 3, AT + 2 * DAY_MS)).cursor
    assert after == cursor._replace(seq=4)
    await sink.at(after)
    assert (len(sink.windows), "epoch" in counts.how) == (1, False)
    # Who opens it now has the window that is left: others than its head are reset.
    window = await store.window("x")
    ring = Ring("x", "", max_events=10, max_bytes=1 << 20)
    ring.restart(window.cursor, window.events)
    assert ring.cursor == after
    assert [seq for seq in range(5) if ring.holds_after(seq)] == [3, 4]


async def test_an_age_of_0_keeps_every_entry(
    link: Pool, settings: Settings, server: Server, cursor: Cursor
) -> None:
    """Also for a log that was about to expire."""
    short = RedisStore(link, settings)
    for number in range(3):
        await add(short, number, AT)
    for_ever = RedisStore(link, dataclasses.replace(settings, log_days=0))
    await add(for_ever, 3, AT + 900 * DAY_MS)
    assert len((await for_ever.window("x")).events) == 4
    with server.client() as client:
        assert client.ttl(LOG) == -1

"""Where the primary is, as three Sentinels say; and what becomes of what led there."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from stoppress.domain.errors import Unavailable
from stoppress.log.connect import connect
from stoppress.log.follower import Follower
from stoppress.log.log_metrics import FollowerMetrics
from stoppress.log.pool import Pool
from stoppress.log.sentinel import Sentinels, parse
from stoppress.log.store import RedisStore
from stoppress.settings import BadSetting, Settings
from tests.contract.store import fleets
from tests.contract.store.fleets import Fleet
from tests.contract.store.following import Counts, up
from tests.contract.store.news import AT, FEED, published, settled, write
from tests.contract.store.sinks import Recorder
from tests.ports import reserve_port
from tests.waiting import WITHIN_S, until

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def fleet(kind: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """A fleet that stands."""
    fleet = Fleet(kind, tmp_path)
    try:
        await fleet.start()
        yield fleet
    finally:
        fleet.kill()


@pytest.fixture
def settings() -> Settings:
    """Patience that no test has: nothing here may end by waiting."""
    return Settings(redis_timeout_s=60.0, durability="replicas:1")


@asynccontextmanager
async def linked(fleet: Fleet, settings: Settings) -> AsyncIterator[Pool]:
    """A link that watches."""
    link = await connect(fleet.url, settings)
    watching = asyncio.create_task(link.watch())
    try:
        yield link
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await link.aclose()


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_failover_is_followed(
    fleet: Fleet, settings: Settings, how: str
) -> None:
    """All of it: calls in use, the line, the probe; what was acknowledged is there.

    Nothing ends by a timeout: one that is frozen closes nothing and answers nothing.
    """
    first = fleet.servers[0]
    counts = Counts()
    async with linked(fleet, settings) as link:
        store = RedisStore(link, settings)
        follower = Follower(link, store, FollowerMetrics(counts))
        running = asyncio.create_task(follower.run())
        born = (await store.make_feed("x", FEED, AT, None)).cursor
        sink = Recorder()
        await follower.open("x", sink)
        await sink.at(await settled(store, "before"))
        first.kill() if how == "killed" else first.freeze()
        pending = asyncio.create_task(settled(store, "pending"))
        second = await fleet.promoted(first)
        after = await pending
        assert after.epoch != born.epoch
        await sink.until(lambda: sink.cursor.epoch == after.epoch)
        await until(lambda: counts.how[-1:] == ["epoch"])
        await up(follower)
        if how == "frozen":
            first.thaw()  # it takes itself for the primary until it is told
            last = await settled(store, "stale")
            await sink.at(last)
        epochs = {window.cursor.epoch for window in sink.windows}
        assert epochs == {born.epoch, after.epoch}  # no way back
        with second.client() as client:
            posts = client.hkeys("stoppress:{x}:posts")
        assert {b"before", b"pending"} <= set(posts)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_absent_sentinel_is_not_waited_for(
    fleet: Fleet, settings: Settings
) -> None:
    """With none left, the last known primary is used."""
    one, *others = fleet.sentinels
    one.freeze()
    async with linked(fleet, settings) as link:
        store = RedisStore(link, settings)
        await store.make_feed("x", FEED, AT, None)
        for other in (one, *others):
            other.kill()
        with fleet.servers[0].client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
        await settled(store, "p")
        with pytest.raises(Unavailable, match="no Sentinel"):
            await connect(fleet.url, settings)


async def test_a_sentinel_with_old_news_is_ignored(fleet: Fleet) -> None:
    """It names the former primary, which is back and claims to be primary."""
    address = parse(fleet.url)
    assert address is not None
    cut_off, *others = fleet.sentinels
    asking = Sentinels(address, 60.0)
    first = fleet.servers[0]
    assert (await asking.primary()).port == first.port
    cut_off.kill()
    first.kill()
    second = await fleet.promoted(first)
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                place = await asking.primary()
            except Unavailable:
                continue
            if place.port == second.port:
                break
    for other in others:
        other.kill()
    await asyncio.to_thread(first.start)
    await asyncio.to_thread(cut_off.start)
    with cut_off.client() as client:
        named = client.sentinel_get_master_addr_by_name(fleets.NAME)
    assert isinstance(named, tuple)
    assert named[1] == first.port
    assert (await asking.primary()).port == second.port
    await asking.aclose()


async def test_an_unknown_primary_name_is_refused(
    fleet: Fleet, settings: Settings
) -> None:
    """In one line."""
    with pytest.raises(BadSetting, match="no primary 'sports'"):
        await connect(fleet.url.replace(fleets.NAME, "sports"), settings)


async def test_passwords_of_servers_and_sentinels_are_used(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """A wrong one is refused with the reason."""
    fleet = Fleet(kind, tmp_path, password="p@ss&word/1")
    try:
        await fleet.start()
        async with linked(fleet, settings) as link:
            store = RedisStore(link, settings)
            await store.make_feed("x", FEED, AT, None)
            assert (await store.write(write(published("p")))).cursor.seq == 1
        for place in (":{}@", "sentinel_password={}"):
            right = place.format("p%40ss%26word%2F1")
            wrong = fleet.url.replace(right, place.format("guess"))
            assert wrong != fleet.url
            with pytest.raises(BadSetting, match="user or the password"):
                await connect(wrong, settings)
    finally:
        fleet.kill()


async def test_absent_sentinels_are_unavailable(settings: Settings) -> None:
    """They may come later."""
    url = f"redis+sentinel://127.0.0.1:{reserve_port()}/news"
    with pytest.raises(Unavailable):
        await connect(url, dataclasses.replace(settings, redis_timeout_s=3))

"""Both servers, for every test of the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from stoppress.domain.cursor import Cursor
from stoppress.log.connect import connect
from stoppress.log.follower import Follower
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import Counts, following
from tests.contract.store.news import AT, FEED
from tests.contract.store.servers import Server


@pytest.fixture(params=["valkey", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which server."""
    return str(request.param)


@pytest.fixture
def server(kind: str, tmp_path: Path) -> Iterator[Server]:
    """A server that fsyncs every write."""
    server = Server(kind, tmp_path / "server")
    try:
        server.start()
    except LookupError as missing:
        pytest.fail(str(missing))
    yield server
    server.kill()


@pytest.fixture
def settings() -> Settings:
    """Settings with short waits."""
    return Settings(redis_timeout=3.0)


@pytest_asyncio.fixture
async def link(server: Server, settings: Settings) -> AsyncIterator[Pool]:
    """A link to the server."""
    link = await connect(server.url, settings)
    yield link
    await link.aclose()


@pytest.fixture
def store(link: Pool, settings: Settings) -> RedisStore:
    """A store in the server."""
    return RedisStore(link, settings)


@pytest.fixture
def counts() -> Counts:
    """What the follower counts."""
    return Counts()


@pytest_asyncio.fixture
async def follower(
    link: Pool, store: RedisStore, counts: Counts
) -> AsyncIterator[Follower]:
    """A follower that runs, and probes often."""
    async with following(link, store, counts) as follower:
        yield follower


@pytest_asyncio.fixture
async def cursor(store: RedisStore) -> Cursor:
    """The feed x, just made."""
    return (await store.make_feed("x", FEED, AT, None)).cursor

"""Both servers for every test of the contract suite, and the store in memory for those
of what every store keeps (`any_store`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from stoppress.domain.cursor import Cursor
from stoppress.log.connect import connect
from stoppress.log.follower import Follower
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import PATIENT_S, Counts, following
from tests.contract.store.news import AT, FEED, AnyStore
from tests.contract.store.servers import Server
from tests.memory_store import MemoryStore


@pytest.fixture(params=["valkey", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which server."""
    return str(request.param)


@pytest.fixture
def server(kind: str, tmp_path: Path) -> Iterator[Server]:
    """A server that fsyncs every write."""
    with _running(kind, tmp_path / "server") as server:
        yield server


@pytest.fixture
def settings() -> Settings:
    """Patience that no test has: nothing may end by waiting that does not say so."""
    return Settings(redis_timeout_s=60.0)


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


@pytest_asyncio.fixture(params=["memory", "valkey", "redis"])
async def any_store(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Settings
) -> AsyncIterator[AnyStore]:
    """A store: the one in memory, in Valkey, in Redis."""
    if request.param == "memory":
        yield MemoryStore()
        return
    with _running(request.param, tmp_path / "server") as server:
        link = await connect(server.url, settings)
        yield RedisStore(link, settings)
        await link.aclose()


@contextmanager
def _running(kind: str, folder: Path) -> Iterator[Server]:
    server = Server(kind, folder)
    try:
        server.start()
    except LookupError as missing:
        pytest.fail(str(missing))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def counts() -> Counts:
    """What the follower counts."""
    return Counts()


@pytest.fixture
def probe_s() -> float:
    """How long a probe may take; QUICK_S where one is to be missed."""
    return PATIENT_S


@pytest_asyncio.fixture
async def follower(
    link: Pool, store: RedisStore, counts: Counts, probe_s: float
) -> AsyncIterator[Follower]:
    """A follower that runs."""
    async with following(link, store, counts, probe_s) as follower:
        yield follower


@pytest_asyncio.fixture
async def cursor(store: RedisStore) -> Cursor:
    """The feed x, just made."""
    return (await store.make_feed("x", FEED, AT, None)).cursor

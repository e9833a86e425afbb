"""More connections than an address may have: each transport is told in its own way."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from stoppress.client import follow
from tests.certificates import issue, trust
from tests.conftest import Server, started
from tests.plain_http import PATIENCE_S
from tests.waiting import until

pytestmark = pytest.mark.asyncio

MOST = 3
"""Connections that an address may have on these servers."""


class Full:
    """A server, one feed of it, and the connections that fill it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.is_tls = server.url.startswith("https")
        self.url = server.url
        self.ws = f"ws{server.url.removeprefix('http')}/v1/live?feed=quay"

    def http(self) -> httpx.AsyncClient:
        """A client that makes a new connection for each request."""
        return httpx.AsyncClient(
            base_url=self.url,
            verify=trust() if self.is_tls else False,
            timeout=PATIENCE_S,
            trust_env=False,
            headers={"connection": "close"},
        )

    def reader(self) -> connect:
        """One more WebSocket."""
        return connect(self.ws, ssl=trust() if self.is_tls else None)

    @contextlib.asynccontextmanager
    async def filled(self) -> AsyncIterator[list[ClientConnection]]:
        """As many readers as may be."""
        async with contextlib.AsyncExitStack() as stack:
            readers: list[ClientConnection] = []
            while len(readers) < MOST:
                # The connection of the request before may not be gone yet.
                one = await stack.enter_async_context(self.reader())
                if json.loads(await one.recv())["type"] == "hello":
                    readers.append(one)
            yield readers


@pytest.fixture(scope="module", params=["plain", "tls"])
def full(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Full]:
    """A server with the limit, plain or with TLS."""
    folder = tmp_path_factory.mktemp("full")
    options = ["--address-connections", str(MOST), "--drain-s", "0.2"]
    if request.param == "tls":
        files = issue(folder)
        options += ["--tls-cert", str(files.cert), "--tls-key", str(files.key)]
    with started(folder / "data", *options) as server:
        made = httpx.post(
            f"{server.url}/v1/feeds",
            json={"slug": "quay", "title": "Quay"},
            headers={"authorization": f"Bearer {server.token}"},
            verify=trust(),
            trust_env=False,
        )
        assert made.status_code == 201
        yield Full(server)


async def test_each_transport_refuses_in_its_own_way(full: Full) -> None:
    """4029 on a WebSocket, as a page can't read a status; the others as documented."""
    async with asyncio.timeout(PATIENCE_S), full.filled(), full.http() as http:
        for _ in range(2):
            async with full.reader() as late:
                bye = json.loads(await late.recv())
                assert bye["type"] == "bye" and bye["retry_ms"] >= 0
                with pytest.raises(ConnectionClosed):
                    await late.recv()
                assert late.close_code == 4029 and late.close_reason  # the request's id
            events = "/v1/feeds/quay/events"
            accept = {"accept": "text/event-stream"}
            stream = await http.get(events, headers=accept)
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert "retry: " in stream.text and "event: bye" in stream.text
            for path in (events, "/live/quay"):
                refused = await http.get(path)
                assert refused.status_code == 429
                assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize("full", ["plain"], indirect=True)
async def test_the_bundled_reader_connects_once_there_is_room(full: Full) -> None:
    """It waits for its retry time, and misses no event."""
    async with asyncio.timeout(PATIENCE_S):
        async with full.http() as http:
            path, token = "/v1/feeds/quay", f"Bearer {full.server.token}"
            since = (await http.get(path)).json()["cursor"]
            made = await http.post(
                f"{path}/posts", json={"body": "Rain"}, headers={"authorization": token}
            )
            assert made.status_code == 201
        async with full.filled() as readers:
            before = full.server.log.read_text().count("close-4029")
            following = asyncio.create_task(_first(full, since))
            await until(
                lambda: full.server.log.read_text().count("close-4029") > before
            )
            assert not following.done()
            await readers[0].close()
            assert await following == "post.published"


async def _first(full: Full, since: str) -> str:
    async with contextlib.aclosing(follow(full.url, "quay", since=since)) as messages:
        return str((await anext(messages))["type"])

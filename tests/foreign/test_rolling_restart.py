"""Hubs that restart behind proxies: no reader loses an event, and no post comes twice.

What a publisher meets meanwhile is an answer (2xx, or 502 to 504: ask again with the
same key). A proxy repeats a write that a hub has seen only if it has a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.foreign.intermediaries import share_of
from tests.foreign.live_lines import PATIENCE_S, client, needs
from tests.foreign.proxies import SHIPPED, proxied
from tests.foreign.returning_reader import ReturningReader
from tests.foreign.two_hubs import hubs_in, redis_in

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="redis-server is not installed"
    ),
]

TRANSPORTS = ("websocket", "sse", "poll")
OUTCOME_UNKNOWN = (502, 503, 504)
FOUND = ("nginx-defaults", "haproxy-defaults")
"""What people have without our files: restarts cost no event there either."""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests here."""
    with redis_in(tmp_path_factory.mktemp("redis")) as url:
        yield url


class Publisher:
    """Publishes through a proxy, each post until its outcome is known."""

    def __init__(self, http: httpx.AsyncClient, feed: str) -> None:
        self._http, self._feed = http, feed
        self.cursors: list[str] = []
        self.unanswered = 0
        """Requests whose connection ended without an answer."""

    async def publish(self, *keys: str) -> None:
        """Publish a post per key."""
        for key in keys:
            async with asyncio.timeout(PATIENCE_S):
                self.cursors.append(await self._settled(key))

    async def _settled(self, key: str) -> str:
        while True:
            try:
                answer = await self._http.post(
                    f"/v1/feeds/{self._feed}/posts",
                    json={"body": key},
                    headers={"idempotency-key": key},
                )
            except httpx.TransportError:
                self.unanswered += 1
            else:
                if answer.status_code in (200, 201):
                    cursor: str = answer.json()["cursor"]
                    return cursor
                assert answer.status_code in OUTCOME_UNKNOWN, answer.text
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("how", share_of(("SIGTERM", "SIGKILL"), ("SIGTERM",)))
@pytest.mark.parametrize("name", share_of((*SHIPPED, *FOUND), ("nginx",)))
async def test_a_rolling_restart_loses_no_event(
    name: str, how: str, redis: str, tmp_path: Path
) -> None:
    """One hub after the other is restarted among posts."""
    needs(name)
    transports = TRANSPORTS[name == "nginx-defaults" :]
    with hubs_in(tmp_path, redis) as hubs:
        feed = hubs.running[0].new_feed()
        async with (
            proxied(name, hubs.urls, tmp_path) as base,
            client(base) as http,
            asyncio.TaskGroup() as group,
        ):
            readers = [ReturningReader(base, feed, way) for way in transports * 3]
            tasks = [group.create_task(reader.run()) for reader in readers]
            for reader in readers:
                await asyncio.wait_for(reader.greeted.wait(), PATIENCE_S)
            publisher = Publisher(http, feed)
            for index in range(2):
                await publisher.publish(f"{index}a1", f"{index}a2")
                old = hubs.running[index].process
                old.send_signal(signal.Signals[how])
                await publisher.publish(f"{index}b1", f"{index}b2")
                await asyncio.to_thread(old.wait, PATIENCE_S)
                await publisher.publish(f"{index}c1", f"{index}c2")
                await asyncio.to_thread(hubs.start, index)
            await publisher.publish("last")
            for reader in readers:
                await reader.has(len(publisher.cursors))
            for task in tasks:
                task.cancel()
        for reader in readers:
            assert reader.cursors == publisher.cursors, reader.transport
            assert reader.breaks or reader.transport == "poll"
        # HAProxy closes the connection of a client whose request met a dying hub.
        may_close = name == "haproxy" and how == "SIGKILL"
        assert name not in SHIPPED or may_close or not publisher.unanswered


@contextlib.asynccontextmanager
async def leaving_hubs(folder: Path, seen: list[str]) -> AsyncIterator[list[str]]:
    """Two hubs that read a write and leave without an answer; they answer the rest,
    and the second write that comes with a key."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split(" ", 2)
                is_write = method not in ("GET", "OPTIONS")
                if is_write:
                    await reader.readexactly(2)
                    seen.append(f"{method} {target}")
                keyed = "idempotency-key: " in head.lower()
                if is_write and target != "/there" and not (keyed and len(seen) > 1):
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with contextlib.AsyncExitStack() as stack:
        places = [folder / "one", folder / "two"]
        for place in places:
            await stack.enter_async_context(
                await asyncio.start_unix_server(serve, place)
            )
        yield [f"unix:{place}" for place in places]


@pytest.mark.parametrize("name", SHIPPED)
async def test_a_write_without_a_key_is_never_repeated(
    name: str, tmp_path: Path
) -> None:
    """A hub takes it and leaves without an answer: it comes to no other. One that could
    not be sent goes to the hub that is there."""
    needs(name)
    seen: list[str] = []
    async with leaving_hubs(tmp_path, seen) as urls:
        # A new proxy for two of them, which holds neither hub for dead.
        for methods in (("POST", "PATCH"), ("PUT", "DELETE")):
            async with proxied(name, urls, tmp_path) as base, client(base) as http:
                for method in methods:
                    seen.clear()
                    # HAProxy just closes where the connection was used before.
                    with contextlib.suppress(httpx.RemoteProtocolError):
                        answer = await http.request(method, "/v1/x", content=b"{}")
                        assert answer.status_code in OUTCOME_UNKNOWN
                    assert len(seen) == 1, seen
        seen.clear()
        away = [f"unix:{tmp_path}/nobody", urls[0]]
        async with proxied(name, away, tmp_path) as base, client(base) as http:
            assert (await http.post("/there", content=b"{}")).status_code == 200
            assert len(seen) == 1


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
async def test_a_write_with_a_key_is_repeated(name: str, tmp_path: Path) -> None:
    """The first hub takes it and closes without an answer; the other answers."""
    needs(name)
    seen: list[str] = []
    keyed = {"idempotency-key": "k-1"}
    async with leaving_hubs(tmp_path, seen) as urls:
        # A new proxy for each, which holds neither hub for dead.
        for method in ("POST", "PUT"):
            seen.clear()
            async with proxied(name, urls, tmp_path) as base, client(base) as http:
                answer = await http.request(
                    method, "/v1/x", content=b"{}", headers=keyed
                )
            assert answer.status_code == 200, (method, answer.text)
            assert seen == [f"{method} /v1/x"] * 2

"""The Caddyfile as it is shipped, with a real Caddy, over two real hubs and a Redis.

What must hold behind a proxy as it does without one: all three transports are
prompt, conditional answers stay conditional, upgrades pass, and a hub that dies
costs no reader an event. Waits are for conditions; timing decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.contract.server.asking import said
from tests.contract.server.proxied import (
    PATIENCE_S,
    TOKEN,
    Site,
    answers,
    site_in,
)
from tests.plain_http import PLAIN
from tests.waiting import until

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="redis-server is not installed"
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The site, for every test here."""
    async with site_in(tmp_path_factory.mktemp("proxy")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module")
async def feed(site: Site, request: pytest.FixtureRequest) -> str:
    """A feed of this test's own."""
    name: str = request.node.name
    slug = re.sub(r"[^a-z]+", "-", name)[:80].strip("-")
    async with site.client() as client:
        answer = await client.post("/v1/feeds", json={"slug": slug, "title": slug})
        assert answer.status_code == 201, answer.text
    return slug


async def next_event(socket: ClientConnection) -> dict[str, Any]:
    """The next message of the socket that is an event."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"].startswith(("post.", "feed.")):
                return message


async def hello(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        message: dict[str, Any] = json.loads(await socket.recv())
    assert message["type"] == "hello", message
    return message


async def sse(lines: AsyncIterator[str]) -> tuple[str, dict[str, Any]]:
    """The next server-sent event that has data: its name and the data."""
    name = ""
    async with asyncio.timeout(PATIENCE_S):
        async for line in lines:
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                return name, json.loads(line.removeprefix("data:"))
    raise AssertionError("the stream ended")


STREAM = {"accept": "text/event-stream", "accept-encoding": "gzip, zstd"}


async def test_all_transports_bring_the_event_through_the_proxy(
    site: Site, feed: str
) -> None:
    """An event published at one hub reaches each kind of reader at the proxy, while
    the answers it travels in go on: nothing on the way waits for more bytes."""
    path = f"/v1/feeds/{feed}/events"
    async with site.client() as client, connect(site.live(feed)) as socket:
        greeting = await hello(socket)
        async with client.stream("GET", path, headers=STREAM) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert "content-encoding" not in stream.headers
            lines = stream.aiter_lines()
            kind, first = await sse(lines)
            assert (kind, first["cursor"]) == ("hello", greeting["cursor"])
            query = {"since": greeting["cursor"], "wait": "20"}
            poll = asyncio.create_task(client.get(path, params=query))
            cursor = await site.publish(feed, "The bridge is open.")
            event = await next_event(socket)
            kind, same = await sse(lines)
            while kind == "beat":
                kind, same = await sse(lines)
            answer = (await poll).json()
    assert event["cursor"] == cursor
    assert said(event["post"]) == "The bridge is open."
    assert (kind, same) == (event["type"], event)
    assert answer["events"] == [event]
    assert answer["cursor"] == cursor


async def test_both_hubs_serve_readers(site: Site, feed: str) -> None:
    """Connections are spread by load, and an event reaches both hubs."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(connect(site.live(feed))) for _ in range(6)
        ]
        for each in sockets:
            await hello(each)
        counts = [await _readers(hub) for hub in site.hubs]
        assert all(count >= 2 for count in counts), counts
        cursor = await site.publish(feed, "To all.", site.hubs[1])
        for each in sockets:
            assert (await next_event(each))["cursor"] == cursor


async def _readers(hub: str) -> float:
    async with httpx.AsyncClient(verify=PLAIN) as client:
        text = (await client.get(f"{hub}/metrics")).text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("stoppress_readers")
    )


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
async def test_conditional_answers_pass_the_proxy(
    site: Site, feed: str, encoding: str
) -> None:
    """A snapshot has its ETag, and is 304 for a client that has it, also compressed."""
    await site.publish(feed, "Words enough to be worth compressing. " * 40)
    headers = {"accept-encoding": encoding}
    async with site.client() as client:
        del client.headers["authorization"]
        for path in (f"/v1/feeds/{feed}", f"/live/{feed}"):
            async with client.stream("GET", path, headers=headers) as full:
                assert full.status_code == 200
                await anext(full.aiter_raw())
            given = full.headers.get("content-encoding", "identity")
            assert given == encoding, path
            again: httpx.Response = full
            for _ in range(10):
                # A page shows other feeds too: it may have changed, or the other
                # hub may have looked at them at another time.
                condition = {**headers, "if-none-match": again.headers["etag"]}
                again = await client.get(path, headers=condition)
                if again.status_code == 304:
                    break
            assert again.status_code == 304, path
            assert again.content == b""


async def test_refusals_pass_the_proxy(site: Site, feed: str) -> None:
    """Clients get the server's own refusal."""
    async with site.client() as client:
        plain = await client.get("/v1/live", params={"feed": feed})
        assert plain.status_code == 426
        missing = await client.get("/v1/feeds/nowhere")
        assert missing.status_code == 404
        kind = missing.headers["content-type"]
        assert kind.startswith("application/problem+json")
    async with connect(site.live("nowhere")) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404


async def test_the_proxy_hides_metrics_and_server_names(site: Site) -> None:
    """Metrics are only on the hubs; answers don't name the software."""
    async with site.client() as client:
        assert (await client.get("/metrics")).status_code == 404
        answer = await client.get("/healthz")
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert "via" not in answer.headers


async def test_the_desk_works_behind_the_proxy(site: Site, feed: str) -> None:
    """Signing in and writing with the cookie passes the check of the origin."""
    async with httpx.AsyncClient(verify=PLAIN, base_url=site.proxy) as client:
        origin = {"origin": site.proxy}
        answer = await client.post(
            "/desk/sign-in", data={"token": TOKEN}, headers=origin
        )
        assert answer.status_code == 303
        written = await client.post(
            f"/v1/feeds/{feed}/posts", json={"body": "From the desk."}, headers=origin
        )
        assert written.status_code == 201, written.text


async def test_a_proxy_reload_keeps_open_connections(site: Site, feed: str) -> None:
    """A new configuration leaves open sockets alone."""
    async with connect(site.live(feed)) as socket:
        await hello(socket)
        assert await site.reload() == 0
        cursor = await site.publish(feed, "Still here.")
        assert (await next_event(socket))["cursor"] == cursor


class Returning:
    """A reader that comes back from its cursor whenever its line breaks."""

    def __init__(self, site: Site, feed: str) -> None:
        self.cursors: list[str] = []
        self.breaks = 0
        self.greeted = asyncio.Event()
        self._site = site
        self._feed = feed

    async def run(self) -> None:
        place = ""
        while True:
            with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError):
                async with connect(f"{self._site.live(self._feed)}{place}") as socket:
                    greeting = await hello(socket)
                    assert greeting["resumed"] or not place
                    place = place or f"@{greeting['cursor']}"
                    self.greeted.set()
                    while True:
                        message = json.loads(await socket.recv())
                        assert message["type"] != "reset"
                        if message["type"].startswith("post."):
                            self.cursors.append(message["cursor"])
                            place = f"@{message['cursor']}"
            self.breaks += 1


async def test_no_event_is_lost_when_a_hub_is_killed(site: Site, feed: str) -> None:
    """One hub is killed under readers and writers; all get every event, in order."""
    readers = [Returning(site, feed) for _ in range(6)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(reader.run()) for reader in readers]
        for reader in readers:
            await asyncio.wait_for(reader.greeted.wait(), PATIENCE_S)
        cursors = [await site.publish(feed, f"Before {n}.") for n in range(5)]
        site.processes[1].kill()
        await site.processes[1].wait()
        cursors += [await site.publish(feed, f"After {n}.") for n in range(5)]

        async def all_there() -> bool:
            return all(len(reader.cursors) >= len(cursors) for reader in readers)

        await until(all_there)
        for task in tasks:
            task.cancel()
    assert all(reader.cursors == cursors for reader in readers)
    assert any(reader.breaks for reader in readers), "the dead hub had no reader"
    assert not await answers(site.hubs[1])
    assert await answers(site.proxy)
    await site.restart(1)

"""The product behind proxies: as `deploy/` ships them, as people have them, and worse.

Two real hubs on one Redis stand behind each. What arrives is awaited, and nothing is
decided by how long it took: a proxy that holds an event back fails by never letting it
through while the answer that it travels in goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from tests.conftest import ADMIN_TOKEN
from tests.foreign.intermediaries import share_of
from tests.foreign.proxies import ALL, DEPLOY, SHIPPED, missing, proxied
from tests.foreign.two_hubs import Hubs, hubs_in, redis_in

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="redis-server is not installed"
    ),
]

PATIENCE_S = 30
COMPRESSING = ("caddy", "nginx", "haproxy", "nginx-gzip", "caddy-encode")
NO_SOCKETS = ("nginx-defaults", "nginx-gzip", "no-upgrade")
"""Behind these a WebSocket can't be opened, and readers fall back."""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests here."""
    with redis_in(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory, redis: str) -> Iterator[Hubs]:
    """Two hubs, for the tests that end neither."""
    with hubs_in(tmp_path_factory.mktemp("hubs"), redis) as hubs:
        yield hubs


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for the proxies' certificates."""
    return trustme.CA()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def needs(name: str) -> None:
    lacking = missing(name)
    if lacking:
        pytest.skip(lacking)


def client(base: str, context: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=base,
        headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        verify=context,
        timeout=PATIENCE_S,
        trust_env=False,
    )


def live(base: str, feed: str) -> str:
    return f"{base.replace('http', 'ws', 1)}/v1/live?feed={feed}"


def socket_to(base: str, feed: str, context: ssl.SSLContext) -> connect:
    tls = context if base.startswith("https") else None
    return connect(live(base, feed), ssl=tls, proxy=None)


async def hear(socket: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of one of some kinds."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] in kinds:
                return message


async def read(lines: AsyncIterator[str], *kinds: str) -> dict[str, Any]:
    """The next event of a stream that is of one of some kinds."""
    async with asyncio.timeout(PATIENCE_S):
        async for line in lines:
            if line.startswith("data:"):
                message: dict[str, Any] = json.loads(line.removeprefix("data:"))
                if message["type"] in kinds:
                    return message
    raise AssertionError("the stream ended")


def publish(hubs: Hubs, feed: str, body: str) -> str:
    cursor: str = hubs.running[0].publish(feed, body)["cursor"]
    return cursor


STREAM = {"accept": "text/event-stream", "accept-encoding": "gzip, br, zstd"}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("name", ALL)
async def test_an_event_reaches_every_transport(
    name: str, tls: bool, hubs: Hubs, authority: trustme.CA, tmp_path: Path
) -> None:
    """While the answers that it travels in go on. No WebSocket: told, or never told."""
    needs(name)
    if tls and name in ("splitting", "no-upgrade"):
        pytest.skip("it works on TCP")
    feed = hubs.running[0].new_feed()
    path, context = f"/v1/feeds/{feed}/events", trusting(authority)
    async with contextlib.AsyncExitStack() as stack:
        base = await stack.enter_async_context(
            proxied(name, hubs.urls, tmp_path, authority=authority if tls else None)
        )
        http = await stack.enter_async_context(client(base, context))
        stream = await stack.enter_async_context(
            http.stream("GET", path, headers=STREAM)
        )
        assert stream.headers["content-type"].startswith("text/event-stream")
        # One that compresses streams too has to let each event through.
        assert name not in SHIPPED or "content-encoding" not in stream.headers
        lines = stream.aiter_lines()
        hello = await read(lines, "hello")
        socket = None
        if name not in NO_SOCKETS:
            socket = await stack.enter_async_context(socket_to(base, feed, context))
            assert (await hear(socket, "hello"))["cursor"] == hello["cursor"]
        elif name != "no-upgrade":
            with pytest.raises(InvalidStatus) as refused:
                await socket_to(base, feed, context).__aenter__()
            assert refused.value.response.status_code == 426
        poll = asyncio.create_task(
            http.get(path, params={"since": hello["cursor"], "wait": "20"})
        )
        cursor = await asyncio.to_thread(publish, hubs, feed, "The bridge is open.")
        event = await read(lines, "post.published")
        assert event["cursor"] == cursor
        assert (await poll).json()["events"] == [event]
        if socket is not None:
            assert await hear(socket, "post.published") == event


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br, zstd, gzip"])
@pytest.mark.parametrize("name", COMPRESSING)
async def test_a_tag_makes_the_round_trip(
    name: str, encoding: str, hubs: Hubs, tmp_path: Path, authority: trustme.CA
) -> None:
    """What a GET hands out is taken by If-Match and If-None-Match, however encoded."""
    needs(name)
    feed = hubs.running[0].new_feed()
    text = "Words enough to be worth compressing. " * 40
    made = hubs.running[0].publish(feed, text)
    path = f"/v1/feeds/{feed}/posts/{made['post']['id']}"
    headers = {"accept-encoding": encoding}
    async with (
        proxied(name, hubs.urls, tmp_path) as base,
        client(base, trusting(authority)) as http,
    ):
        for number in range(2):
            tag = (await http.get(path, headers=headers)).headers["etag"]
            same = await http.get(path, headers={**headers, "if-none-match": tag})
            assert same.status_code in (200, 304)
            edited = await http.patch(
                path,
                json={"headline": f"Edit {number}"},
                headers={**headers, "if-match": tag},
            )
            assert edited.status_code == 200, (tag, edited.text)
            stale = await http.patch(
                path, json={"headline": "Late"}, headers={**headers, "if-match": tag}
            )
            assert stale.status_code == 412
        snapshot = await http.get(f"/v1/feeds/{feed}", headers=headers)
        tag = snapshot.headers["etag"]
        again = await http.get(
            f"/v1/feeds/{feed}", headers={**headers, "if-none-match": tag}
        )
        assert again.status_code == 304


@pytest.mark.parametrize("name", SHIPPED)
async def test_no_token_is_in_a_log(
    name: str, hubs: Hubs, tmp_path: Path, authority: trustme.CA
) -> None:
    """Neither of what goes well, nor of hubs that are away or leave in the middle."""
    needs(name)
    secret = "sp_a-secret-that-no-log-may-have"
    feed = hubs.running[0].new_feed()
    paths = (
        f"/v1/live?feed={feed}&token={secret}",
        f"/v1/feeds/{feed}/events?token={secret}&wait=0",
    )

    async def ask(base: str) -> None:
        async with client(base, trusting(authority)) as http:
            for path in paths:
                await http.get(path, headers={"referer": base + path})
        with contextlib.suppress(InvalidHandshake, ConnectionClosed):
            url = live(base, feed) + f"&token={secret}"
            async with connect(url, proxy=None) as socket:
                await socket.recv()

    # Caddy tries a hub that is away for 5 s, which is not what is tested here.
    changes = (("lb_try_duration 5s", "lb_try_duration 300ms"),)
    leaving = await asyncio.start_unix_server(
        lambda reader, writer: writer.close(), tmp_path / "leaving"
    )
    async with leaving:
        for number, hub in enumerate(
            (hubs.urls[0], f"unix:{tmp_path}/nobody", f"unix:{tmp_path}/leaving")
        ):
            folder = tmp_path / str(number)
            folder.mkdir()
            async with proxied(
                *(name, [hub], folder), changes=changes if name == "caddy" else ()
            ) as base:
                await ask(base)
            log = (folder / f"{name}.log").read_text()
            assert secret not in log
            assert name == "caddy" or "/v1/" in log, log


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/", "//metrics", "/%6detrics", "/metrics?x=1", "/./metrics"],
)
@pytest.mark.parametrize("name", SHIPPED)
async def test_the_figures_stay_inside(
    name: str, path: str, hubs: Hubs, tmp_path: Path, authority: trustme.CA
) -> None:
    """However the address is written, and wherever a redirect leads."""
    needs(name)
    async with proxied(name, hubs.urls, tmp_path) as base:
        host, _, port = base.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
    assert b"stoppress_" not in answer
    status = int(answer.split(b" ", 2)[1])
    assert status in (308, 400, 404), answer
    if status == 308:
        assert b"location: /metrics\r\n" in answer.lower()


@pytest.mark.parametrize("name", SHIPPED)
async def test_a_head_as_big_as_a_hub_takes_passes(
    name: str, hubs: Hubs, tmp_path: Path, authority: trustme.CA
) -> None:
    """30 KiB of cookies from the other parts of a newspaper's site."""
    needs(name)
    feed = hubs.running[0].new_feed()
    cookies = "; ".join(f"c{n}={'x' * 1000}" for n in range(30))
    async with (
        proxied(name, hubs.urls, tmp_path, authority=authority) as base,
        client(base, trusting(authority)) as http,
    ):
        answer = await http.get(f"/live/{feed}", headers={"cookie": cookies})
        assert answer.status_code == 200
        over_2 = curl(base, f"/live/{feed}", authority, "--http2", "-b", cookies)
        assert over_2 == "2 200"


def curl(base: str, path: str, authority: trustme.CA, *options: str) -> str:
    """The version of HTTP and the status."""
    with authority.cert_pem.tempfile() as pem:
        done = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
            + ["--cacert", pem, *options, base + path],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    return done.stdout


@pytest.mark.parametrize("name", SHIPPED)
async def test_browsers_are_given_http_2(
    name: str, hubs: Hubs, tmp_path: Path, authority: trustme.CA
) -> None:
    """Six connections a host are too few for a page's streams over HTTP/1.1."""
    needs(name)
    feed = hubs.running[0].new_feed()
    async with proxied(name, hubs.urls, tmp_path, authority=authority) as base:
        found = await asyncio.to_thread(curl, base, f"/live/{feed}", authority)
    assert found == "2 200"


class Returning:
    """A reader that comes back from its cursor whenever its line breaks."""

    def __init__(self, base: str, feed: str) -> None:
        self.base, self.feed = base, feed
        self.cursors: list[str] = []
        self.breaks = 0
        self.greeted = asyncio.Event()
        self._came = asyncio.Condition()

    async def has(self, count: int) -> None:
        """Wait until so many events came."""
        async with asyncio.timeout(PATIENCE_S), self._came:
            await self._came.wait_for(lambda: len(self.cursors) >= count)

    async def _note(self, cursor: str) -> None:
        async with self._came:
            self.cursors.append(cursor)
            self._came.notify_all()

    async def by_socket(self) -> None:
        place = ""
        while True:
            with contextlib.suppress(ConnectionClosed, InvalidHandshake, OSError):
                url = live(self.base, self.feed) + place
                async with connect(url, proxy=None) as socket:
                    hello = await hear(socket, "hello", "reset")
                    assert hello["type"] == "hello"
                    assert hello["resumed"] or not place
                    place = place or f"@{hello['cursor']}"
                    self.greeted.set()
                    while True:
                        event = await hear(socket, "post.published", "reset")
                        await self._note(event["cursor"])
                        place = f"@{event['cursor']}"
            self.breaks += 1
            await asyncio.sleep(0.05)

    async def by_stream(self) -> None:
        place: dict[str, str] = {}
        path = f"/v1/feeds/{self.feed}/events"
        async with httpx.AsyncClient(
            base_url=self.base, timeout=PATIENCE_S, trust_env=False
        ) as http:
            while True:
                with contextlib.suppress(httpx.TransportError, AssertionError):
                    async with http.stream(
                        "GET", path, headers={"accept": "text/event-stream", **place}
                    ) as stream:
                        lines = stream.aiter_lines()
                        hello = await read(lines, "hello", "reset")
                        assert hello["type"] == "hello"
                        place = place or {"last-event-id": hello["cursor"]}
                        self.greeted.set()
                        while True:
                            event = await read(lines, "post.published", "reset")
                            await self._note(event["cursor"])
                            place = {"last-event-id": event["cursor"]}
                self.breaks += 1
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", share_of((*SHIPPED, "haproxy-defaults"), ("caddy",)))
async def test_a_rolling_restart_costs_no_event(
    name: str, redis: str, tmp_path: Path
) -> None:
    """One hub after the other drains, ends and starts anew among posts."""
    needs(name)
    with hubs_in(tmp_path, redis) as hubs:
        feed = hubs.running[0].new_feed()
        async with proxied(name, hubs.urls, tmp_path) as base:
            readers = [Returning(base, feed) for _ in range(6)]
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(one.by_stream() if n % 2 else one.by_socket())
                    for n, one in enumerate(readers)
                ]
                for one in readers:
                    await asyncio.wait_for(one.greeted.wait(), PATIENCE_S)
                cursors: list[str] = []
                async with httpx.AsyncClient(
                    base_url=base,
                    headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
                    timeout=PATIENCE_S,
                    trust_env=False,
                ) as http:
                    for index in range(2):
                        cursors += [
                            await sure(http, feed, f"{index}a{n}") for n in (1, 2)
                        ]
                        old = hubs.running[index]
                        old.process.send_signal(signal.SIGTERM)
                        cursors += [
                            await sure(http, feed, f"{index}b{n}") for n in (1, 2)
                        ]
                        await asyncio.to_thread(old.process.wait, PATIENCE_S)
                        cursors += [
                            await sure(http, feed, f"{index}c{n}") for n in (1, 2)
                        ]
                        await asyncio.to_thread(hubs.start, index)
                    cursors.append(await sure(http, feed, "last"))
                for one in readers:
                    await one.has(len(cursors))
                for task in tasks:
                    task.cancel()
        assert all(one.cursors == cursors for one in readers)
        assert all(one.breaks for one in readers)


async def sure(http: httpx.AsyncClient, feed: str, key: str) -> str:
    """Publish through the proxy, again until the outcome is known; the cursor."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await http.post(
                    f"/v1/feeds/{feed}/posts",
                    json={"body": key},
                    headers={"idempotency-key": key},
                )
                if answer.status_code in (200, 201):
                    cursor: str = answer.json()["cursor"]
                    return cursor
                assert answer.status_code in (502, 503, 504), answer.text
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", SHIPPED)
async def test_a_post_is_never_repeated(name: str, tmp_path: Path) -> None:
    """Two hubs take it and leave without an answer: it comes to one, once. A GET may
    come to both, and a POST that could not be sent goes to the one that is there."""
    needs(name)
    seen: list[bytes] = []

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith((b"POST", b"PATCH")):
            await reader.readexactly(2)
            seen.append(head)
        if b" /there " in head:
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        elif not head.startswith((b"POST", b"PATCH")):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    places = [tmp_path / "one", tmp_path / "two"]
    async with contextlib.AsyncExitStack() as stack:
        for place in places:
            await stack.enter_async_context(
                await asyncio.start_unix_server(leave, place)
            )
        urls = [f"unix:{place}" for place in places]
        async with (
            proxied(name, urls, tmp_path) as base,
            httpx.AsyncClient(
                base_url=base, timeout=PATIENCE_S, trust_env=False
            ) as http,
        ):
            for method in ("POST", "PATCH"):
                seen.clear()
                # HAProxy just closes where the connection was used before.
                with contextlib.suppress(httpx.RemoteProtocolError):
                    answer = await http.request(method, "/v1/x", content=b"{}")
                    assert answer.status_code in (502, 503, 504)
                assert len(seen) == 1, seen
        seen.clear()
        async with (
            proxied(name, [f"unix:{tmp_path}/nobody", urls[0]], tmp_path) as base,
            httpx.AsyncClient(
                base_url=base, timeout=PATIENCE_S, trust_env=False
            ) as http,
        ):
            answer = await http.post("/there", content=b"{}")
            assert answer.status_code == 201
            assert len(seen) == 1


SHORT = {
    "caddy": (),
    "nginx": (
        ("proxy_read_timeout 10m", "proxy_read_timeout 3s"),
        ("proxy_send_timeout 10m", "proxy_send_timeout 3s"),
        ("send_timeout 10m", "send_timeout 3s"),
    ),
    "haproxy": (
        ("timeout client 10m", "timeout client 3s"),
        ("timeout server 10m", "timeout server 3s"),
        ("timeout tunnel 1h", "timeout tunnel 3s"),
        ("timeout http-keep-alive 75s", "timeout http-keep-alive 3s"),
        ("timeout client-fin 10s", "timeout client-fin 1s"),
    ),
}
"""The written timeouts of 10 minutes, at a two-hundredth."""


@pytest.mark.parametrize("name", share_of(SHIPPED, ("nginx",)))
async def test_a_quiet_line_stays(
    name: str, redis: str, tmp_path: Path, authority: trustme.CA
) -> None:
    """Over several of the proxy's timeouts, as a beat comes within each: after eight
    beats of a second the line of each transport still brings what is published."""
    needs(name)
    context = trusting(authority)
    with hubs_in(tmp_path, redis, "--beat-s", "1") as hubs:
        feed = hubs.running[0].new_feed()
        async with (
            proxied(name, hubs.urls, tmp_path, changes=SHORT[name]) as base,
            client(base, context) as http,
            socket_to(base, feed, context) as socket,
            http.stream("GET", f"/v1/feeds/{feed}/events", headers=STREAM) as stream,
        ):
            lines = stream.aiter_lines()
            for _ in range(8):
                await hear(socket, "beat")
                await read(lines, "beat")
            cursor = await asyncio.to_thread(publish, hubs, feed, "Still here.")
            assert (await hear(socket, "post.published"))["cursor"] == cursor
            assert (await read(lines, "post.published"))["cursor"] == cursor


def seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)(s|m|h)", text)
    assert match, text
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


async def test_the_written_timeouts_are_ten_minutes() -> None:
    """What ends a line is written down, and nothing shorter."""
    nginx = (DEPLOY / "nginx.conf").read_text()
    line = nginx[nginx.index("location ~ /v1/") :].partition("}")[0]
    told = dict(re.findall(r"(\w+_timeout) (\w+);", line))
    assert set(told) == {"proxy_read_timeout", "proxy_send_timeout", "send_timeout"}
    assert all(seconds(text) >= 600 for text in told.values())
    haproxy = (DEPLOY / "haproxy.cfg").read_text()
    told = dict(re.findall(r"timeout ([\w-]+) +(\w+)\n", haproxy))
    assert all(seconds(told[side]) >= 600 for side in ("client", "server", "tunnel"))
    assert "option http-no-delay" in haproxy
    caddy = re.sub(r"#.*", "", (DEPLOY / "Caddyfile").read_text())
    assert not re.findall(
        r"(read|write|stream|response_header)_timeout|timeouts", caddy
    )


async def test_proxies_keep_connections_for_less_than_a_hub_does() -> None:
    """Else a write meets a closing door, and can't be repeated."""
    from stoppress.process.worker import KEEP_ALIVE_S

    caddy, nginx = ((DEPLOY / name).read_text() for name in ("Caddyfile", "nginx.conf"))
    told = re.findall(r"\tkeepalive (\w+)", caddy)
    told += re.findall(r"keepalive_timeout (\w+);", nginx)
    assert len(told) == 2
    assert all(seconds(text) < KEEP_ALIVE_S for text in told)

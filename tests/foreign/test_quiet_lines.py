"""Lines on which nothing but beats comes stay open behind every proxy that we ship.

`make quiet` has the real times, eleven minutes (`quiet_lines.py`).
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.foreign.intermediaries import share_of
from tests.foreign.live_lines import (
    STREAM,
    client,
    hear,
    needs,
    publish,
    read,
    socket_to,
    trusting,
)
from tests.foreign.proxies import SHIPPED, proxied
from tests.foreign.proxy_site import DEPLOY
from tests.foreign.two_hubs import hubs_in, redis_in

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="redis-server is not installed"
    ),
]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis for all tests here."""
    with redis_in(tmp_path_factory.mktemp("redis")) as url:
        yield url


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
async def test_a_quiet_connection_stays_open(
    name: str, redis: str, tmp_path: Path
) -> None:
    """Over several of the proxy's timeouts, as a beat comes within each: after eight
    beats of a second the line of each transport still brings what is published."""
    needs(name)
    context = trusting(trustme.CA())
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


async def test_the_documented_timeouts_are_ten_minutes() -> None:
    """Every timeout that ends a connection is documented; none is shorter."""
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
    """Otherwise a write may meet a closing connection, and can't be repeated."""
    from stoppress.process.worker import KEEP_ALIVE_S

    caddy, nginx = ((DEPLOY / name).read_text() for name in ("Caddyfile", "nginx.conf"))
    told = re.findall(r"\tkeepalive (\w+)", caddy)
    told += re.findall(r"keepalive_timeout (\w+);", nginx)
    assert len(told) == 2
    assert all(seconds(text) < KEEP_ALIVE_S for text in told)

"""A server that is not told its address, behind a proxy whose word counts, or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.conftest import Server

TOLD = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "news.example",
    "x-forwarded-prefix": "/liveblog",
}
SITE = "https://news.example/liveblog"


def test_headers_of_a_trusted_proxy_set_the_address(
    serving: Callable[..., Any], tmp_path: Path
) -> None:
    """In pages, API, redirects, the desk's cookie, and messages of the live line."""
    server: Server
    with serving(tmp_path / "data", "--trusted-proxies", "127.0.0.0/8") as server:
        with httpx.Client(base_url=server.url, headers=TOLD, trust_env=False) as http:
            write = {"authorization": f"Bearer {server.token}"}
            made = http.post(
                "/v1/feeds", json={"slug": "quay", "title": "Quay"}, headers=write
            )
            assert made.status_code == 201
            assert made.json()["url"] == f"{SITE}/live/quay"
            assert made.headers["location"] == "/liveblog/v1/feeds/quay"
            page = http.get("/live/quay").text
            assert f'<link rel="canonical" href="{SITE}/live/quay">' in page
            assert f'href="{SITE}/live/quay/atom.xml"' in page
            assert 'href="/liveblog/live/quay/atom.xml"' in page
            for url, status in (
                (f"{SITE}/live/quay", 200),
                ("https://news.example/live/quay", 404),
                (f"{server.url}/live/quay", 404),
            ):
                answer = http.get("/oembed", params={"url": url, "maxwidth": "90"})
                assert answer.status_code == status, url
                if status == 200:
                    assert answer.json()["width"] == 90
                    assert f'src="{SITE}/embed/quay"' in answer.json()["html"]
            assert server.url not in page
            signed = http.post(
                "/desk/sign-in",
                data={"token": server.token},
                headers={"origin": "https://news.example"},
            )
            assert signed.status_code == 303, signed.text
            assert signed.headers["location"] == "/liveblog/desk"
            cookie = signed.headers["set-cookie"]
            assert "Path=/liveblog;" in cookie and "Secure" in cookie
            described = http.get("/openapi.json").json()["servers"]
            assert described == [{"url": SITE, "x-address-from": "forwarded"}]

            async def followed() -> Any:
                url = f"{server.url.replace('http', 'ws')}/v1/live?feed=quay"
                async with (
                    asyncio.timeout(60),
                    connect(url, additional_headers=TOLD, proxy=None) as socket,
                ):
                    await socket.recv()
                    await asyncio.to_thread(server.publish, "quay", "News.")
                    return json.loads(await socket.recv())

            event = asyncio.run(followed())
            address = f"{SITE}/live/quay/{event['post']['id']}"
            assert event["post"]["url"] == address
        own = httpx.get(f"{server.url}/v1/feeds/quay", trust_env=False).json()
        assert own["feed"]["url"] == f"{server.url}/live/quay"


def test_forwarded_headers_of_other_peers_are_ignored(server: Server) -> None:
    """The server's own address is used."""
    feed = server.new_feed()
    for reported in (TOLD, {"forwarded": "proto=https;host=news.example"}):
        answer = httpx.get(
            f"{server.url}/v1/feeds/{feed}", headers=reported, trust_env=False
        )
        assert answer.json()["feed"]["url"] == f"{server.url}/live/{feed}"
        signed = httpx.post(
            f"{server.url}/desk/sign-in",
            data={"token": server.token},
            headers={**reported, "origin": server.url},
            trust_env=False,
        )
        assert signed.status_code == 303
        assert "Secure" not in signed.headers["set-cookie"]

"""Under a path, and at the address that a trusted proxy tells."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from stoppress.guard.client_address import is_trusted
from stoppress.routes_before_and_after_redis import newsroom_routes
from stoppress.settings import Settings
from stoppress.web.site_address_and_path_prefix import (
    FIRST_SEGMENTS,
    MAX_SITES,
    SiteAddress,
    below,
    forwarded,
)
from tests.unit.web.desk_harness import open_harness


@pytest.mark.parametrize(
    ("path", "root", "inner"),
    [
        ("/live/x", "", "/live/x"),
        ("/live/x", "/liveblog", "/live/x"),
        ("/liveblog/live/x", "/liveblog", "/live/x"),
        ("/liveblog/liveblog/v1/feeds", "/liveblog", "/v1/feeds"),
        ("/liveblog/", "/liveblog", "/"),
        ("/liveblog", "/liveblog", "/"),
        ("/liveblogs/live/x", "/liveblog", "/liveblogs/live/x"),
        ("/liveblog/stop-press.0123abcd.js", "/liveblog", "/stop-press.0123abcd.js"),
        ("/a/b/live/x", "/a/b", "/live/x"),
        # A site under /live, its proxy strips: the feed x, or its page.
        ("/live/x", "/live", "/live/x"),
        ("/live/live/x", "/live", "/live/x"),
        ("/live/v1/feeds", "/live", "/v1/feeds"),
        # Metrics are for clients that reach the server itself.
        ("/liveblog/metrics", "/liveblog", "/liveblog/metrics"),
    ],
)
def test_the_path_without_the_one_that_the_site_is_under(
    path: str, root: str, inner: str
) -> None:
    """Whether the proxy stripped it, and if an address was joined twice."""
    assert below(path, root) == inner


@pytest.mark.asyncio
async def test_every_route_begins_as_is_known() -> None:
    """Else it would not be found under a path."""
    async with open_harness(demo=1) as harness:
        for route in newsroom_routes(harness.services):
            path: str = getattr(route, "path", "")
            first = path.strip("/").partition("/")[0]
            if not first.startswith("{") and first != "metrics":
                assert below(f"/x{path}", "/x") == path, path
                assert first in FIRST_SEGMENTS or "." in first


NETWORKS = [ip_network("10.0.0.0/8"), ip_network("::1")]


@pytest.mark.parametrize(
    ("client", "counts"),
    [
        (None, True),  # a Unix socket
        (("10.1.2.3", 4), True),
        (["10.1.2.3", 4], True),
        (("::ffff:10.1.2.3", 4), True),
        (("::1", 4), True),
        (("11.0.0.1", 4), False),
        (("::2", 4), False),
        (("testclient", 4), False),
    ],
)
def test_only_trusted_peers_name_the_site(client: object, counts: bool) -> None:
    """By the peer's own address."""
    assert is_trusted(client, NETWORKS) is counts


@pytest.mark.parametrize(
    ("headers", "reported"),
    [
        ({}, None),
        ({"host": "h.example"}, None),
        (
            {"x-forwarded-proto": "https", "x-forwarded-host": "news.example"},
            "https://news.example/",
        ),
        ({"x-forwarded-proto": "https", "host": "h.example:8"}, "https://h.example:8/"),
        ({"x-forwarded-host": "news.example"}, "http://news.example/"),
        (
            {
                "x-forwarded-host": "a.example, b.example",
                "x-forwarded-proto": "https, http",
            },
            "https://a.example/",
        ),
        (
            {
                "x-forwarded-proto": "wss",
                "x-forwarded-host": "news.example",
                "x-forwarded-prefix": "/liveblog/",
            },
            "https://news.example/liveblog",
        ),
        (
            {"forwarded": 'for=192.0.2.1;proto=https;host="news.example:8443", for=x'},
            "https://news.example:8443/",
        ),
        (
            {"forwarded": "For=192.0.2.1; Proto=HTTPS; Host=n.example"},
            "https://n.example/",
        ),
        ({"forwarded": "for=192.0.2.1"}, None),
        (
            {"forwarded": 'by="x,host=evil.example;y";proto=https;host=n.example'},
            "https://n.example/",
        ),
        (
            {"forwarded": "for=host=evil.example;host=n.example;proto=http"},
            "http://n.example/",
        ),
        # A malformed first element says nothing, nor does the second one for it.
        ({"forwarded": 'for="x;host=evil.example, host=n.example'}, None),
        ({"forwarded": "host=a.example;host=b.example, host=n.example"}, None),
    ],
)
def test_forwarded_headers_name_the_site(
    headers: dict[str, str], reported: str | None
) -> None:
    """X-Forwarded-… or RFC 7239; the proxy that readers meet is told first."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    found = forwarded(raw, "http")
    assert (found and found[1]) == reported
    assert found is None or found[0] == found[1].startswith("https")


def showing(settings: Settings) -> ASGIApp:
    """An application that says where it believes to be."""

    async def show(request: Request) -> PlainTextResponse:
        path, scheme = request.url.path, request.url.scheme
        return PlainTextResponse(f"{settings.base} {path} {scheme}")

    app = Starlette()
    app.add_route("/{path:path}", show)
    return app


async def ask(mounted: ASGIApp, path: str, client: Any, **headers: str) -> str:
    async def from_client(scope: Scope, receive: Receive, send: Send) -> None:
        scope["client"] = client
        await mounted(scope, receive, send)

    transport = httpx.ASGITransport(from_client)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://own.test"
    ) as http:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await http.get(path, headers=given)).text


TOLD = {"x_forwarded_proto": "https", "x_forwarded_host": "news.example"}


def mounted(**given: Any) -> SiteAddress:
    settings = Settings(port=8000, **given)
    return SiteAddress(showing(settings), settings, showing, lambda settings: None)


@pytest.mark.asyncio
async def test_the_address_is_what_a_trusted_proxy_tells() -> None:
    """Its path too; and the server's own for all others."""
    site = mounted(trusted_proxies="10.0.0.0/8")
    proxy, stranger = ("10.0.0.1", 1), ("192.0.2.1", 1)
    own = "http://127.0.0.1:8000 /live/x http"
    assert await ask(site, "/live/x", stranger, **TOLD) == own
    assert await ask(site, "/live/x", proxy) == own
    assert (
        await ask(site, "/live/x", proxy, **TOLD)
        == "https://news.example /live/x https"
    )
    site = mounted(trusted_proxies="10.0.0.0/8")
    for path in ("/live/x", "/liveblog/live/x"):
        found = await ask(site, path, proxy, **TOLD, x_forwarded_prefix="/liveblog")
        assert found == "https://news.example/liveblog /live/x https"


@pytest.mark.asyncio
async def test_public_url_wins_over_forwarded_headers() -> None:
    """But that the reader came over TLS is heard, for the cookie."""
    site = mounted(public_url="https://set.example/a", trusted_proxies="10.0.0.0/8")
    found = await ask(site, "/a/live/x", ("10.0.0.1", 1), **TOLD)
    assert found == "https://set.example/a /live/x https"


@pytest.mark.asyncio
async def test_addresses_that_anyone_may_choose_are_bounded() -> None:
    """Those in use stay; what is none, or comes too soon, gets the server's own."""
    now = [100.0]
    settings = Settings(port=8000)
    preferred: list[str] = []
    site = SiteAddress(
        showing(settings),
        settings,
        showing,
        lambda settings: preferred.append(settings.base),
        lambda: now[0],
    )

    async def host(name: str) -> str:
        found = await ask(site, "/", None, x_forwarded_host=name)
        return found.partition(" ")[0]

    assert await host("news.example") == "http://news.example"
    assert await host("soon.example") == "http://127.0.0.1:8000"
    for number in range(2 * MAX_SITES):
        now[0] += 10
        assert await host(f"h{number}.example") == f"http://h{number}.example"
        assert await host("news.example") == "http://news.example"
    assert len(site._sites) == MAX_SITES
    assert preferred == ["http://news.example"]
    now[0] += 10
    assert await host('"><script>') == "http://127.0.0.1:8000"

"""Who gets in by which address: made from the route table of a whole server.

Every address that shows one feed × every way to send a credential × every visibility;
the calls of the API are in `web/api/test_authorization_matrix.py`. An address that
stands in none of the tables fails.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from stoppress.desk.caller import SCOPES
from stoppress.routes_before_and_after_redis import newsroom_routes
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.credential import TICKET_COOKIE
from stoppress.web.problems import exception_handlers
from tests.unit.web.desk_harness import BASE, DeskHarness, open_harness

pytestmark = pytest.mark.asyncio

SIBLING = "https://other.example.org"
STREAM = {"accept": "text/event-stream"}
IN, UNKNOWN, ABSENT = 0, 401, 404


class FeedAddress(NamedTuple):
    """An address that shows the feed."""

    path: str
    query: str = ""
    accept: str = "*/*"


PICTURE = "a0000000000000000-1200x800.jpg"
FEED_ADDRESSES = (
    *(FeedAddress(f"/live/{{feed}}{rest}") for rest in ("", "/atom.xml", "/feed.json")),
    *(FeedAddress("/live/{feed}/others.json"), FeedAddress("/live/{feed}/{post}")),
    *(FeedAddress("/live/{feed}", "key=true"), FeedAddress("/live/{feed}", "tag=quay")),
    *(FeedAddress("/embed/{feed}"), FeedAddress("/embed/{feed}/{post}")),
    FeedAddress("/oembed", "url=" + quote(f"{BASE}/live/quay")),
    *(FeedAddress("/v1/feeds/{feed}"), FeedAddress("/v1/feeds/{feed}/posts")),
    *(
        FeedAddress("/v1/feeds/{feed}/posts/{post}"),
        FeedAddress("/v1/feeds/{feed}/events"),
    ),
    FeedAddress("/v1/feeds/{feed}/events", "", STREAM["accept"]),
    FeedAddress("/v1/live", "feed=quay"),
    *(FeedAddress("/media/{feed}/{name}"), FeedAddress("/media/{feed}/{name}/{width}")),
)
LISTS = ("/", "/sitemap.xml", "/v1/feeds")
"""Addresses that show public feeds to all, and no others to anybody."""
DESK = {
    *("/desk", "/desk/feeds", "/desk/preview", "/desk/sign-in", "/desk/sign-in/start"),
    *("/desk/sign-in/return", "/desk/first", "/desk/sessions", "/desk/sign-out"),
    "/desk/text-key",
    *("/desk/tokens", "/desk/tokens/revoke"),
    *("/desk/webhooks", "/desk/webhooks/remove", "/desk/webhooks/resend"),
}
FILES = (
    "/stop-press",
    "/page.",
    "/update_page_head.",
    "/desk/files/",
    "/desk/service-worker.js",
    "/desk/manifest.",
)
OTHERS = {"/{path:path}/", "/{path:path}", "/robots.txt", "/.well-known/security.txt"}


class Column(NamedTuple):
    """One way to send a credential; what it opens."""

    name: str
    headers: dict[str, str]
    ticket: str = ""
    reads: bool = False
    """Whether it opens the private feed."""
    is_refused: bool = False
    """Whether it is 401 whatever is asked for."""


async def status(app: Any, address: FeedAddress, column: Column, post: str) -> int:
    """What an outsider sees: IN, or the status, as on every transport."""
    path = address.path.format(feed="quay", post=post, name=PICTURE, width=480)
    query = [address.query] if address.query else []
    if column.ticket:
        query.append(f"ticket={column.ticket}")
    headers = {"host": BASE.partition("//")[2], "accept": address.accept}
    kind = "websocket" if address.path == "/v1/live" else "http"
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "wss" if kind == "websocket" else "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": "&".join(query).encode(),
        "headers": [
            (name.encode(), text.encode())
            for name, text in (headers | column.headers).items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("live.example.org", 443),
        "subprotocols": [],
    }
    seen: list[int] = []
    is_known = asyncio.Event()
    is_asked = False

    async def receive() -> dict[str, Any]:
        nonlocal is_asked
        if not is_asked:
            is_asked = True
            first = {"http": "http.request", "websocket": "websocket.connect"}
            return {"type": first[kind], "body": b"", "more_body": False}
        await is_known.wait()
        return {"type": f"{kind}.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        match message["type"]:
            case "http.response.start":
                seen.append(message["status"])
            case "websocket.close":
                seen.append(message["code"] - 4000)
            case "websocket.send":
                seen.append(200)
            case _:
                return
        is_known.set()

    async with asyncio.timeout(60):
        await app(scope, receive, send)
    return IN if seen[0] == 200 else seen[0]


async def columns(harness: DeskHarness) -> list[Column]:
    """Every way to send a credential."""
    found = [Column("none", {}), Column("unknown", _bearer("sp_none"), is_refused=True)]
    for scope in SCOPES:
        for feeds in (None, ["quay"], ["q*"], ["other"]):
            token = (await harness.token(scope, feeds=feeds)).removeprefix("Bearer ")
            reads = feeds != ["other"]
            found.append(Column(f"{scope} {feeds}", _bearer(token), "", reads))
    tickets = harness.services.tickets
    clock = tickets._clock

    async def ticket(feed: str, age_s: int, ttl_s: int) -> str:
        tickets._clock = lambda: clock() - age_s * 1000
        try:
            return (await tickets.issue(feed, b'{"ttl_s": %d}' % ttl_s)).ticket
        finally:
            tickets._clock = clock

    fresh, old = await ticket("quay", 0, 900), await ticket("quay", 61, 900)
    over, other = await ticket("quay", 10, 1), await ticket("other", 0, 900)
    for name, secret, reads, is_over in (
        ("fresh ticket", fresh, True, False),
        ("old ticket", old, True, False),
        ("ticket that is over", over, False, True),
        ("ticket of another feed", other, False, False),
    ):
        cookie = {"cookie": f"{TICKET_COOKIE}={secret}"}
        too_old = is_over or secret == old
        found += [
            Column(f"{name}, bearer", _bearer(secret), "", reads, is_over),
            Column(f"{name}, query", {}, secret, reads and not too_old, too_old),
            Column(f"{name}, cookie", cookie, "", reads),
            Column(f"{name}, cookie, our page", cookie | _from(BASE), "", reads),
            Column(f"{name}, cookie, sibling", cookie | _from(SIBLING)),
        ]
    desk = {"cookie": await harness.session()}
    found += [
        Column("session", desk, "", True),
        Column("session, our page", desk | _from(BASE), "", True),
        Column("session, sibling", desk | _from(SIBLING)),
        Column("session, same site", desk | {"sec-fetch-site": "same-site"}),
        Column("session, other site", desk | {"sec-fetch-site": "cross-site"}),
    ]
    return found


def _bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def _from(origin: str) -> dict[str, str]:
    return {"origin": origin}


def expected(address: FeedAddress, column: Column, visibility: str) -> int:
    """What the cell must be."""
    if column.is_refused and address.path != "/oembed":
        return UNKNOWN
    if address.path == "/oembed":
        if column.is_refused:
            return UNKNOWN
        return IN if visibility == "public" else ABSENT
    return IN if visibility != "private" or column.reads else ABSENT


def site(harness: DeskHarness) -> Starlette:
    """Every route of a server."""
    return Starlette(
        routes=newsroom_routes(harness.services),
        exception_handlers=exception_handlers(BASE),
    )


async def test_every_address_stands_in_a_table() -> None:
    """A new one belongs to a table here, or to the calls of the API; once."""
    async with open_harness() as harness:
        routes = newsroom_routes(harness.services)
        paths = [one.path for one in routes if isinstance(one, Route)]
        sockets = [one.path for one in routes if isinstance(one, WebSocketRoute)]
        assert len(paths) == len(set(paths)) > 40
        calls = {call.path for call in CALLS} | {
            call.path.replace("{external_id}", "{external_id:path}") for call in CALLS
        }
        known = (
            {address.path for address in FEED_ADDRESSES}
            | calls
            | DESK
            | OTHERS
            | {*LISTS}
        )
        holes = [
            path
            for path in (*paths, *sockets)
            if path not in known and not path.startswith(FILES)
        ]
        assert not holes


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private"])
async def test_every_cell_is_as_the_rules_say(visibility: str) -> None:
    """Complete, without a hole."""
    async with open_harness() as harness:
        await harness.feed(visibility=visibility)
        await harness.feed("other", visibility="private")
        post = (await harness.post()).json()["post"]["id"]
        app, holes, cells = site(harness), [], 0
        every = await columns(harness)
        for address in FEED_ADDRESSES:
            for column in every:
                found = await status(app, address, column, post)
                wanted = expected(address, column, visibility)
                cells += 1
                if found != wanted:
                    holes.append(f"{address}, {column.name}: {found}, not {wanted}")
        assert not holes, "\n".join(holes)
        assert cells == len(FEED_ADDRESSES) * 47


async def test_lists_show_public_feeds_alone() -> None:
    """For every caller."""
    async with open_harness() as harness:
        await harness.feed("shown")
        await harness.feed("known", visibility="unlisted")
        await harness.feed("quay", visibility="private")
        app = site(harness)
        harness.client._transport.app = app  # type: ignore[attr-defined]  # of httpx
        for path in LISTS:
            for column in await columns(harness):
                if column.ticket:
                    continue
                async with harness.reader(**column.headers) as client:
                    answer = await client.get(path)
                assert answer.status_code in (200, 401), (path, column.name)
                if answer.status_code == 200:
                    assert "shown" in answer.text, path
                    for hidden in ("/known", "/quay", '"known"', '"quay"'):
                        assert hidden not in answer.text, (path, column.name)


async def test_the_desk_is_for_editors() -> None:
    """A ticket is nobody there; a cookie counts from our own pages."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        app = site(harness)
        harness.client._transport.app = app  # type: ignore[attr-defined]  # of httpx
        ticket = (await harness.services.tickets.issue("quay", b"")).ticket
        editor = {"cookie": await harness.session()}
        reader = {"cookie": f"{TICKET_COOKIE}={ticket}"}
        for headers, is_in in (
            ({}, False),
            (_bearer(ticket), False),
            (reader, False),
            (editor | _from(SIBLING), False),
            (editor, True),
        ):
            async with harness.reader(**headers) as client:
                page = await client.get("/desk")
                assert ("stop-press-desk" in page.headers) == is_in, headers
                feeds = await client.get("/desk/feeds")
                seen = feeds.status_code == 200 and feeds.json()["feeds"]
                assert bool(seen) == is_in, headers
                draft = await client.post("/desk/preview?feed=quay", json={"body": "x"})
                assert draft.status_code in (401, 403), headers
        async with harness.reader(**editor, **_from(BASE)) as client:
            draft = await client.post("/desk/preview?feed=quay", json={"body": "x"})
            assert draft.status_code == 200

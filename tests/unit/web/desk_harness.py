"""A whole web layer over a newsroom in memory, for the tests beside this file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
from starlette.applications import Starlette

from stoppress.desk.choose_credential_source import Callers, CallerSource
from stoppress.desk.desk import Desk
from stoppress.desk.manage_and_check_tokens import Tokens
from stoppress.desk.private_feed_read_tickets import Tickets
from stoppress.desk.store_protocol import NoAudit
from stoppress.domain.errors import Unavailable
from stoppress.guard.limits import NO_LIMITS, Limits
from stoppress.hub.hub import Hub
from stoppress.identity.build_and_run_identity_parts import Identity
from stoppress.link_cards.link_cards import LinkCards
from stoppress.settings import Settings
from stoppress.web.api import route_table
from stoppress.web.line.recheck_rights import LineRights
from stoppress.web.problems import exception_handlers
from stoppress.web.services import Services
from stoppress.web.snapshot_cache import SnapshotCache
from tests.memory_pictures import Library, Records
from tests.memory_sessions import MemorySessionStore
from tests.memory_store import MemoryStore
from tests.memory_upstream import MemoryUpstream

ADMIN = "sp_" + "a" * 32
BASE = "https://live.example.org"


class NoMetrics:
    """Nothing was counted."""

    def exposition(self) -> bytes:
        return b"# nothing\n"


@dataclass
class DeskHarness:
    """The parts, and a client with the admin's token (`client`) or none (`public`)."""

    store: MemoryStore
    upstream: MemoryUpstream
    services: Services
    client: httpx.AsyncClient
    public: httpx.AsyncClient
    fresh: list[bool]
    sessions: MemorySessionStore

    def reader(self, **headers: str) -> httpx.AsyncClient:
        """A client with headers of its own."""
        return _client(self.client._transport, headers)

    async def feed(self, slug: str = "quay", **fields: object) -> dict[str, object]:
        """Make a feed."""
        given = {"slug": slug, "title": "The quay", **fields}
        answer = await self.client.post("/v1/feeds", json=given)
        assert answer.status_code == 201, answer.text
        made: dict[str, object] = answer.json()
        return made

    async def post(self, feed: str = "quay", **fields: object) -> httpx.Response:
        """Publish; the headline is given unless another is."""
        given = {"headline": "Water rises", **fields}
        answer = await self.client.post(f"/v1/feeds/{feed}/posts", json=given)
        assert answer.status_code == 201, answer.text
        return answer

    async def session(self, secret: str = ADMIN) -> str:
        """Sign in with a token; the Cookie header."""
        caller = await self.services.callers.check(secret)
        assert caller is not None
        begun = await self.services.identity.sessions.begin(caller, "a browser")
        return f"{self.services.settings.desk_cookie}={begun}"

    async def token(self, *scopes: str, feeds: list[str] | None = None) -> str:
        """Make a token; its Authorization header."""
        given = {"scopes": scopes, "feeds": feeds}
        answer = await self.client.post("/v1/tokens", json=given)
        assert answer.status_code == 201, answer.text
        return f"Bearer {answer.json()['token']}"


def _client(
    transport: httpx.AsyncBaseTransport, headers: dict[str, str]
) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)


@asynccontextmanager
async def open_harness(
    *,
    link_cards: LinkCards | None = None,
    limits: Limits = NO_LIMITS,
    **given: Any,
) -> AsyncIterator[DeskHarness]:
    """A desk and its API, closed at the end."""
    settings = Settings(public_url=BASE, **given)
    store = MemoryStore()
    upstream = MemoryUpstream(store)
    hub = Hub(upstream, settings)
    fresh = [True]
    tokens, tickets = Tokens(store, ADMIN), Tickets(store)
    sessions = MemorySessionStore()

    async def has_no_token() -> bool:
        return not store.records

    identity = Identity(
        replace(settings, admin_token=ADMIN), sessions, tokens, has_no_token, NoAudit()
    )
    sources: list[CallerSource] = [tokens, tickets, identity.sessions]
    if identity.jwt is not None:
        sources.append(identity.jwt)
    callers = Callers(*sources)
    line_rights = LineRights(callers, hub)
    hub.renewal = line_rights.renewed

    async def ready() -> None:
        if store.away:
            raise Unavailable("no events arrive")

    services = Services(
        settings=settings,
        store=store,
        desk=Desk(
            store,
            uploads=Records(),
            library=Library(),
            site=BASE,
            max_drafts=settings.max_drafts,
        ),
        hub=hub,
        snapshots=SnapshotCache(hub, store, settings, lambda: fresh[0]),
        callers=callers,
        tickets=tickets,
        line_rights=line_rights,
        tokens=tokens,
        identity=identity,
        metrics=NoMetrics(),
        ready=ready,
        limits=limits,
        link_cards=link_cards or LinkCards(),
    )
    app = Starlette(
        routes=route_table.routes(services), exception_handlers=exception_handlers(BASE)
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = _client(transport, {"authorization": f"Bearer {ADMIN}"})
    public = _client(transport, {})
    try:
        yield DeskHarness(store, upstream, services, client, public, fresh, sessions)
    finally:
        await hub.stop()

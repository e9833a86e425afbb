"""A desk that keeps pictures in memory, with the routes of API and pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
from starlette.applications import Starlette

from stoppress.desk.desk import Desk
from stoppress.guard.limits import NO_LIMITS, Limits
from stoppress.web.api import route_table
from stoppress.web.pages import page_routes
from stoppress.web.problems import exception_handlers
from tests.memory_pictures import Library, Records
from tests.unit.web.desk_harness import ADMIN, BASE, DeskHarness, open_harness


@asynccontextmanager
async def picture_harness(
    limits: Limits = NO_LIMITS,
) -> AsyncIterator[tuple[DeskHarness, httpx.AsyncClient, Library]]:
    """The desk, a client with the admin's token, and the pictures."""
    library = Library()
    async with open_harness() as harness:
        await harness.feed()
        services = replace(
            harness.services,
            limits=limits,
            desk=Desk(harness.store, uploads=Records(), library=library, site=BASE),
        )
        app = Starlette(
            routes=[*route_table.routes(services), *page_routes.routes(services)],
            exception_handlers=exception_handlers(BASE),
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {ADMIN}"}
        async with httpx.AsyncClient(
            transport=transport, base_url=BASE, headers=headers
        ) as client:
            yield harness, client, library

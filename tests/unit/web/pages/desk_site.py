"""The desk's pages and the API, and a browser that opens them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from stoppress.web.api import route_table
from stoppress.web.pages import desk_routes_page_and_preview
from stoppress.web.problems import exception_handlers
from tests.unit.web.desk_harness import ADMIN, BASE, DeskHarness, open_harness

COOKIE = "__Host-stoppress_desk"
HERE = {"origin": BASE}
FETCHED = {"origin": BASE, "sec-fetch-site": "same-origin"}


@dataclass
class DeskSite:
    """The desk's pages and the API, and a browser that opens them."""

    harness: DeskHarness
    app: Starlette
    browser: httpx.AsyncClient

    def other(self, base: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=base,
        )

    async def sign_in(self, secret: str = ADMIN, **more: str) -> httpx.Response:
        form = {"token": secret, **more}
        return await self.browser.post("/desk/sign-in", data=form, headers=HERE)

    async def secret(self, *scopes: str, feeds: list[str] | None = None) -> str:
        return (await self.harness.token(*scopes, feeds=feeds)).removeprefix("Bearer ")


@asynccontextmanager
async def open_desk_site(**given: Any) -> AsyncIterator[DeskSite]:
    """A site, closed at the end."""
    async with open_harness(**given) as harness:
        app = Starlette(
            routes=[
                *desk_routes_page_and_preview.routes(harness.services),
                *route_table.routes(harness.services),
            ],
            exception_handlers=exception_handlers(BASE),
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as browser:
            yield DeskSite(harness, app, browser)

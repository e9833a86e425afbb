"""Drafts over the API: a feed's address, a saved draft, a person with a token."""

from __future__ import annotations

from typing import Any

import httpx

from tests.unit.web.desk_harness import DeskHarness

DRAFTS = "/v1/feeds/quay/drafts"
SECRET = "Harbour master resigns"


async def save(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Save a draft; what it is then."""
    answer = await client.post(DRAFTS, json={"headline": SECRET, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(
        f"/drafts/{answer.json()['draft']['id']}"
    )
    made: dict[str, Any] = answer.json()["draft"]
    return made


async def person(harness: DeskHarness, scope: str) -> httpx.AsyncClient:
    """A client with a token of its own."""
    return harness.reader(authorization=await harness.token(scope))

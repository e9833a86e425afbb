"""Tokens over HTTP."""

from __future__ import annotations

import pytest

from tests.unit.web.desk_harness import open_office


@pytest.mark.asyncio
async def test_a_token_is_shown_once() -> None:
    """Then only what it is; no answer of it is stored."""
    async with open_office() as office:
        given = {"name": "wall", "scopes": ["read"], "feeds": ["quay"]}
        answer = await office.client.post("/v1/tokens", json=given)
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        made = answer.json()
        secret = made.pop("token")
        assert secret.startswith("sp_")
        assert {name: made[name] for name in given} == given
        listed = await office.client.get("/v1/tokens")
        assert listed.json() == {"tokens": [made]}
        assert listed.headers["cache-control"] == "private, no-store"
        assert secret not in listed.text


@pytest.mark.asyncio
async def test_a_revoked_token_counts_no_more() -> None:
    """At once in this process; revoking again is 404."""
    async with open_office() as office:
        await office.feed(visibility="private")
        header = await office.token("read")
        reader = office.reader(authorization=header)
        assert (await reader.get("/v1/feeds/quay")).status_code == 200
        (token,) = (await office.client.get("/v1/tokens")).json()["tokens"]
        path = f"/v1/tokens/{token['id']}"
        assert (await office.client.delete(path)).status_code == 204
        assert (await reader.get("/v1/feeds/quay")).status_code == 401
        assert (await office.client.delete(path)).status_code == 404


@pytest.mark.asyncio
async def test_a_token_for_some_feeds_manages_none() -> None:
    """Tokens are for those with admin on all feeds."""
    async with open_office() as office:
        header = await office.token("admin", feeds=["quay"])
        answer = await office.reader(authorization=header).get("/v1/tokens")
        assert answer.status_code == 403 and answer.json()["scope"] == "admin"

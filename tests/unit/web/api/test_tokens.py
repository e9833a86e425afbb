"""Tokens over HTTP."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from stoppress.web.api.route_table import RESOURCES
from tests.signed_jwts import AUDIENCE, ISSUER, SECRET, claims, hmac_with, sign
from tests.unit.web.desk_harness import open_office

AGO = "2020-01-01T00:00:00Z"


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


WALL = {"name": "wall", "scopes": ["read"], "feeds": ["quay"]}
KEY = {"idempotency-key": "k1"}


@pytest.mark.asyncio
async def test_a_repeated_key_makes_one_token() -> None:
    """The first answer again, with the secret; one record, one audit entry."""
    async with open_office() as office:
        first = await office.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert first.status_code == 201
        again = await office.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["cache-control"] == "no-store"
        (token,) = (await office.client.get("/v1/tokens")).json()["tokens"]
        assert token["id"] == first.json()["id"]
        assert office.store.audited == [("token.created", token["id"])]
        await office.feed()
        works = office.reader(authorization=f"Bearer {again.json()['token']}")
        assert (await works.get("/v1/feeds/quay")).status_code == 200


@pytest.mark.asyncio
async def test_a_key_is_for_one_body_of_one_caller() -> None:
    """Another body is 422; another caller and another key make another token."""
    async with open_office() as office:
        first = await office.client.post("/v1/tokens", json=WALL, headers=KEY)
        other = {**WALL, "name": "door"}
        reused = await office.client.post("/v1/tokens", json=other, headers=KEY)
        assert reused.status_code == 422
        assert reused.json()["type"].endswith(":key-reused")
        colleague = office.reader(authorization=await office.token("admin"))
        theirs = await colleague.post("/v1/tokens", json=WALL, headers=KEY)
        second = {"idempotency-key": "k2"}
        ours = await office.client.post("/v1/tokens", json=WALL, headers=second)
        assert (theirs.status_code, ours.status_code) == (201, 201)
        made = [one.json()["token"] for one in (first, theirs, ours)]
        assert len(set(made)) == 3


@pytest.mark.asyncio
async def test_a_refused_request_leaves_the_key_free() -> None:
    """A key that made nothing may be used for a right request."""
    async with open_office() as office:
        no_scope: dict[str, object] = {"scopes": []}
        past: dict[str, object] = {"scopes": ["read"], "expires_at": AGO}
        for wrong in (no_scope, past):
            answer = await office.client.post("/v1/tokens", json=wrong, headers=KEY)
            assert answer.status_code == 422
        right = await office.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert right.status_code == 201


@pytest.mark.asyncio
async def test_a_renewed_credential_gets_no_secret(tmp_path: Path) -> None:
    """The person's key counts in each of their sessions; the secret was shown once."""
    shared = tmp_path / "secret"
    shared.write_bytes(SECRET)
    async with open_office(
        jwt_secret_file=str(shared), jwt_issuer=ISSUER, jwt_audience=AUDIENCE
    ) as office:
        now = int(time.time())
        times = {"iat": now, "exp": now + 300, "stoppress": {"scopes": ["admin"]}}
        old, renewed = (
            office.reader(authorization=f"Bearer {jwt}")
            for jwt in (
                sign(claims(jti=name, **times), hmac_with(SECRET), "HS256")
                for name in ("old", "renewed")
            )
        )
        made = (await old.post("/v1/tokens", json=WALL, headers=KEY)).json()
        again = await renewed.post("/v1/tokens", json=WALL, headers=KEY)
        secret = made.pop("token")
        assert (again.status_code, again.json()["token"]) == (409, made)
        assert again.json()["type"].endswith(":secret-shown-once")
        assert secret not in again.text
        still = await old.post("/v1/tokens", json=WALL, headers=KEY)
        assert (still.status_code, still.json()["token"]) == (200, secret)


@pytest.mark.asyncio
async def test_a_revoked_token_is_not_made_again() -> None:
    """By the key that made it: 410, and there is no token."""
    async with open_office() as office:
        made = await office.client.post("/v1/tokens", json=WALL, headers=KEY)
        path = f"/v1/tokens/{made.json()['id']}"
        assert (await office.client.delete(path)).status_code == 204
        again = await office.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert again.status_code == 410
        assert again.json()["type"].endswith(":deleted-since")
        assert "revoked since" in again.json()["detail"]
        assert (await office.client.get("/v1/tokens")).json() == {"tokens": []}


@pytest.mark.asyncio
async def test_two_repeats_at_the_same_moment_make_one() -> None:
    """Each gets the same secret; one of them made it."""
    async with open_office() as office:
        answers = await asyncio.gather(
            *(office.client.post("/v1/tokens", json=WALL, headers=KEY) for _ in "ab")
        )
        assert sorted(one.status_code for one in answers) == [200, 201]
        assert answers[0].json() == answers[1].json()


WRITES = [
    (path, method)
    for path, (_, handlers) in RESOURCES.items()
    for method in handlers
    if method != "GET"
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "method"), WRITES)
async def test_no_write_takes_a_malformed_key(path: str, method: str) -> None:
    """Also those that need no key; nothing is read or written before."""
    async with open_office() as office:
        await office.feed()
        names = {"feed": "quay", "external_id:path": "e"}
        parts = re.sub(r"{(.*?)}", lambda one: names.get(one[1], "a"), path)
        headers = {"idempotency-key": "k" * 201}
        answer = await office.client.request(method, parts, headers=headers, json={})
        assert answer.status_code == 400, answer.text
        assert "Idempotency-Key is invalid" in answer.json()["detail"]

"""Tokens over HTTP."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from stoppress.web.api.route_table import RESOURCES
from tests.signed_jwts import AUDIENCE, ISSUER, SECRET, claims, hmac_with, sign
from tests.unit.web.desk_harness import open_harness

AGO = "2020-01-01T00:00:00Z"


@pytest.mark.asyncio
async def test_the_secret_of_a_token_is_shown_once() -> None:
    """Later answers leave it out; no answer with it is cached."""
    async with open_harness() as harness:
        given = {"name": "wall", "scopes": ["read"], "feeds": ["quay"]}
        answer = await harness.client.post("/v1/tokens", json=given)
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        made = answer.json()
        secret = made.pop("token")
        assert secret.startswith("sp_")
        assert {name: made[name] for name in given} == given
        listed = await harness.client.get("/v1/tokens")
        assert listed.json() == {"tokens": [made]}
        assert listed.headers["cache-control"] == "private, no-store"
        assert secret not in listed.text


@pytest.mark.asyncio
async def test_a_revoked_token_is_refused() -> None:
    """At once in this process; revoking again is 404."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        header = await harness.token("read")
        reader = harness.reader(authorization=header)
        assert (await reader.get("/v1/feeds/quay")).status_code == 200
        (token,) = (await harness.client.get("/v1/tokens")).json()["tokens"]
        path = f"/v1/tokens/{token['id']}"
        assert (await harness.client.delete(path)).status_code == 204
        assert (await reader.get("/v1/feeds/quay")).status_code == 401
        assert (await harness.client.delete(path)).status_code == 404


@pytest.mark.asyncio
async def test_a_token_for_some_feeds_manages_no_tokens() -> None:
    """Only admins of all feeds manage tokens."""
    async with open_harness() as harness:
        header = await harness.token("admin", feeds=["quay"])
        answer = await harness.reader(authorization=header).get("/v1/tokens")
        assert answer.status_code == 403 and answer.json()["scope"] == "admin"


WALL = {"name": "wall", "scopes": ["read"], "feeds": ["quay"]}
KEY = {"idempotency-key": "k1"}


@pytest.mark.asyncio
async def test_a_repeated_key_makes_one_token() -> None:
    """The first answer again, with the secret; one record, one audit entry."""
    async with open_harness() as harness:
        first = await harness.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert first.status_code == 201
        again = await harness.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["cache-control"] == "no-store"
        (token,) = (await harness.client.get("/v1/tokens")).json()["tokens"]
        assert token["id"] == first.json()["id"]
        assert harness.store.audited == [("token.created", token["id"])]
        await harness.feed()
        works = harness.reader(authorization=f"Bearer {again.json()['token']}")
        assert (await works.get("/v1/feeds/quay")).status_code == 200


@pytest.mark.asyncio
async def test_a_key_is_for_one_body_of_one_caller() -> None:
    """Another body is 422; another caller and another key make another token."""
    async with open_harness() as harness:
        first = await harness.client.post("/v1/tokens", json=WALL, headers=KEY)
        other = {**WALL, "name": "door"}
        reused = await harness.client.post("/v1/tokens", json=other, headers=KEY)
        assert reused.status_code == 422
        assert reused.json()["type"].endswith(":key-reused")
        colleague = harness.reader(authorization=await harness.token("admin"))
        theirs = await colleague.post("/v1/tokens", json=WALL, headers=KEY)
        second = {"idempotency-key": "k2"}
        ours = await harness.client.post("/v1/tokens", json=WALL, headers=second)
        assert (theirs.status_code, ours.status_code) == (201, 201)
        made = [one.json()["token"] for one in (first, theirs, ours)]
        assert len(set(made)) == 3


@pytest.mark.asyncio
async def test_a_refused_request_leaves_the_key_free() -> None:
    """A key whose request was refused may be used again."""
    async with open_harness() as harness:
        no_scope: dict[str, object] = {"scopes": []}
        past: dict[str, object] = {"scopes": ["read"], "expires_at": AGO}
        for wrong in (no_scope, past):
            answer = await harness.client.post("/v1/tokens", json=wrong, headers=KEY)
            assert answer.status_code == 422
        right = await harness.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert right.status_code == 201


@pytest.mark.asyncio
async def test_a_renewed_credential_gets_no_secret(tmp_path: Path) -> None:
    """The key belongs to the person in all sessions; the secret is shown only once."""
    shared = tmp_path / "secret"
    shared.write_bytes(SECRET)
    async with open_harness(
        jwt_secret_file=str(shared), jwt_issuer=ISSUER, jwt_audience=AUDIENCE
    ) as harness:
        now = int(time.time())
        times = {"iat": now, "exp": now + 300, "stoppress": {"scopes": ["admin"]}}
        old, renewed = (
            harness.reader(authorization=f"Bearer {jwt}")
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
    """The key that created it gets 410, and creates nothing."""
    async with open_harness() as harness:
        made = await harness.client.post("/v1/tokens", json=WALL, headers=KEY)
        path = f"/v1/tokens/{made.json()['id']}"
        assert (await harness.client.delete(path)).status_code == 204
        again = await harness.client.post("/v1/tokens", json=WALL, headers=KEY)
        assert again.status_code == 410
        assert again.json()["type"].endswith(":deleted-since")
        assert "revoked since" in again.json()["detail"]
        assert (await harness.client.get("/v1/tokens")).json() == {"tokens": []}


@pytest.mark.asyncio
async def test_concurrent_repeats_create_one_token() -> None:
    """Both get the same secret."""
    async with open_harness() as harness:
        answers = await asyncio.gather(
            *(harness.client.post("/v1/tokens", json=WALL, headers=KEY) for _ in "ab")
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
async def test_every_write_refuses_a_malformed_key(path: str, method: str) -> None:
    """Also writes that need no key; nothing is read or written before."""
    async with open_harness() as harness:
        await harness.feed()
        names = {"feed": "quay", "external_id:path": "e"}
        parts = re.sub(r"{(.*?)}", lambda one: names.get(one[1], "a"), path)
        headers = {"idempotency-key": "k" * 201}
        answer = await harness.client.request(method, parts, headers=headers, json={})
        assert answer.status_code == 400, answer.text
        assert "Idempotency-Key is invalid" in answer.json()["detail"]

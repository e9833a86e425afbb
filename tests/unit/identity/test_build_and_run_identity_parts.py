"""What a process knows of people follows from its settings."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import Key

from stoppress.desk.caller import Caller
from stoppress.desk.store_protocol import NoAudit
from stoppress.identity.build_and_run_identity_parts import Identity
from stoppress.settings import Settings
from tests.memory_sessions import MemorySessionStore
from tests.signed_jwts import (
    AUDIENCE,
    ISSUER,
    SECRET,
    claims,
    hmac_with,
    public,
    rsa,
    sign,
)

pytestmark = pytest.mark.asyncio


class NoTokens:
    """A store without tokens."""

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        return [None for _ in callers]

    async def is_empty(self) -> bool:
        return True


def identity(**given: Any) -> Identity:
    """The people of a server with these settings."""
    tokens = NoTokens()
    settings = Settings(**given)
    return Identity(settings, MemorySessionStore(), tokens, tokens.is_empty, NoAudit())


def fresh(key: Key, algorithm: str) -> str:
    """A JWT that is valid now."""
    now = int(time.time())
    return sign(claims(iat=now, exp=now + 60), key, algorithm)


async def test_without_a_provider_there_are_sessions_and_the_first_sign_in() -> None:
    """Then there are sessions, a first sign-in, and no task that goes on."""
    people = identity()
    assert people.jwt is None and people.oidc is None
    assert await people.first_sign_in.make()
    await people.run()


async def test_jwts_of_a_file_of_keys(tmp_path: Path) -> None:
    """Read by the task; HS256 is not accepted then."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(public(rsa())))
    people = identity(jwt_jwks=str(file), jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    assert people.jwt is not None
    task = asyncio.create_task(people.run())
    assert await people.jwt.check(fresh(rsa(), "RS256"))
    assert await people.jwt.check(fresh(hmac_with(SECRET), "HS256")) is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_jwts_of_a_shared_secret(tmp_path: Path) -> None:
    """RS256 is not accepted then."""
    file = tmp_path / "secret"
    file.write_bytes(SECRET)
    people = identity(
        jwt_secret_file=str(file), jwt_issuer=ISSUER, jwt_audience=AUDIENCE
    )
    assert people.jwt is not None
    assert await people.jwt.check(fresh(hmac_with(SECRET), "HS256"))
    assert await people.jwt.check(fresh(rsa(), "RS256")) is None


async def test_a_provider_for_the_desk() -> None:
    """It is not reached before the task runs."""
    people = identity(oidc_issuer=ISSUER, oidc_client_id="stop-press")
    assert people.oidc is not None and people.jwt is None

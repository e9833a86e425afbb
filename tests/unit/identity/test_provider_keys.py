"""Keys are read in the background, seldom, and kept while the provider is away."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stoppress.identity.jwt_errors import KeysMissing, RefusedJwt
from stoppress.identity.jwt_keys import shared_secret
from stoppress.identity.provider_http import ProviderAway
from stoppress.identity.provider_keys import (
    MIN_REFETCH_S,
    FixedKeys,
    ProviderKeys,
    read_file,
)
from tests.signed_jwts import SECRET, p256, public, rsa
from tests.waiting import until

pytestmark = pytest.mark.asyncio


class Provider:
    """A provider's document, a clock, and how often it was read."""

    def __init__(self) -> None:
        self.document = public(rsa())
        self.away = False
        self.reads = 0
        self.now = 1000.0
        self.keys = ProviderKeys("the provider", self.read, lambda: self.now)

    async def read(self) -> dict[str, Any]:
        """The document."""
        self.reads += 1
        if self.away:
            raise ProviderAway("no answer")
        return self.document


@asynccontextmanager
async def running(provider: Provider) -> AsyncIterator[None]:
    """The background task."""
    task = asyncio.create_task(provider.keys.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_rotated_key_is_found() -> None:
    """By reading once; the key that is gone counts no more."""
    provider = Provider()
    async with running(provider):
        assert (await provider.keys.key("rsa-1", "RS256")).kid == "rsa-1"
        provider.document = public(p256())
        provider.now += MIN_REFETCH_S
        assert (await provider.keys.key("p256-1", "ES256")).kid == "p256-1"
        assert provider.reads == 2 and provider.keys.version == 2
        assert provider.keys.has(p256().thumbprint())
        assert not provider.keys.has(rsa().thumbprint())
        with pytest.raises(RefusedJwt, match="unknown key"):
            await provider.keys.key("rsa-1", "RS256")


async def test_unknown_keys_cost_one_reading_in_thirty_seconds() -> None:
    """However many ask, with however many ids."""
    provider = Provider()
    async with running(provider):
        await provider.keys.key("rsa-1", "RS256")
        for moment in (0, MIN_REFETCH_S - 1, MIN_REFETCH_S, MIN_REFETCH_S + 1):
            provider.now = 1000 + moment
            asked = (provider.keys.key(f"kid-{n}", "RS256") for n in range(100))
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(answer) for answer in answers} == {RefusedJwt}
        assert provider.reads == 2
        assert provider.keys.version == 1


async def test_known_keys_stay_while_the_provider_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line says so."""
    provider = Provider()
    async with running(provider):
        await provider.keys.key("rsa-1", "RS256")
        provider.away = True
        for _ in range(2):
            provider.now += MIN_REFETCH_S
            with pytest.raises(RefusedJwt):
                await provider.keys.key("new", "RS256")
        assert (await provider.keys.key("rsa-1", "RS256")).kid == "rsa-1"
        provider.away, provider.document = False, {"keys": []}
        provider.now += MIN_REFETCH_S
        with pytest.raises(RefusedJwt):
            await provider.keys.key("new", "RS256")
        assert (await provider.keys.key("rsa-1", "RS256")).kid == "rsa-1"
    warned = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert [one.getMessage().count("the known keys stay valid") for one in warned] == [
        1,
        1,
    ]


async def test_a_provider_that_is_away_at_the_start_is_asked_again() -> None:
    """Until then nothing can be said."""
    provider = Provider()
    provider.away = True
    async with running(provider):
        with pytest.raises(KeysMissing):
            await provider.keys.key("rsa-1", "RS256")
        provider.away = False
        await until(lambda: provider.keys.has(rsa().thumbprint()))


async def test_a_shared_secret_needs_no_provider() -> None:
    """And ignores key ids."""
    keys = FixedKeys(shared_secret(SECRET))
    assert (await keys.key("any", "HS256")).algorithms == ("HS256",)
    assert keys.has("any") and keys.version == 0
    with pytest.raises(RefusedJwt):
        await keys.key(None, "RS256")


async def test_a_document_may_be_a_file(tmp_path: Path) -> None:
    """As small set-ups have it."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(public(rsa())))
    assert await read_file(file) == public(rsa())
    file.write_text("no JSON")
    with pytest.raises(ValueError):
        await read_file(file)
    with pytest.raises(OSError):
        await read_file(tmp_path / "absent")

"""A token is sent as it is; tickets are asked for when needed, and once more."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.client import line_credential
from stoppress.client.api_errors import InvalidArgument
from stoppress.client.line_credential import LineCredential, TicketsUnavailable

pytestmark = pytest.mark.asyncio


async def test_a_token_is_no_ticket() -> None:
    """Nothing can be asked for another."""
    credential = LineCredential("sp_x")
    assert await credential.headers() == {"authorization": "Bearer sp_x"}
    assert await credential.renew() == "" and not credential.may_ask_again()
    assert await credential.headers() == {"authorization": "Bearer sp_x"}
    assert await LineCredential(None).headers() == {}


async def test_one_ticket_until_the_next_is_needed() -> None:
    """Before its end, and once after a refusal, until it was accepted."""
    given = iter(["st_1", "st_2", "st_3", "st_4", ""])

    async def tickets() -> str:
        return next(given)

    credential = LineCredential(None, tickets)
    for _ in range(2):
        assert await credential.headers() == {"authorization": "Bearer st_1"}
    assert await credential.renew() == "st_2"
    assert await credential.headers() == {"authorization": "Bearer st_2"}
    assert credential.may_ask_again()
    assert await credential.headers() == {"authorization": "Bearer st_3"}
    assert not credential.may_ask_again()
    credential.accepted()
    assert credential.may_ask_again()
    assert await credential.headers() == {"authorization": "Bearer st_4"}
    assert await credential.renew() == ""
    assert list(given) == []


async def test_a_source_that_fails_is_a_broken_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it raises, and if it does not answer."""

    async def fails() -> str:
        raise ValueError("the login page")

    async def hangs() -> str:
        await asyncio.sleep(3600)
        return ""

    monkeypatch.setattr(line_credential, "TICKET_TIMEOUT_S", 0.05)
    for source in (fails, hangs):
        with pytest.raises(TicketsUnavailable):
            await LineCredential(None, source).headers()


async def test_a_secret_is_clean_or_refused() -> None:
    """Rather than tried for ever, as a source that fails is."""
    assert await LineCredential("sp_x\n").headers() == {"authorization": "Bearer sp_x"}
    with pytest.raises(InvalidArgument, match="token is invalid"):
        LineCredential("sp_\nx")
    given = iter(["st_1\n", "st_–"])

    async def tickets() -> str:
        return next(given)

    credential = LineCredential(None, tickets)
    assert await credential.headers() == {"authorization": "Bearer st_1"}
    with pytest.raises(InvalidArgument, match="ticket is invalid"):
        await credential.renew()

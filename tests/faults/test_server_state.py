"""What is compared with is asked for again where a server says "not now"."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from stoppress.domain.fold import Json
from tests.faults.server_state import shown


async def asked(statuses: Sequence[int], patience_s: float = 60) -> tuple[Json, int]:
    """What is shown by a server that answers so, and how often it was asked."""
    left = list(statuses)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(left.pop(0), json={"cursor": "e-1"})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        found = await shown(client, "/v1/feeds/x", patience_s)
    return found, len(statuses) - len(left)


def test_a_503_is_retried() -> None:
    """An overloaded machine is not the fault that is looked for."""
    assert asyncio.run(asked([503, 503, 200, 200])) == ({"cursor": "e-1"}, 3)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_refusal_is_not_retried(status: int) -> None:
    """Any other status is wrong at once, and 503 is not accepted for ever."""
    with pytest.raises(httpx.HTTPStatusError, match=str(status)):
        asyncio.run(asked([status], patience_s=-1))

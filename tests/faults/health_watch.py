"""Watches a server's health during a run: `/readyz` and `/healthz`."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import httpx

from tests.faults.fault_kind import BUSY
from tests.plain_http import PLAIN

EVERY_S = 0.05
PATIENCE_S = 5.0 * BUSY


class Seen(NamedTuple):
    """What was answered at one time; 0 where nothing was."""

    at: float
    ready: int
    healthy: int


class Watch:
    """Asks, and remembers every answer."""

    def __init__(self, url: str) -> None:
        self.seen: list[Seen] = []
        self._url = url

    async def run(self) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(
            verify=PLAIN, base_url=self._url, trust_env=False, timeout=PATIENCE_S
        ) as client:
            while True:
                ready = await _status(client, "/readyz")
                healthy = await _status(client, "/healthz")
                self.seen.append(Seen(time.monotonic(), ready, healthy))
                await asyncio.sleep(EVERY_S)

    def red_after(self, since: float) -> float | None:
        """How long after `since` it was red first; None: it was not."""
        return self._after(since, 503)

    def green_after(self, since: float) -> float | None:
        """How long after `since` it was green first; None: it was not."""
        return self._after(since, 200)

    def unhealthy(self) -> list[Seen]:
        """When `/healthz` was not green."""
        return [one for one in self.seen if one.healthy != 200]

    def _after(self, since: float, status: int) -> float | None:
        return next(
            (
                one.at - since
                for one in self.seen
                if one.at > since and one.ready == status
            ),
            None,
        )


async def _status(client: httpx.AsyncClient, path: str) -> int:
    try:
        return (await client.get(path)).status_code
    except httpx.HTTPError:
        return 0

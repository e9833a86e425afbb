"""How long tests wait for what a browser shows: it decides no result."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from playwright import async_api, sync_api

from tests.plain_http import PATIENCE_S as PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000


def be_patient() -> None:
    """Wait so long in every `expect`: Playwright's 5 s fail on a busy core."""
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    async_api.expect.set_options(timeout=PATIENCE_MS)


async def close(one: async_api.Browser | async_api.BrowserContext) -> None:
    """Close it; if Chromium never answers, it goes with the process that drives it.

    Once in a run of all tests it was asked to close a profile, and did not answer in
    ten minutes; the next test went on in the same browser.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await one.close()

"""How long tests wait for what a browser shows: it decides no result."""

from __future__ import annotations

from playwright import async_api, sync_api

from tests.plain_http import PATIENCE_S as PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000


def be_patient() -> None:
    """Wait so long in every `expect`: Playwright's 5 s fail on a busy core."""
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    async_api.expect.set_options(timeout=PATIENCE_MS)

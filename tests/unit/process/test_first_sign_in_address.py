"""A server without any token says where to sign in; others do not.

With a real server: tests/contract/server/test_sign_in.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stoppress.process.first_sign_in_address import sign_in_address
from stoppress.settings import Settings

pytestmark = pytest.mark.asyncio


async def test_there_is_another_way_in() -> None:
    """Then no store is asked."""
    token = Settings(admin_token="a token of twenty characters")
    provider = Settings(oidc_issuer="https://id.example", oidc_client_id="x")
    for settings in (token, provider):
        assert await sign_in_address(settings) is None


async def test_a_store_that_is_away_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server serves nevertheless."""
    away = Settings(redis=f"unix://{tmp_path}/none.sock", redis_timeout_s=0.2)
    assert await sign_in_address(away) is None
    assert "the first sign-in could not be made" in caplog.text

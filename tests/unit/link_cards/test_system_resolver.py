"""Names as the system knows them."""

from __future__ import annotations

import time

import pytest

from stoppress.link_cards.system_resolver import SystemResolver

pytestmark = pytest.mark.asyncio


async def test_the_system_s_look_up() -> None:
    """Each address once; what is no name is an error."""
    resolver = SystemResolver()
    assert set(await resolver("localhost")) <= {"127.0.0.1", "::1"}
    assert await resolver("0x7f.1") == ["127.0.0.1"]
    with pytest.raises(OSError):
        await resolver("nobody.invalid.")
    started = time.monotonic()
    resolver.close()
    assert time.monotonic() - started < 60

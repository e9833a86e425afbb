"""When feeds last changed."""

from __future__ import annotations

import pytest

from tests.contract.store.news import AT, AnyStore, made, published, write

pytestmark = pytest.mark.asyncio


async def test_the_last_event_gives_the_time_of_change(any_store: AnyStore) -> None:
    """Posts move it; a feed without events, or an unknown one, has none."""
    await made(any_store)
    assert await any_store.last_events_at(["x", "nowhere"]) == [None, None]
    await any_store.write(write(published("a"))._replace(at=AT + 7))
    assert await any_store.last_events_at(["x"]) == [AT + 7]

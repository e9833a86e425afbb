"""The key moments of a feed: complete, current, and read from the log once."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.pages.find_key_moments import KEY_POSTS, KeyMoments
from tests.unit.web.desk_harness import DeskHarness, open_harness

pytestmark = pytest.mark.asyncio


async def shown(harness: DeskHarness, keys: KeyMoments) -> list[str] | None:
    """The headlines of the key moments, from the newest."""
    edition = await harness.services.snapshots.snapshot("quay")
    posts = await keys.of(edition)
    return None if posts is None else [post["headline"] for post in posts]


async def post(harness: DeskHarness, headline: str, **more: Any) -> str:
    """Publish a key post; its path."""
    made = await harness.post(headline=headline, **{"key": True, **more})
    return f"/v1/feeds/quay/posts/{made.json()['post']['id']}"


async def test_key_moments_of_any_age_are_found() -> None:
    """Beyond the newest twenty; and not those that are no key moments."""
    async with open_harness() as harness:
        await harness.feed()
        await post(harness, "long ago")
        for number in range(30):
            await post(harness, str(number), key=False)
        await post(harness, "now")
        assert await shown(harness, KeyMoments(harness.services)) == ["now", "long ago"]


async def test_events_tell_what_became_of_them() -> None:
    """One look at the log; then published, edited, withdrawn cost no read."""
    async with open_harness() as harness:
        keys = KeyMoments(harness.services)
        await harness.feed()
        first = await post(harness, "1")
        second = await post(harness, "2")
        assert await shown(harness, keys) == ["2", "1"]
        harness.store.calls.clear()
        await post(harness, "3")
        await post(harness, "none", key=False)
        await harness.client.patch(
            first, json={"headline": "One"}, headers={"if-match": "*"}
        )
        assert await shown(harness, keys) == ["3", "2", "One"]
        await harness.client.patch(
            first, json={"key": False}, headers={"if-match": "*"}
        )
        await harness.client.delete(second)
        assert await shown(harness, keys) == ["3"]
        assert "page" not in harness.store.calls


async def test_an_older_key_moment_takes_a_free_place() -> None:
    """Where not all are shown, the log is asked again."""
    async with open_harness() as harness:
        keys = KeyMoments(harness.services)
        await harness.feed()
        paths = [await post(harness, str(n)) for n in range(KEY_POSTS + 1)]
        newest = [str(n) for n in range(KEY_POSTS, -1, -1)]
        assert await shown(harness, keys) == newest[:-1]
        await harness.client.delete(paths[-1])
        assert await shown(harness, keys) == newest[1:]


async def test_redis_away() -> None:
    """What memory holds, and what came since; never seen before: not known."""
    async with open_harness() as harness:
        keys = KeyMoments(harness.services)
        await harness.feed()
        await post(harness, "1")
        edition = await harness.services.snapshots.snapshot("quay")
        harness.store.away = True
        assert await KeyMoments(harness.services).of(edition) is None
        harness.store.away = False
        assert await shown(harness, keys) == ["1"]
        harness.store.away = True
        assert await shown(harness, keys) == ["1"]
        harness.store.away = False

"""The key moments of a feed: complete, current, and read from the log once."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.web.pages.find_key_moments import KEY_POSTS, KeyMoments
from tests.unit.web.desk_harness import Office, open_office

pytestmark = pytest.mark.asyncio


async def shown(office: Office, keys: KeyMoments) -> list[str] | None:
    """The headlines of the key moments, from the newest."""
    edition = await office.services.snapshots.snapshot("quay")
    posts = await keys.of(edition)
    return None if posts is None else [post["headline"] for post in posts]


async def post(office: Office, headline: str, **more: Any) -> str:
    """Publish a key post; its path."""
    made = await office.post(headline=headline, **{"key": True, **more})
    return f"/v1/feeds/quay/posts/{made.json()['post']['id']}"


async def test_they_are_found_however_far_back() -> None:
    """Beyond the newest twenty; and not those that are no key moments."""
    async with open_office() as office:
        await office.feed()
        await post(office, "long ago")
        for number in range(30):
            await post(office, str(number), key=False)
        await post(office, "now")
        assert await shown(office, KeyMoments(office.services)) == ["now", "long ago"]


async def test_events_tell_what_became_of_them() -> None:
    """One look at the log; then published, edited, withdrawn cost no read."""
    async with open_office() as office:
        keys = KeyMoments(office.services)
        await office.feed()
        first = await post(office, "1")
        second = await post(office, "2")
        assert await shown(office, keys) == ["2", "1"]
        office.store.calls.clear()
        await post(office, "3")
        await post(office, "none", key=False)
        await office.client.patch(
            first, json={"headline": "One"}, headers={"if-match": "*"}
        )
        assert await shown(office, keys) == ["3", "2", "One"]
        await office.client.patch(first, json={"key": False}, headers={"if-match": "*"})
        await office.client.delete(second)
        assert await shown(office, keys) == ["3"]
        assert "page" not in office.store.calls


async def test_one_from_further_back_takes_a_place_that_is_free() -> None:
    """Where not all are shown, the log is asked again."""
    async with open_office() as office:
        keys = KeyMoments(office.services)
        await office.feed()
        paths = [await post(office, str(n)) for n in range(KEY_POSTS + 1)]
        newest = [str(n) for n in range(KEY_POSTS, -1, -1)]
        assert await shown(office, keys) == newest[:-1]
        await office.client.delete(paths[-1])
        assert await shown(office, keys) == newest[1:]


async def test_redis_away() -> None:
    """What memory holds, and what came since; never seen before: not known."""
    async with open_office() as office:
        keys = KeyMoments(office.services)
        await office.feed()
        await post(office, "1")
        edition = await office.services.snapshots.snapshot("quay")
        office.store.away = True
        assert await KeyMoments(office.services).of(edition) is None
        office.store.away = False
        assert await shown(office, keys) == ["1"]
        office.store.away = True
        assert await shown(office, keys) == ["1"]
        office.store.away = False

"""Who may draft may upload, once per key, within limits."""

from __future__ import annotations

import pytest

from stoppress.guard.limits import Limits
from stoppress.settings import Settings
from tests.unit.web.picture_harness import picture_harness

pytestmark = pytest.mark.asyncio
PATH = "/v1/feeds/quay/media"


async def test_an_upload_returns_the_address_and_the_size() -> None:
    """201, private to the caller; with the same key 200."""
    async with picture_harness() as (_, client, library):
        key = {"idempotency-key": "k"}
        answer = await client.post(PATH, content=b"x", headers=key)
        made = answer.json()
        assert answer.status_code == 201 and made["width"] == 1200
        assert answer.headers["location"] == made["url"].removeprefix(
            "https://live.example.org"
        )
        assert answer.headers["cache-control"] == "private, no-store"
        again = await client.post(PATH, content=b"x", headers=key)
        assert again.status_code == 200 and again.json()["id"] == made["id"]
        assert len(library.made) == 1
        files = {"file": ("x.png", b"x", "image/png")}
        assert (await client.post(PATH, files=files)).status_code == 201


async def test_an_upload_to_an_unknown_feed_is_refused() -> None:
    """Before any byte of the body is read."""
    async with picture_harness() as (_, client, library):
        path = PATH.replace("quay", "none")
        assert (await client.post(path, content=b"x")).status_code == 404
        assert not library.made


async def test_uploads_and_their_bytes_are_limited() -> None:
    """429 with the time to wait."""
    few = Settings(caller_uploads_per_s=0.01)
    small = Settings(caller_upload_bytes_per_s=0.01, caller_uploads_per_s=0)
    for settings, word, size in ((few, "uploads", 1), (small, "bytes", 2)):
        async with picture_harness(limits=Limits(settings)) as (_, client, _):
            found = [await client.post(PATH, content=b"x" * size) for _ in range(6)]
            refused = found[-1]
            assert refused.status_code == 429, refused.text
            assert word in refused.json()["detail"] and refused.headers["retry-after"]

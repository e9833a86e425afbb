"""Files of pictures: immutable, guarded, in ranges; private ones for who may read."""

from __future__ import annotations

import pytest

from tests.unit.web.picture_harness import picture_harness

pytestmark = pytest.mark.asyncio
NAME = "a0000000000000000-1200x800.jpg"
PATH = f"/media/quay/{NAME}"


async def test_a_file_is_kept_for_good_and_can_t_act() -> None:
    """By its ETag it is known again; variants are files of their own."""
    async with picture_harness() as (_, client, _):
        answer = await client.get(PATH)
        assert answer.content == NAME.encode()
        headers = answer.headers
        assert headers["content-type"] == "image/jpeg"
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["x-content-type-options"] == "nosniff"
        tag = {"if-none-match": headers["etag"]}
        assert (await client.get(PATH, headers=tag)).status_code == 304
        small = await client.get(f"{PATH}/480")
        assert small.content == b"a0000000000000000-480.webp"
        assert small.headers["content-type"] == "image/webp"
        assert small.headers["etag"] != headers["etag"]
        assert (await client.get(f"{PATH}/1440")).content == NAME.encode()
        for path in (
            f"{PATH}/1",
            f"{PATH}/x",
            "/media/quay/x.jpg",
            "/media/pier/" + NAME,
        ):
            assert (await client.get(path)).status_code == 404, path


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-1", 206, b"a0"),
        ("bytes=28-", 206, b"pg"),
        ("bytes=-3", 206, b"jpg"),
        ("bytes=28-99", 206, b"pg"),
        ("bytes=30-", 416, b""),
        ("bytes=5-2", 416, b""),
        ("bytes=0-1,3-4", 200, NAME.encode()),
        ("bytes=-", 200, NAME.encode()),
        ("chunks=1-2", 200, NAME.encode()),
    ],
)
async def test_a_range_is_answered(asked: str, status: int, body: bytes) -> None:
    """One of them; what is no range is left out of account."""
    async with picture_harness() as (_, client, _):
        answer = await client.get(PATH, headers={"range": asked})
        assert (answer.status_code, answer.content) == (status, body)
        if status == 206:
            assert answer.headers["content-range"].endswith(f"/{len(NAME)}")
        other = {"range": asked, "if-range": '"other"'}
        assert (await client.get(PATH, headers=other)).status_code == 200
        # A range is for GET only.
        head = await client.head(PATH, headers={"range": asked})
        assert head.status_code == 200 and "content-range" not in head.headers
        assert head.headers["content-length"] == str(len(NAME))


async def test_a_private_feed_s_files_are_private() -> None:
    """To who may read it; for others there is no such feed."""
    async with picture_harness() as (harness, client, _):
        await harness.client.patch("/v1/feeds/quay", json={"visibility": "private"})
        answer = await client.get(PATH)
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        none = await client.get(PATH, headers={"authorization": ""})
        assert none.status_code in (401, 404)
        del client.headers["authorization"]
        assert (await client.get(PATH)).status_code == 404

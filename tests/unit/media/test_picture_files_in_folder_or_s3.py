"""Files in a folder or a bucket: private, whole, listed; one that fails is told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles
from tests.bucket_stand_in import BUCKET, KEY_ID, REGION, SECRET, Bucket, signature

pytestmark = pytest.mark.asyncio


async def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """Folders too."""
    files, before = MediaFiles(str(tmp_path / "media")), os.umask(0)
    try:
        await files.put("quay", "a.webp", b"one", "image/webp")
    finally:
        os.umask(before)
    found = [tmp_path / "media" / part for part in ("", "quay", "quay/a.webp")]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in found]
    assert modes == [0o700, 0o700, 0o600]


async def test_files_are_read_listed_and_removed(tmp_path: Path) -> None:
    """What is not there is no error."""
    files = MediaFiles(str(tmp_path / "media"))
    for feed, name in (("quay", "a"), ("quay", "b"), ("pier", "c")):
        await files.put(feed, name, name.encode(), "image/webp")
    assert await files.get("quay", "a") == b"a"
    assert await files.get("quay", "c") is None
    assert sorted(await files.feeds()) == ["pier", "quay"]
    listed = [one async for one in files.list("quay")]
    assert sorted(one.name for one in listed) == ["a", "b"]
    assert {one.feed for one in listed} == {"quay"} and listed[0].at > 1.7e9
    await files.remove("quay", ["a", "b", "z"])
    assert await files.feeds() == ["pier"]


async def test_a_place_that_fails_is_told(tmp_path: Path) -> None:
    """Its reason is for the log."""
    (tmp_path / "file").write_bytes(b"")
    files = MediaFiles(str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="does not answer"):
        await files.put("quay", "a", b"", "image/webp")
    with pytest.raises(Unavailable):
        await files.feeds()
    with pytest.raises(Unavailable):
        assert [one async for one in files.list("quay")]


async def test_a_bucket_gets_signed_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written with their type, read, listed, removed; a wrong key is told."""
    with Bucket() as bucket:
        for name, value in (
            ("AWS_ENDPOINT_URL", bucket.url),
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", REGION),
            ("NO_PROXY", "127.0.0.1"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
        files = MediaFiles(f"s3://{BUCKET}/pictures")
        for feed, name in (("quay", "a b.webp"), ("quay", "c"), ("pier", "d")):
            await files.put(feed, name, name.encode(), "image/webp")
        assert bucket.files["pictures/quay/a b.webp"] == (b"a b.webp", "image/webp")
        assert await files.get("quay", "a b.webp") == b"a b.webp"
        assert await files.get("quay", "d") is None
        assert sorted(await files.feeds()) == ["pier", "quay"]
        listed = [one async for one in files.list("quay")]
        assert sorted(one.name for one in listed) == ["a b.webp", "c"]
        await files.remove("quay", ["a b.webp", "c", "z"])
        assert list(bucket.files) == ["pictures/pier/d"]
        assert bucket.refused == []
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        with pytest.raises(Unavailable, match="does not answer"):
            await MediaFiles(f"s3://{BUCKET}").put("quay", "x", b"", "image/webp")
        assert bucket.refused == ["SignatureDoesNotMatch"]


async def test_the_stand_in_signs_as_aws_does() -> None:
    """`get-vanilla` of the test suite of Signature Version 4."""
    signed = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
    scope = "20150830/us-east-1/service/aws4_request"
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # of AWS's documentation
    assert signature(secret, "GET", "/", signed, scope) == (
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )

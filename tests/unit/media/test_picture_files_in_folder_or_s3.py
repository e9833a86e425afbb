"""Files in a folder: private, whole, listed; a folder that fails is told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles

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

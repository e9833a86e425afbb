"""What no post uses goes after some days; what one uses stays."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from stoppress.domain.errors import Unavailable
from stoppress.media import unused_pictures
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles
from stoppress.media.picture_library import Pictures
from stoppress.media.run_encoder_processes import PictureEncoder
from stoppress.media.unused_pictures import keep_removing_unused, remove_unused
from tests.waiting import until

pytestmark = pytest.mark.asyncio


class Use:
    """One picture is in use."""

    def __init__(self, used: str) -> None:
        self.used = used
        self.away = False

    async def used_pictures(
        self, feed: str, pictures: set[str], besides: str = ""
    ) -> set[str]:
        """That one."""
        if self.away:
            raise Unavailable("away")
        return {self.used} & pictures


async def an_archive(tmp_path: Path) -> tuple[MediaFiles, Pictures, list[str]]:
    """Three pictures, two of them 40 days old, and a file of someone else."""
    files = MediaFiles(str(tmp_path / "media"))
    ids = [f"a{number:016}" for number in range(3)]
    for feed in ("quay", "pier"):
        for one in ids:
            for name in (f"{one}-480.webp", f"{one}-900x600.jpg"):
                await files.put(feed, name, b"x", "image/webp")
                path = tmp_path / "media" / feed / name
                if one != ids[2]:
                    os.utime(path, (0, time.time() - 40 * 86_400))
    await files.put("quay", "readme", b"x", "text/plain")
    return files, Pictures(PictureEncoder(1), files), ids


async def test_old_pictures_that_nothing_uses_are_removed(tmp_path: Path) -> None:
    """In each feed, with all their files."""
    files, library, ids = await an_archive(tmp_path)
    assert await remove_unused(files, library, Use(ids[0]), 30) == 2
    left = {one.name async for one in files.list("quay")}
    assert left == {
        *("readme", f"{ids[0]}-480.webp", f"{ids[0]}-900x600.jpg"),
        *(f"{ids[2]}-480.webp", f"{ids[2]}-900x600.jpg"),
    }
    assert await remove_unused(files, library, Use(ids[0]), 30) == 0


async def test_one_process_removes_unused_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Round for round; a store that is away is no end."""
    monkeypatch.setattr(unused_pictures, "FIRST_SWEEP_S", 0)
    monkeypatch.setattr(unused_pictures, "SWEEP_EVERY_S", 0.01)
    files, library, ids = await an_archive(tmp_path)
    use, asked = Use(ids[0]), 0

    async def claim() -> bool:
        nonlocal asked
        asked += 1
        use.away = asked < 3
        return asked > 1

    task = asyncio.create_task(keep_removing_unused(files, library, use, 30, claim))
    await until(lambda: asked >= 5)
    task.cancel()
    assert len([one async for one in files.list("pier")]) == 4


async def test_zero_is_never(tmp_path: Path) -> None:
    """It ends at once."""
    files, library, ids = await an_archive(tmp_path)

    async def claim() -> bool:
        raise AssertionError

    await keep_removing_unused(files, library, Use(ids[0]), 0, claim)

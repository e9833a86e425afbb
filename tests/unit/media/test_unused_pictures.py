"""What nothing uses goes after some days; what anything uses stays."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Set
from pathlib import Path

import pytest

from stoppress.domain.errors import Damaged, Unavailable
from stoppress.domain.picture_address import FeedPicture
from stoppress.media import unused_pictures
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles
from stoppress.media.picture_library import Pictures
from stoppress.media.run_encoder_processes import PictureEncoder
from stoppress.media.unused_pictures import keep_removing_unused, remove_unused
from tests.waiting import until

pytestmark = pytest.mark.asyncio


class Use:
    """One picture is in use by posts; and some elsewhere."""

    def __init__(self, used: str, *elsewhere: FeedPicture) -> None:
        self.used = used
        self.elsewhere = set(elsewhere)
        self.away = self.damaged = False
        self.searches = 0

    async def used_pictures(
        self, feed: str, pictures: set[str], besides: str = ""
    ) -> set[str]:
        """That one."""
        if self.away:
            raise Unavailable("away")
        return {self.used} & pictures

    async def used_elsewhere(self, pictures: Set[FeedPicture]) -> Set[FeedPicture]:
        """Those, if all can be read."""
        self.searches += 1
        if self.damaged:
            raise Damaged("pier", "x")
        return self.elsewhere & pictures


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
    use = Use(ids[0])
    assert await remove_unused(files, library, use, 30) == use.searches == 0


async def test_what_is_used_elsewhere_stays(tmp_path: Path) -> None:
    """Of the feed that it belongs to; one search is for all feeds."""
    files, library, ids = await an_archive(tmp_path)
    use = Use(ids[0], FeedPicture("quay", ids[1]))
    assert await remove_unused(files, library, use, 30) == use.searches == 1
    assert ids[1] in "".join([one.name async for one in files.list("quay")])
    assert ids[1] not in "".join([one.name async for one in files.list("pier")])


async def test_nothing_goes_if_something_can_t_be_read(tmp_path: Path) -> None:
    """It may use any picture."""
    files, library, ids = await an_archive(tmp_path)
    use = Use(ids[0])
    use.damaged = True
    with pytest.raises(Unavailable):
        await remove_unused(files, library, use, 30)
    assert len([one async for one in files.list("pier")]) == 6


async def test_what_a_post_uses_meanwhile_stays(tmp_path: Path) -> None:
    """Posts of the feed are looked at again after the long search."""
    files, library, ids = await an_archive(tmp_path)

    class Late(Use):
        async def used_elsewhere(self, pictures: Set[FeedPicture]) -> Set[FeedPicture]:
            self.used = ids[1]
            return set()

    assert await remove_unused(files, library, Late(ids[0]), 30) == 0
    assert len([one async for one in files.list("pier")]) == 6


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

"""Removes pictures that nothing uses, once per SWEEP_EVERY_S for all processes
together.

Rules:
- A picture is removed if it is older than `unused_media_days` and nothing uses it: no
  post, draft or earlier state of one, no feed, no template, no setting.
- One process does it (`claim`): feed by feed it finds what posts of the feed itself do
  not use, and looks for that in everything else once. What posts of the feed use is
  checked again just before the removal.
- If a store does not answer, or a feed can't be read, nothing more is removed; the next
  round tries again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Set
from typing import Protocol

from stoppress.desk.upload_and_take_down_pictures import PictureLibrary
from stoppress.domain.errors import Unavailable
from stoppress.domain.picture_address import FeedPicture, picture_of_file
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles

SWEEP_EVERY_S = 86_400
FIRST_SWEEP_S = 600
"""Latest start of the first round: a server that restarts often cleans up too."""
DAY_S = 86_400

log = logging.getLogger(__name__)


class PictureUse(Protocol):
    """Finds the pictures that are in use."""

    async def used_pictures(
        self, feed: str, pictures: set[str], besides: str = ""
    ) -> set[str]:
        """Those of the pictures that posts of the feed use. Raises Unavailable."""

    async def used_elsewhere(self, pictures: Set[FeedPicture]) -> Set[FeedPicture]:
        """Those that something other than posts of their own feed uses.

        Raises Unavailable.
        """


async def remove_unused(
    files: MediaFiles, library: PictureLibrary, use: PictureUse, days: float
) -> int:
    """One round; returns how many pictures were removed. Raises Unavailable."""
    before, count = time.time() - days * DAY_S, 0
    found: dict[str, set[str]] = {}
    for feed in await files.feeds():
        old = {
            picture
            async for one in files.list(feed)
            if one.at < before and (picture := picture_of_file(one.name))
        }
        if old and (unused := old - await use.used_pictures(feed, old)):
            found[feed] = unused
    if not found:
        return 0
    elsewhere = await use.used_elsewhere(
        {FeedPicture(feed, one) for feed, unused in found.items() for one in unused}
    )
    for feed, unused in found.items():
        unused = {one for one in unused if FeedPicture(feed, one) not in elsewhere}
        unused -= await use.used_pictures(feed, unused)
        await library.remove(feed, unused)
        count += len(unused)
    return count


async def keep_removing_unused(
    files: MediaFiles,
    library: PictureLibrary,
    use: PictureUse,
    days: float,
    claim: Callable[[], Awaitable[bool]],
) -> None:
    """Remove unused pictures regularly, until cancelled. `days` 0: never."""
    if not days:
        return
    wait_s = random.uniform(0, FIRST_SWEEP_S)  # noqa: S311 (spreads load, no secret)
    while True:
        await asyncio.sleep(wait_s)
        wait_s = SWEEP_EVERY_S
        try:
            if not await claim():
                continue
            if count := await remove_unused(files, library, use, days):
                log.info("%s pictures that nothing uses were removed", count)
        except Unavailable as problem:
            log.warning("unused pictures could not be removed: %s", problem)

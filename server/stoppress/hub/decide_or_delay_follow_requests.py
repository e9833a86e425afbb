"""Requests to follow a feed: decided at once, or when the feed is open and up to date.

Rules:
- A follow that can be decided now is decided now; else a task of the hub waits
  (for a feed to open, or for events up to a cursor ahead of this process), for
  seconds at most. The reader may disconnect or seek meanwhile.
- At most MAX_PENDING_FOLLOWS wait; further ones are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import is_desk_log
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.hub.channel import Channel
from stoppress.hub.feed_status_and_access import (
    ANYONE,
    DESK_STATE,
    rights_for,
)
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.log_follower_protocol import Upstream
from stoppress.hub.reader import DETAILS, MAX_FOLLOWS, Reader
from stoppress.hub.task_set import TaskSet
from stoppress.wire.close_codes import CloseCode

CATCH_UP_S = 2.0
"""How long a follow waits until this process has the events up to its cursor."""
MAX_PENDING_FOLLOWS = 20_000
"""Follows that may wait at once for a feed to open, or for their cursor."""


class FollowRequests:
    """Joins follows to channels: those that `find` returns, or that `open` opens."""

    def __init__(
        self,
        find: Callable[[str], Channel | None],
        open: Callable[[str], Awaitable[Channel]],
        log: Upstream,
        tasks: TaskSet,
        now_ms: Callable[[], int],
    ) -> None:
        self._find = find
        self._open = open
        self._log = log
        self._tasks = tasks
        self._now_ms = now_ms

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Add a follow from `cursor` (None: from now), or move the existing one.

        The reader gets hello or reset; if refused, an error, or its connection ends.
        """
        if is_desk_log(feed) and not reader.rights.may_read(feed):
            # Decided before the feed is opened: a stranger must not create a desk log.
            if rights_for(reader.rights, feed) is ANYONE:
                code = CloseCode.UNAUTHENTICATED
                reader.refuse(feed, code, "a token that may draft is needed")
                return
            refused = DESK_STATE.refusal(feed, reader.rights, self._now_ms())
            refused = refused or CloseCode.FORBIDDEN
            reader.refuse(feed, refused, DETAILS[refused])
            return
        follow = reader.add_follow(feed)
        if follow is None:
            code = CloseCode.BAD_REQUEST
            reader.refuse(
                feed, code, f"a reader may follow at most {MAX_FOLLOWS} feeds"
            )
            return
        channel = self._find(feed)
        if channel is not None and not channel.is_ahead(cursor):
            self._join(follow, channel, cursor)
        elif len(self._tasks) >= MAX_PENDING_FOLLOWS:
            self._refuse(follow, CloseCode.TOO_MANY, "too many follows are pending")
        else:
            self._tasks.start(self._follow_later(follow, cursor))

    def _join(self, follow: Follow, channel: Channel, cursor: Cursor | None) -> None:
        reader = follow.reader
        if not reader.holds(follow):
            return
        code = channel.feed_state.refusal(follow.feed, reader.rights, self._now_ms())
        if channel.ended:
            code = CloseCode.ENDED
        if code is None:
            channel.join(follow, cursor)
        else:
            self._refuse(follow, code, DETAILS[code])

    def _refuse(self, follow: Follow, code: CloseCode, detail: str) -> None:
        if follow.reader.holds(follow):
            follow.reader.unfollow(follow.feed)
            follow.reader.refuse(follow.feed, code, detail)

    async def _follow_later(self, follow: Follow, cursor: Cursor | None) -> None:
        try:
            channel = await self.channel_at(follow.feed, cursor)
        except NotFound:
            code = CloseCode.NOT_FOUND
            self._refuse(follow, code, DETAILS[code])
        except Unavailable as problem:
            self._refuse(follow, CloseCode.BYE, str(problem))
        else:
            self._join(follow, channel, cursor)

    async def channel_at(self, feed: str, cursor: Cursor | None) -> Channel:
        """The feed's channel, with the events up to `cursor` if that is in the log.

        Raises NotFound, or Unavailable if the feed can't be opened or the events up
        to the cursor do not arrive in time.
        """
        channel = await self._open(feed)
        await self._catch_up(channel, cursor)
        if channel.ended:
            # Closed as unused during the wait; or deleted (NotFound now), and perhaps
            # created again: its ring may end before the cursor, but no reader is
            # moved back.
            channel = await self._open(feed)
        return channel

    async def _catch_up(self, channel: Channel, cursor: Cursor | None) -> None:
        """Wait for events, if `cursor` is ahead of this process and yet in the log.

        One read of the log's head is shared by all callers while it runs. A cursor
        beyond the log's head is reset by the caller. If the head is unknown, or the
        events have not arrived after 2 s, the reader should reconnect with its
        cursor (Unavailable): a reset would move it back.
        """
        if cursor is None or not channel.is_ahead(cursor):
            return
        try:
            async with asyncio.timeout(CATCH_UP_S):
                head = await self._log.head(channel.feed)
                if head.epoch == cursor.epoch and cursor.seq > head.seq:
                    return
                # The event arrives, or a new epoch begins.
                while channel.is_ahead(cursor) and not channel.ended:
                    await channel.head_moved.wait()
        except TimeoutError:
            raise Unavailable(
                "this server is behind the log: reconnect in a moment"
            ) from None

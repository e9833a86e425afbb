"""The scripts that read posts without a cursor, each behind one typed function.

They return the current posts: pages of them, the records of withdrawn posts, and
earlier states. For how scripts are sent see `feed_write_scripts.py`, for reads at a
cursor `feed_read_scripts.py`.
"""

from __future__ import annotations

from stoppress.domain.errors import NotFound
from stoppress.domain.store_requests_and_results import (
    PAGE_BYTES,
    PageMark,
    PostHistory,
    PostPage,
    PostState,
    Revision,
    Withdrawn,
)
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import feed_keys
from stoppress.log.script_answers import (
    check_found,
    page_mark,
    text,
)

_PAGE = LuaScript("list_posts_in_order", "read_posts_page")
_WITHDRAWN = LuaScript("need_acl_rights", "keep_revision", "list_withdrawn_posts")
_REVISIONS = LuaScript("need_acl_rights", "keep_revision", "read_revisions")


async def page(
    redis: RedisCommands, feed: str, mark: PageMark | None, limit: int, rising: bool
) -> PostPage:
    """Posts in order; rising: the oldest first."""
    keys = feed_keys(feed, redis.database)
    place: tuple[Arg, ...] = (mark.order, mark.post) if mark else ("", "")
    names = (keys.meta, keys.posts, keys.order)
    args = (limit, *place, int(rising), PAGE_BYTES)
    answer = await redis.read(_PAGE, names, args)
    check_found(answer, feed)
    return PostPage(tuple(answer[1]), page_mark(answer[2], answer[3]))


async def withdrawn(
    redis: RedisCommands, feed: str, part: str, place: int, fields: int
) -> tuple[tuple[Withdrawn, ...], int]:
    """Withdrawn posts in a piece of a hash, and the next position (0: finished).

    `part` is "ext" for those that hold an external id, "posts" for all.
    """
    keys = feed_keys(feed, redis.database)
    names = (keys.meta, keys.posts, keys.ext, keys.revisions)
    answer = await redis.read(_WITHDRAWN, names, (part, place, fields))
    check_found(answer, feed)
    flat = answer[2]
    found = tuple(
        Withdrawn(
            text(flat[i]), int(flat[i + 1]), text(flat[i + 2]) or None, flat[i + 3] == 1
        )
        for i in range(0, len(flat), 4)
    )
    return found, int(answer[1])


async def revisions(redis: RedisCommands, feed: str, post: str) -> PostHistory:
    """A post's earlier states, newest first."""
    keys = feed_keys(feed, redis.database)
    answer = await redis.read(
        _REVISIONS, (keys.meta, keys.posts, keys.revisions), (post,)
    )
    check_found(answer, feed)
    if answer[0] == b"nopost":
        raise NotFound(feed, post)
    flat = answer[4]
    found = tuple(
        Revision(int(flat[i]), flat[i + 1], flat[i + 2]) for i in range(0, len(flat), 3)
    )
    rev = int(answer[1])
    # A withdrawal by a release without revisions kept no state: these are older.
    is_whole = answer[3] == answer[1]
    return PostHistory(rev, PostState(text(answer[2])), found, is_whole)

"""When each of many feeds last changed, read from the ends of their logs."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

from stoppress.log.event_record import LATEST_MS
from stoppress.log.redis_commands_scripts_and_durability import RedisCommands
from stoppress.log.redis_keys import feed_keys


async def last_events_at(
    redis: RedisCommands, feeds: Sequence[str]
) -> list[int | None]:
    """The time of the last event of each feed, in milliseconds since 1970.

    None if its log is empty (every entry became too old) or damaged.
    """
    logs = [feed_keys(feed).log for feed in feeds]
    answers = await redis.read_damaged(
        *(("XREVRANGE", log, "+", "-", "COUNT", 1) for log in logs)
    )
    found: list[int | None] = []
    for one in answers:
        entries = [] if isinstance(one, ResponseError) else one
        fields = entries[0][1] if entries else []
        at = dict(zip(fields[::2], fields[1::2], strict=False)).get(b"at", b"")
        valid = at.isdigit() and int(at) <= LATEST_MS
        found.append(int(at) if valid else None)
    return found

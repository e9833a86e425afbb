"""An event: one numbered change to a feed.

The event carries its post (or feed) as it is when it is read, not as it was: a
replayed `post.published` of a post since edited holds the edited text, and of a
post since withdrawn it is a `post.withdrawn` at its own seq (`as_it_is_now`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class EventType(StrEnum):
    """The four things that can happen to a feed."""

    PUBLISHED = "post.published"
    UPDATED = "post.updated"
    WITHDRAWN = "post.withdrawn"
    FEED = "feed.updated"


class Event(NamedTuple):
    """One change, at `seq` of its feed's log.

    `at` is in milliseconds since 1970. `post` is the post's id, "" for a feed
    event. `body` is the kept JSON of the post or feed, b"" for a withdrawal.
    """

    seq: int
    type: EventType
    at: int
    post: str
    body: bytes


def as_it_is_now(event: Event, body: bytes | None) -> Event:
    """The event as a replay shows it: `body` is what the post is now.

    None means that the post has been withdrawn since.
    """
    if body is None:
        return event._replace(type=EventType.WITHDRAWN, body=b"")
    return event._replace(body=body)

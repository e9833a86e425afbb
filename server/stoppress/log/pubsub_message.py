"""What comes over a feed's channel: one line that says what, and the whole body.

    <epoch>-<seq> <type> <at> <post>\\n<body>

Beside the types of events there are `end` (the feed was deleted, at that cursor)
and `epoch` (a new one began). The writers are the scripts. An event of a type that is
not known here has no body, whatever was sent with it.
"""

from __future__ import annotations

from typing import NamedTuple

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import MalformedCursor
from stoppress.domain.event import Effect, Event
from stoppress.log.event_record import read_event


class PubSubMessage(NamedTuple):
    """One message. `event` is None where the feed ends, or a new epoch begins."""

    cursor: Cursor
    event: Event | None
    ends: bool = False


def parse(feed: str, raw: bytes) -> PubSubMessage | None:
    """The message, or None if it is not one of ours."""
    line, _, body = raw.partition(b"\n")
    try:
        place, kind, at, post = line.decode().split(" ")
        cursor = Cursor.parse(place)
    except (ValueError, MalformedCursor):
        return None
    if kind in ("end", "epoch"):
        return PubSubMessage(cursor, None, kind == "end")
    event = read_event(feed, cursor.seq, kind, at, post)
    if event is None:
        return None
    effect = event.type.effect
    if effect is Effect.NOTHING:
        return PubSubMessage(cursor, event)
    if (effect is Effect.SHOWS) != bool(body):
        return None
    return PubSubMessage(cursor, event._replace(body=body))

"""What comes over a feed's channel: one line that says what, and the whole body.

    <epoch>-<seq> <type> <at> <post>\\n<body>

Beside the types of events there are `end` (the feed was deleted, at that cursor)
and `epoch` (a new one began). The writers are the scripts.
"""

from __future__ import annotations

from typing import NamedTuple

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import MalformedCursor
from stoppress.domain.event import Event, EventType

_TYPES = {kind.value: kind for kind in EventType}


class PubSubMessage(NamedTuple):
    """One message. `event` is None where the feed ends, or a new epoch begins."""

    cursor: Cursor
    event: Event | None
    ends: bool = False


def parse(raw: bytes) -> PubSubMessage | None:
    """The message, or None if it is not one of ours."""
    line, _, body = raw.partition(b"\n")
    try:
        place, kind, at, post = line.decode().split(" ")
        cursor = Cursor.parse(place)
        if kind in ("end", "epoch"):
            return PubSubMessage(cursor, None, kind == "end")
        event = Event(cursor.seq, _TYPES[kind], int(at), post, body)
    except (ValueError, KeyError, MalformedCursor):
        return None
    if (event.type is EventType.WITHDRAWN) == bool(body):
        return None
    return PubSubMessage(cursor, event)

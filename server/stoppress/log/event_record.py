"""The form of an event in Redis: as an entry of the log, and in a message. Pure.

Both contain type, time and post (empty if the event is about the feed). The content may
be of a later release, or damaged; only this module distinguishes the two.
"""

from __future__ import annotations

import re

from stoppress.domain.cursor import MAX_SEQ
from stoppress.domain.desk_log_name import is_desk_log
from stoppress.domain.event import (
    NO_SUBJECT,
    Effect,
    Event,
    EventType,
    Subject,
    SubjectKind,
)

_AT = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: later times can't be written in RFC 3339."""


def read_event(feed: str, seq: int, kind: str, at: str, post: str) -> Event | None:
    """The event, without a body; None if it is damaged.

    An event of an unknown type has no subject.
    """
    event_type = EventType.named(kind, in_desk_log=is_desk_log(feed))
    if event_type is None or not _AT.fullmatch(at) or not 0 < seq <= MAX_SEQ:
        return None
    at_ms = int(at)
    if at_ms > LATEST_MS:
        return None
    subject = NO_SUBJECT
    if event_type.effect is not Effect.NOTHING:
        if (event_type.subject is not SubjectKind.FEED) != bool(post):
            return None
        subject = Subject(event_type.subject, post or feed)
    return Event(seq, event_type, at_ms, subject, b"")


def recorded_post(subject: Subject) -> str:
    """The value of a record's `post`: the id of a post or draft, else ""."""
    return "" if subject.kind is SubjectKind.FEED else subject.id

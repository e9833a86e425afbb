"""An event as Redis holds it: in an entry of the log, and in a message. Pure.

Both name type, time and post (empty where the event is not about a post). What they
hold may be of a later release, or damaged; the two are told apart here, once.
"""

from __future__ import annotations

import re

from stoppress.domain.cursor import MAX_SEQ
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
"""The end of the year 9999: what lies beyond is no time that can be written."""


def read_event(feed: str, seq: int, kind: str, at: str, post: str) -> Event | None:
    """The event, without a body yet; None if it is damaged.

    One of a type that is not known here has no subject.
    """
    event_type = EventType.named(kind)
    if event_type is None or not _AT.fullmatch(at) or not 0 < seq <= MAX_SEQ:
        return None
    at_ms = int(at)
    if at_ms > LATEST_MS:
        return None
    subject = NO_SUBJECT
    if event_type.effect is not Effect.NOTHING:
        if (event_type.subject is SubjectKind.POST) != bool(post):
            return None
        subject = Subject.post(post) if post else Subject.feed(feed)
    return Event(seq, event_type, at_ms, subject, b"")


def recorded_post(subject: Subject) -> str:
    """What stands in a record's `post`: the id of a post, else nothing."""
    return subject.id if subject.kind is SubjectKind.POST else ""

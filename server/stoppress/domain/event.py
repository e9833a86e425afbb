"""An event: one numbered change to a feed, and the table of what each type does.

An event carries its subject (a post or the feed) as it is when it is read, not as it
was: a replayed `post.published` of a post since edited holds the edited text, and of a
post since withdrawn it is a `post.withdrawn` at its own seq (`as_it_is_now`).

Rules:
- `KNOWN_TYPES` is the table. Log, hub, messages, folds and pages ask it what a type
  does; none of them compares names.
- A type that is not in the table comes from a later release. It is opaque: it counts
  in the log, and goes to readers by its name alone, without subject and payload.
- Names of types have a dot in them, so that none can be taken for a message that is
  no event (`reset`, `beat`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple


class SubjectKind(Enum):
    """What an event is about; the value is the member of the message that shows it."""

    POST = "post"
    FEED = "value"
    NOTHING = ""


class Effect(Enum):
    """What an event does to its subject."""

    SHOWS = "shows"
    """The event carries it: it is new, or changed."""
    REMOVES = "removes"
    """It is gone; the event carries its id alone."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event, by its name on the wire."""

    name: str
    subject: SubjectKind = SubjectKind.NOTHING
    effect: Effect = Effect.NOTHING

    PUBLISHED: ClassVar[EventType]
    UPDATED: ClassVar[EventType]
    WITHDRAWN: ClassVar[EventType]
    FEED: ClassVar[EventType]

    @property
    def shows_post(self) -> bool:
        """Whether the event carries a post."""
        return self.subject is SubjectKind.POST and self.effect is Effect.SHOWS

    @property
    def shows_feed(self) -> bool:
        """Whether the event carries the feed."""
        return self.subject is SubjectKind.FEED and self.effect is Effect.SHOWS

    @property
    def removes_post(self) -> bool:
        """Whether nothing of the post is left after it."""
        return self.subject is SubjectKind.POST and self.effect is Effect.REMOVES

    @classmethod
    def named(cls, name: str) -> EventType | None:
        """The type of that name, opaque if it is not known; None if it is no name."""
        known = KNOWN_TYPES.get(name)
        if known is not None:
            return known
        if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
            return None
        return cls(name)


EventType.PUBLISHED = EventType("post.published", SubjectKind.POST, Effect.SHOWS)
EventType.UPDATED = EventType("post.updated", SubjectKind.POST, Effect.SHOWS)
EventType.WITHDRAWN = EventType("post.withdrawn", SubjectKind.POST, Effect.REMOVES)
EventType.FEED = EventType("feed.updated", SubjectKind.FEED, Effect.SHOWS)

KNOWN_TYPES = {
    kind.name: kind
    for kind in (
        EventType.PUBLISHED,
        EventType.UPDATED,
        EventType.WITHDRAWN,
        EventType.FEED,
    )
}
"""Every type that this release knows, by its name."""

MAX_NAME = 64
_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+", re.ASCII)


class Subject(NamedTuple):
    """What an event is about: a post by its id, the feed by its slug."""

    kind: SubjectKind
    id: str

    @classmethod
    def post(cls, name: str) -> Subject:
        """The post of that id."""
        return cls(SubjectKind.POST, name)

    @classmethod
    def feed(cls, slug: str) -> Subject:
        """The feed itself."""
        return cls(SubjectKind.FEED, slug)


NO_SUBJECT = Subject(SubjectKind.NOTHING, "")
"""Of an opaque event: what it is about is not known here."""


class Event(NamedTuple):
    """One change, at `seq` of its feed's log.

    `at` is in milliseconds since 1970. `body` is the kept JSON of the subject, b""
    where the event does not show it.
    """

    seq: int
    type: EventType
    at: int
    subject: Subject
    body: bytes


def as_it_is_now(event: Event, body: bytes | None) -> Event:
    """The event as a replay shows it: `body` is what its subject is now.

    None means that the post has been withdrawn since.
    """
    if event.type.effect is not Effect.SHOWS:
        return event
    if body is None and event.type.subject is SubjectKind.POST:
        return event._replace(type=EventType.WITHDRAWN, body=b"")
    return event._replace(body=body or b"")

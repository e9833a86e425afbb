"""Events, the numbered changes to a feed, and the table of event types.

A replayed event carries the current state of its subject (a post or the feed), not the
former one: `post.published` of a post edited since has the edited text, and of a post
withdrawn since it becomes `post.withdrawn` at the same seq (`as_it_is_now`).

Rules:
- `KNOWN_TYPES` is the table. Log, hub, messages, fold and pages look up there what a
  type does; none of them compares names. Desk logs have a table of their own.
- A type that is not in the table comes from a later release. It is opaque: it has its
  seq in the log, and readers get its name only, without subject and payload.
- Names of types contain a dot, so that none equals the name of a message that is not
  an event (`reset`, `beat`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, NamedTuple


class SubjectKind(Enum):
    """What an event is about; the value is the message's member that carries it."""

    POST = "post"
    FEED = "value"
    DRAFT = "draft"
    """Only in a desk log."""
    NOTHING = ""


class Effect(Enum):
    """What an event does to its subject."""

    SHOWS = "shows"
    """The event carries the subject: it is new or changed."""
    REMOVES = "removes"
    """The subject was removed; the event carries only its id."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type: its name, and what it does to which kind of subject."""

    name: str
    subject: SubjectKind = SubjectKind.NOTHING
    effect: Effect = Effect.NOTHING

    PUBLISHED: ClassVar[EventType]
    UPDATED: ClassVar[EventType]
    WITHDRAWN: ClassVar[EventType]
    FEED: ClassVar[EventType]
    DRAFT_CREATED: ClassVar[EventType]
    DRAFT_UPDATED: ClassVar[EventType]
    DRAFT_DELETED: ClassVar[EventType]
    DRAFT_PUBLISHED: ClassVar[EventType]

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
        """Whether the event removes a post."""
        return self.subject is SubjectKind.POST and self.effect is Effect.REMOVES

    @classmethod
    def named(cls, name: str, *, in_desk_log: bool = False) -> EventType | None:
        """The type with that name, opaque if unknown; None if the name is invalid.

        Each kind of log has its own types: in another one they are unknown.
        """
        known = (DRAFT_TYPES if in_desk_log else KNOWN_TYPES).get(name)
        if known is not None:
            return known
        if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
            return None
        return cls(name)


EventType.PUBLISHED = EventType("post.published", SubjectKind.POST, Effect.SHOWS)
EventType.UPDATED = EventType("post.updated", SubjectKind.POST, Effect.SHOWS)
EventType.WITHDRAWN = EventType("post.withdrawn", SubjectKind.POST, Effect.REMOVES)
EventType.FEED = EventType("feed.updated", SubjectKind.FEED, Effect.SHOWS)
EventType.DRAFT_CREATED = EventType("draft.created", SubjectKind.DRAFT, Effect.SHOWS)
EventType.DRAFT_UPDATED = EventType("draft.updated", SubjectKind.DRAFT, Effect.SHOWS)
EventType.DRAFT_DELETED = EventType("draft.deleted", SubjectKind.DRAFT, Effect.REMOVES)
EventType.DRAFT_PUBLISHED = EventType(
    "draft.published", SubjectKind.DRAFT, Effect.REMOVES
)

KNOWN_TYPES = {
    kind.name: kind
    for kind in (
        EventType.PUBLISHED,
        EventType.UPDATED,
        EventType.WITHDRAWN,
        EventType.FEED,
    )
}
"""The event types of a feed's log in this release, by name."""
DRAFT_TYPES = {
    kind.name: kind
    for kind in (
        EventType.DRAFT_CREATED,
        EventType.DRAFT_UPDATED,
        EventType.DRAFT_DELETED,
        EventType.DRAFT_PUBLISHED,
    )
}
"""The event types of a desk log, which readers never get."""

MAX_NAME = 64
_NAME = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+", re.ASCII)


class Subject(NamedTuple):
    """What an event is about: a post or draft (by id), or the feed (by slug)."""

    kind: SubjectKind
    id: str

    @classmethod
    def post(cls, name: str) -> Subject:
        """The post with that id."""
        return cls(SubjectKind.POST, name)

    @classmethod
    def draft(cls, name: str) -> Subject:
        """The draft with that id."""
        return cls(SubjectKind.DRAFT, name)

    @classmethod
    def feed(cls, slug: str) -> Subject:
        """The feed itself."""
        return cls(SubjectKind.FEED, slug)


NO_SUBJECT = Subject(SubjectKind.NOTHING, "")
"""The subject of an opaque event: unknown in this release."""


class Event(NamedTuple):
    """One change, with its number `seq` in the feed's log.

    `at` is in milliseconds since 1970. `body` is the stored JSON of the subject, b""
    if the event does not carry it.
    """

    seq: int
    type: EventType
    at: int
    subject: Subject
    body: bytes


def as_it_is_now(event: Event, body: bytes | None) -> Event:
    """The event as a replay sends it, with the subject's current stored JSON `body`.

    `body` None: the post was withdrawn since, or the draft deleted or published.
    """
    if event.type.effect is not Effect.SHOWS:
        return event
    if body is None and event.type.subject is SubjectKind.POST:
        return event._replace(type=EventType.WITHDRAWN, body=b"")
    if body is None and event.type.subject is SubjectKind.DRAFT:
        return event._replace(type=EventType.DRAFT_DELETED, body=b"")
    return event._replace(body=body or b"")

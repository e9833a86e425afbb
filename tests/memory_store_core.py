"""The state of the in-memory store: feeds, the log, and idempotency records.

`MemoryFeed` is one stored feed. `MemoryStoreCore` holds every field of the store, and
the steps that its parts share: `memory_store_feeds.py`, `memory_store_drafts.py`,
`memory_store_webhooks.py` and `memory_store_tokens.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoppress.desk.draft_store_protocol import DueDraft
from stoppress.desk.webhooks_and_dead_letters import DeadLetter, Webhook
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    IdempotencyKeyReused,
    NotFound,
    Unavailable,
)
from stoppress.domain.event import Effect, Event, as_it_is_now
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    LogWindow,
    Revision,
    TokenUnderKey,
    Written,
)

if TYPE_CHECKING:
    from tests.memory_upstream import MemoryUpstream


@dataclass
class MemoryFeed:
    """One feed as it is kept. A post is `(order, body)`; of a withdrawn one only its
    rev is left, in `gone`."""

    slug: str
    epoch: str
    body: bytes
    made_at: int = 0
    rev: int = 1
    seq: int = 0
    pinned: str = ""
    posts: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    revs: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    taken_down: set[str] = field(default_factory=set)
    external: dict[str, str] = field(default_factory=dict)
    abouts: dict[str, bytes] = field(default_factory=dict)
    """What is kept of the last write of each post."""
    revisions: dict[str, list[Revision]] = field(default_factory=dict)
    """Earlier states of each post, newest first."""
    events: list[Event] = field(default_factory=list)
    """The log as it was written; `window` shows posts as they are now."""
    born: str = ""
    """The first epoch: tells this feed from earlier ones of its slug."""

    def __post_init__(self) -> None:
        self.born = self.epoch

    @property
    def cursor(self) -> Cursor:
        """The place after the newest event."""
        return Cursor(self.epoch, self.seq)

    def window(self, most: int = 4096) -> LogWindow:
        """The newest `most` events, each with its post as it is now."""
        events = self.events[-most:] if most else []
        return LogWindow(self.cursor, tuple(map(self._now, events)), self.body)

    def _now(self, event: Event) -> Event:
        if event.type.shows_feed:
            return as_it_is_now(event, self.body)
        kept = self.posts.get(event.subject.id)
        return as_it_is_now(event, kept[1] if kept else None)


@dataclass(frozen=True)
class _Remembered:
    """A write under an Idempotency-Key; `born` is "" where it outlives the feed."""

    fingerprint: str
    born: str
    written: Written


class MemoryStoreCore:
    """The fields of a MemoryStore, and what its parts share."""

    def __init__(self) -> None:
        self.kept: dict[str, MemoryFeed] = {}
        self.records: dict[str, bytes] = {}
        self.uses: dict[str, int] = {}
        self.keys_of_tickets: dict[str, bytes] = {}
        self.upstreams: list[MemoryUpstream] = []
        self.away = False
        self.audited: list[tuple[str, str]] = []
        """Entries about tokens and webhooks: what was done, and to what."""
        self.calls: list[str] = []
        """The names of the methods called so far."""
        self._writes: dict[tuple[str, str, str], _Remembered] = {}
        self._claims: dict[tuple[str, str], str] = {}
        self._made_tokens: dict[tuple[str, str], tuple[str, TokenUnderKey]] = {}
        self._epochs = 0
        self._published: dict[tuple[str, str], Written] = {}
        self.scheduled: list[DueDraft] = []
        """The schedule, unordered."""
        self.present: dict[str, dict[str, str]] = {}
        self.hooks: dict[tuple[str, str], Webhook] = {}
        self.hook_feeds: dict[str, int] = {}
        """Feeds that may have webhooks, by the time when the last one was added."""
        self.hook_cursors: dict[tuple[str, str], Cursor] = {}
        self.holders: dict[tuple[str, str], str] = {}
        self.letters: list[tuple[str, DeadLetter]] = []
        self.resending: set[tuple[str, str]] = set()
        self.texts: dict[str, dict[str, bytes]] = {}
        """Templates under "", and notes on posts, by feed."""
        self.clock = now_ms
        """The store's own."""

    def append(self, feed: str, change: Change, at: int) -> Event:
        """Make one change without looking whether it may be, and tell of it."""
        kept = self.kept[feed]
        kept.seq += 1
        post = change.subject.id
        event = Event(kept.seq, change.type, at, change.subject, change.body)
        if change.type.shows_feed:
            kept.body, kept.rev = change.body, change.rev
        else:
            is_new = post not in kept.revs
            kept.revs[post] = change.rev
            if change.type.effect is Effect.REMOVES:
                kept.posts.pop(post, None)
                kept.gone[post] = change.rev
            else:
                kept.posts[post] = change.order, change.body
                kept.gone.pop(post, None)
            if is_new and change.external_id:
                kept.external[change.external_id] = post
        kept.events.append(event)
        for upstream in self.upstreams:
            upstream.wrote(feed, event)
        return event

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.away:
            raise Unavailable("the store does not answer")

    def _feed(self, feed: str) -> MemoryFeed:
        if feed not in self.kept:
            raise NotFound(feed)
        return self.kept[feed]

    def _recall(
        self, feed: str, key: Idempotency | None, born: str | None
    ) -> Written | None:
        if key is None:
            return None
        held = self._writes.get((feed, key.owner, key.key))
        # What was written to an earlier feed of this slug is gone with that feed.
        if held is None or held.born not in ("", born):
            return None
        if held.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused(key.key)
        return held.written._replace(repeated=True)

    def _remember(
        self, feed: str, key: Idempotency | None, born: str, written: Written
    ) -> None:
        if key is not None:
            held = _Remembered(key.fingerprint, born, written)
            self._writes[feed, key.owner, key.key] = held

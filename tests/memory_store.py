"""The store in memory, for tests in which Redis is not the point.

`MemoryStore` is the desk's `Store` and `TokenStore`; `MemoryUpstream` is the hub's
`Upstream` over the same memory. Both answer as the log's store and follower do: the
contract suite (`tests/contract/store`) runs over this store, Valkey and Redis alike.

Rules: what the store keeps of a post or feed is never decoded. While `away` is true,
every call raises Unavailable, as with a Redis that is gone. While an upstream is
`held`, its events wait for `deliver`, or are lost and read again (`lose`), as may
happen to pub/sub.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from stoppress.desk.draft_store_protocol import DueDraft, DueDrafts
from stoppress.desk.presence import Touch
from stoppress.desk.webhooks import DeadLetter, Webhook, message_id
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of, is_desk_log
from stoppress.domain.errors import (
    DeletedSince,
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    Unavailable,
)
from stoppress.domain.event import Effect, Event, as_it_is_now
from stoppress.domain.inbox_entry import token_id
from stoppress.domain.store_requests_and_results import (
    PAGE_BYTES,
    Change,
    Idempotency,
    LogWindow,
    PageMark,
    PostHistory,
    PostPage,
    PostState,
    Revision,
    Snapshot,
    StoredFeed,
    TokenUnderKey,
    Withdrawn,
    WithdrawnPage,
    Write,
    Written,
)
from stoppress.hub.event_source import EventSink
from stoppress.log.desk_log_scripts import STATE
from stoppress.log.event_record import recorded_post

MOST_REVISIONS = 50

_MARK = re.compile(r"ext\.(\d{1,19})", re.ASCII)


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


class MemoryStore:
    """Implements desk.store_protocol's Store and TokenStore."""

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
        self.hook_cursors: dict[tuple[str, str], Cursor] = {}
        self.holders: dict[tuple[str, str], str] = {}
        self.letters: list[tuple[str, DeadLetter]] = []
        self.resending: set[tuple[str, str]] = set()
        self.clock = now_ms
        """The store's own."""

    # Feeds and posts

    async def make_feed(
        self,
        feed: str,
        body: bytes,
        at: int,
        idempotency: Idempotency | None,
        rev: int = 1,
    ) -> Written:
        """Create a feed with a new epoch, at seq 0."""
        self._called("make_feed")
        done = self._recall(feed, idempotency, None)
        if done is not None:
            return done
        if feed in self.kept:
            raise SlugTaken(feed)
        self._epochs += 1
        made = MemoryFeed(feed, f"e{self._epochs}", body, at, rev)
        self.kept[feed] = made
        written = Written("", made.cursor)
        self._remember(feed, idempotency, "", written)
        return written

    async def claim(self, feed: str, idempotency: Idempotency) -> bool:
        """Let the key make this feed and no other; whether that is new."""
        self._called("claim")
        made = (idempotency.owner, idempotency.key)
        is_new = made not in self._claims
        if self._claims.setdefault(made, feed) != feed:
            raise IdempotencyKeyReused(idempotency.key)
        return is_new

    async def release(self, idempotency: Idempotency) -> None:
        """Let the key make any feed again."""
        self._called("release")
        self._claims.pop((idempotency.owner, idempotency.key), None)

    async def drop_feed(
        self, feed: str, expected: int | None, idempotency: Idempotency | None
    ) -> None:
        """Delete a feed with all its posts."""
        self._called("drop_feed")
        if self._recall(feed, idempotency, None) is not None:
            return
        kept = self._feed(feed)
        if expected is not None and expected != kept.rev:
            raise StaleRevision(expected, kept.rev, kept.body)
        self._remember(feed, idempotency, "", Written("", kept.cursor))
        del self.kept[feed]
        self.hooks = {key: hook for key, hook in self.hooks.items() if key[0] != feed}
        self.letters = [one for one in self.letters if one[0] != feed]
        self.resending = {one for one in self.resending if one[0] != feed}
        for upstream in self.upstreams:
            upstream.ended(feed)
        if self.kept.pop(desk_log_of(feed), None) is not None:
            for upstream in self.upstreams:
                upstream.ended(desk_log_of(feed))

    async def write(self, write: Write) -> Written:
        """Make changes, in one step."""
        self._called("write")
        kept = self._feed(write.feed)
        done = self._recall(write.feed, write.idempotency, kept.born)
        if done is not None:
            return done
        for change in write.changes:
            self._check(kept, change)
        repins = write.pinned_before != write.pinned
        if repins and kept.pinned != write.pinned_before:
            raise PinMoved
        if repins:
            kept.pinned = write.pinned
        for change in write.changes:
            self._keep_revision(kept, change, write.about)
            self.append(write.feed, change, write.at)
        written = Written(recorded_post(write.changes[-1].subject), kept.cursor)
        self._remember(write.feed, write.idempotency, kept.born, written)
        return written

    # Drafts

    async def open_desk_log(self, feed: str) -> None:
        """See to it that the feed has a desk log."""
        self._called("open_desk_log")
        self._feed(feed)
        log = desk_log_of(feed)
        if log not in self.kept:
            self._epochs += 1
            self.kept[log] = MemoryFeed(log, f"e{self._epochs}", STATE)

    async def count_drafts(self, feed: str) -> int:
        """How many drafts there are."""
        self._called("count_drafts")
        return len(self._feed(desk_log_of(feed)).posts)

    async def publish_draft(self, write: Write, draft: Change) -> Written:
        """Make the changes of a write, and one to the desk log."""
        kept, log = self._feed(write.feed), desk_log_of(write.feed)
        done = self._recall(write.feed, write.idempotency, kept.born)
        if done is not None:
            return done
        self._check(self._feed(log), draft)
        written = await self.write(write)
        self.append(log, draft, write.at)
        self._published[log, draft.subject.id] = written._replace(repeated=True)
        return written

    async def published_draft(self, log: str, draft: str) -> Written | None:
        """What a draft was published as."""
        self._called("published_draft")
        return self._published.get((log, draft))

    async def schedule(self, feed: str, draft: str, due_ms: int) -> None:
        """Have the draft looked at when it is due."""
        self._called("schedule")
        self.scheduled.append(DueDraft(feed, draft, due_ms))

    async def due_drafts(self, limit: int) -> DueDrafts:
        """What is due now."""
        self._called("due_drafts")
        now = self.clock()
        found = sorted(
            (one for one in self.scheduled if one.due_ms <= now),
            key=lambda one: one.due_ms,
        )
        return DueDrafts(now, tuple(found[:limit]))

    async def touch_presence(
        self, feed: str, touch: Touch, idempotency: Idempotency | None = None
    ) -> tuple[bool, bytes]:
        """Keep who is here, for good; leases and requests are the script's matter."""
        self._called("touch_presence")
        kept = self._feed(feed)
        is_repeated = self._recall(feed, idempotency, kept.born) is not None
        if touch.what not in ("read", "want"):
            self._remember(feed, idempotency, kept.born, Written("", kept.cursor))
        held = self.present.setdefault(feed, {})
        if is_repeated:
            pass
        elif touch.what == "here":
            held[touch.client] = touch.members
        elif touch.what == "leave":
            held.pop(touch.client, None)
        people = ",".join(
            f'{{"client":"{client}","ttl_s":30,{members}}}'
            for client, members in held.items()
        )
        notice = f'"desk":"{feed}","people":[{people}],"leases":[]}}'
        return touch.what != "want", f'{{"type":"presence",{notice}'.encode()

    # Webhooks

    async def webhook_feeds(self) -> Sequence[str]:
        """The feeds with webhooks."""
        return list({feed for feed, _ in self.hooks})

    async def webhooks(self, feed: str) -> Sequence[Webhook]:
        """The feed's webhooks."""
        self._called("webhooks")
        self._feed(feed)
        return [hook for (of, _), hook in sorted(self.hooks.items()) if of == feed]

    async def add_webhook(
        self, feed: str, hook: Webhook, idempotency: Idempotency | None = None
    ) -> Webhook:
        """Keep a webhook under its key, or find the earlier one."""
        earlier = self._webhook_under(feed, idempotency)
        if earlier is not None:
            return earlier
        kept = self._feed(feed)
        self.hooks[feed, hook.id] = hook
        self.hook_cursors[feed, hook.id] = kept.cursor
        self.audited.append(("webhook.created", hook.id))
        self._remember(feed, idempotency, kept.born, Written(hook.id, kept.cursor))
        return hook

    async def recall_webhook(
        self, feed: str, idempotency: Idempotency
    ) -> Webhook | None:
        """The webhook that this key made, or None."""
        self._called("recall_webhook")
        return self._webhook_under(feed, idempotency)

    def _webhook_under(self, feed: str, key: Idempotency | None) -> Webhook | None:
        done = self._recall(feed, key, self._feed(feed).born)
        if done is None:
            return None
        if (feed, done.post) not in self.hooks:
            raise DeletedSince("webhook", done.post)
        return self.hooks[feed, done.post]

    async def value_under_key(self, feed: str, idempotency: Idempotency) -> str | None:
        """What was kept under this key."""
        self._called("value_under_key")
        done = self._recall(feed, idempotency, self._feed(feed).born)
        return None if done is None else done.post

    async def keep_under_key(
        self, feed: str, idempotency: Idempotency, value: str
    ) -> str:
        """Keep a value, unless there is one."""
        before = await self.value_under_key(feed, idempotency)
        if before is not None:
            return before
        kept = self._feed(feed)
        self._remember(feed, idempotency, kept.born, Written(value, kept.cursor))
        return value

    async def drop_webhook(
        self, feed: str, hook: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Forget a webhook."""
        kept = self._feed(feed)
        if self._recall(feed, idempotency, kept.born) is not None:
            return True
        if (feed, hook) in self.hooks:
            self._remember(feed, idempotency, kept.born, Written(hook, kept.cursor))
        self.resending -= {
            one for one in self.resending if one[1].startswith(f"{hook}.")
        }
        was = self.hooks.pop((feed, hook), None)
        if was is not None:
            self.audited.append(("webhook.deleted", hook))
        return was is not None

    async def webhook_cursor(self, feed: str, hook: str) -> Cursor:
        """How far it has got."""
        if (feed, hook) not in self.hook_cursors:
            raise NotFound(feed, hook)
        return self.hook_cursors[feed, hook]

    async def put_webhook_cursor(self, feed: str, hook: str, cursor: Cursor) -> None:
        """Note how far it has got."""
        self.hook_cursors[feed, hook] = cursor

    async def hold_webhook(
        self, feed: str, hook: str, holder: str, seconds: float
    ) -> bool:
        """Hold it, for good."""
        return self.holders.setdefault((feed, hook), holder) == holder

    async def add_dead_letter(self, feed: str, hook: str, letter: DeadLetter) -> None:
        """Keep a dead letter, in place of one with its id."""
        ident = message_id(hook, letter.cursor)
        await self.drop_dead_letter(feed, ident)
        kept = msgspec.structs.replace(letter, at="now", webhook=hook, id=ident)
        self.letters.append((feed, kept))

    async def drop_dead_letter(self, feed: str, letter: str) -> None:
        """Forget a dead letter."""
        self.letters = [
            one for one in self.letters if (one[0], one[1].id) != (feed, letter)
        ]
        self.resending.discard((feed, letter))

    async def dead_letters(
        self, feed: str, limit: int | None = None
    ) -> Sequence[DeadLetter]:
        """The newest dead letters."""
        found = [
            msgspec.structs.replace(one, resending=(feed, one.id) in self.resending)
            for of, one in reversed(self.letters)
            if of == feed
        ]
        return found[:limit]

    async def queue_resends(
        self,
        feed: str,
        subject: str,
        letters: Sequence[str],
        idempotency: Idempotency | None = None,
    ) -> int:
        """Queue them; how many were not."""
        kept = self._feed(feed)
        done = self._recall(feed, idempotency, kept.born)
        if done is not None:
            return int(done.post)
        before = len(self.resending)
        self.resending |= {(feed, letter) for letter in letters}
        if queued := len(self.resending) - before:
            self.audited.append(("webhook.resend_requested", subject))
        written = Written(str(queued), kept.cursor)
        self._remember(feed, idempotency, kept.born, written)
        return queued

    async def resends(self, feed: str, hook: str) -> Sequence[DeadLetter]:
        """Those queued of a webhook."""
        found = reversed(await self.dead_letters(feed))
        return [one for one in found if one.webhook == hook and one.resending]

    async def unschedule(self, due: Sequence[DueDraft]) -> None:
        """Look at these no more."""
        self._called("unschedule")
        self.scheduled = [one for one in self.scheduled if one not in due]

    def _keep_revision(self, kept: MemoryFeed, change: Change, about: bytes) -> None:
        post = change.subject.id
        if post in kept.posts:
            body = kept.posts[post][1]
            known = kept.abouts.get(post, b"")
            earlier = kept.revisions.setdefault(post, [])
            earlier.insert(0, Revision(kept.revs[post], known, body))
            del earlier[MOST_REVISIONS:]
        kept.abouts[post] = about

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

    async def recall(self, feed: str, idempotency: Idempotency) -> Written | None:
        """The write kept under this key, if there was one."""
        self._called("recall")
        kept = self.kept.get(feed)
        return self._recall(feed, idempotency, kept.born if kept else None)

    async def confirm(self, feed: str) -> Cursor:
        """Where the log of the feed ends."""
        self._called("confirm")
        return self._feed(feed).cursor

    async def feed(self, feed: str) -> StoredFeed:
        """The feed as it is now."""
        self._called("feed")
        kept = self._feed(feed)
        return StoredFeed(kept.body, kept.rev, kept.cursor, kept.pinned)

    async def feed_body(self, feed: str) -> bytes | None:
        """The feed's kept JSON alone, or None."""
        self._called("feed_body")
        kept = self.kept.get(feed)
        return None if kept is None else kept.body

    async def feeds(self) -> list[bytes]:
        """Every feed's kept JSON: newest made first, then by slug, last first."""
        self._called("feeds")
        feeds = [one for slug, one in self.kept.items() if not is_desk_log(slug)]
        kept = sorted(feeds, key=lambda one: (one.made_at, one.slug))
        return [one.body for one in reversed(kept)]

    async def last_events_at(self, feeds: Sequence[str]) -> list[int | None]:
        """When each feed's last event was."""
        self._called("last_events_at")
        logs = [self.kept[feed].events if feed in self.kept else [] for feed in feeds]
        return [log[-1].at if log else None for log in logs]

    async def post(self, feed: str, post: str) -> bytes:
        """The post's kept JSON."""
        self._called("post")
        kept = self._feed(feed)
        if post in kept.gone:
            raise Gone(feed, post, kept.gone[post])
        if post not in kept.posts:
            raise NotFound(feed, post)
        return kept.posts[post][1]

    async def revisions(self, feed: str, post: str) -> PostHistory:
        """The post's earlier states."""
        self._called("revisions")
        kept = self._feed(feed)
        if post not in kept.revs:
            raise NotFound(feed, post)
        state = PostState.WITHDRAWN if post in kept.gone else PostState.LIVE
        found = tuple(kept.revisions.get(post, ()))
        return PostHistory(kept.revs[post], state, found, True)

    async def external_post(self, feed: str, external_id: str) -> str | None:
        """The id of the post with this external id, withdrawn or not, or None."""
        self._called("external_post")
        return self._feed(feed).external.get(external_id)

    async def page(
        self, feed: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """Up to `limit` posts from `mark` on, newest first (rising: oldest first)."""
        self._called("page")
        return _page(self._feed(feed), mark, limit, rising)

    async def withdrawn(self, feed: str, after: str, limit: int) -> WithdrawnPage:
        """About `limit` withdrawn posts after a mark ("": the first)."""
        self._called("withdrawn")
        match = _MARK.fullmatch(after or "ext.0")
        if match is None or int(match[1]) >> 64:
            raise Invalid(
                "after", f"{after[:80]!r} is invalid: use the value of `next`"
            )
        kept, start = self._feed(feed), int(match[1])
        names = {post: external for external, post in kept.external.items()}
        found = [Withdrawn(p, rev, names.get(p)) for p, rev in kept.gone.items()]
        end = start + limit
        rest = f"ext.{end}" if len(found) > end else None
        return WithdrawnPage(tuple(found[start:end]), rest)

    async def snapshot(self, feed: str, limit: int) -> Snapshot:
        """The feed, its newest posts and the pinned one."""
        self._called("snapshot")
        kept = self._feed(feed)
        pinned = kept.posts.get(kept.pinned)
        page = _page(kept, None, limit)
        return Snapshot(kept.body, kept.cursor, page, pinned[1] if pinned else None)

    async def window(self, feed: str) -> LogWindow:
        """The feed's log."""
        self._called("window")
        return self._feed(feed).window()

    # Tokens

    async def put_token(self, digest: str, record: bytes) -> None:
        """Keep a token's record."""
        self._called("put_token")
        self.records[digest] = record
        self.audited.append(("token.created", token_id(digest)))

    async def make_token(
        self, made: TokenUnderKey, record: bytes, idempotency: Idempotency
    ) -> TokenUnderKey:
        """Keep a token's record under its key, or find the earlier one."""
        self._called("make_token")
        earlier = self._token_under(idempotency)
        if earlier is not None:
            return earlier
        self.records[made.digest] = record
        self.audited.append(("token.created", token_id(made.digest)))
        name = (idempotency.owner, idempotency.key)
        self._made_tokens[name] = (idempotency.fingerprint, made)
        return made

    async def recall_token(self, idempotency: Idempotency) -> TokenUnderKey | None:
        """The token that this key made, or None."""
        self._called("recall_token")
        return self._token_under(idempotency)

    def _token_under(self, key: Idempotency) -> TokenUnderKey | None:
        held = self._made_tokens.get((key.owner, key.key))
        if held is None:
            return None
        if held[0] != key.fingerprint:
            raise IdempotencyKeyReused(key.key)
        return held[1]

    async def token(self, digest: str) -> bytes | None:
        """The record of the token, or None if there is none."""
        self._called("token")
        return self.records.get(digest)

    async def token_records(self, digests: Sequence[str]) -> list[bytes | None]:
        """The record of each token, or None."""
        self._called("token_records")
        return [self.records.get(digest) for digest in digests]

    async def tokens(self) -> list[tuple[str, bytes]]:
        """Every digest with its record."""
        self._called("tokens")
        return list(self.records.items())

    async def drop_token(
        self, digest: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Forget a token and its last use; whether it was there."""
        self._called("drop_token")
        if idempotency is not None:
            if self._token_under(idempotency) is not None:
                return True
            if digest in self.records:
                name = (idempotency.owner, idempotency.key)
                made = TokenUnderKey("", digest)
                self._made_tokens[name] = (idempotency.fingerprint, made)
        self.uses.pop(digest, None)
        was = self.records.pop(digest, None)
        if was is not None:
            self.audited.append(("token.revoked", token_id(digest)))
        return was is not None

    async def put_token_uses(self, minutes: Mapping[str, int]) -> None:
        """Keep the minute of each token's last use."""
        self._called("put_token_uses")
        self.uses |= minutes

    async def ticket_keys(self) -> dict[str, bytes]:
        """Every key that signs tickets."""
        self._called("ticket_keys")
        return dict(self.keys_of_tickets)

    async def put_ticket_key(self, kid: str, key: bytes) -> None:
        """Keep a key."""
        self._called("put_ticket_key")
        self.keys_of_tickets[kid] = key

    async def drop_ticket_keys(self, kids: Sequence[str]) -> None:
        """Forget keys."""
        self._called("drop_ticket_keys")
        for kid in kids:
            del self.keys_of_tickets[kid]

    async def token_uses(self) -> dict[str, int]:
        """The minute of the last use of each token that was used."""
        self._called("token_uses")
        return dict(self.uses)

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

    def _check(self, kept: MemoryFeed, change: Change) -> None:
        if change.type.shows_feed:
            if change.expected != kept.rev:
                raise StaleRevision(change.expected, kept.rev, kept.body)
            return
        if change.subject.id in kept.gone:
            rev = kept.gone[change.subject.id]
            if change.restores and change.expected == rev:
                return
            raise Gone(kept.slug, change.subject.id, rev)
        if change.subject.id in kept.posts:
            if change.restores or change.expected != kept.revs[change.subject.id]:
                body = kept.posts[change.subject.id][1]
                raise StaleRevision(change.expected, kept.revs[change.subject.id], body)
            return
        if change.expected:
            raise NotFound(kept.slug, change.subject.id)
        owner = kept.external.get(change.external_id or "")
        if change.external_id and owner is not None:
            current = kept.posts.get(owner)
            raise ExternalIdTaken(
                change.external_id, owner, current[1] if current else None
            )


def _page(
    kept: MemoryFeed, mark: PageMark | None, limit: int, rising: bool = False
) -> PostPage:
    places = sorted(
        (PageMark(order, name) for name, (order, _) in kept.posts.items()),
        reverse=not rising,
    )
    if mark is not None:
        places = [one for one in places if (mark < one if rising else one < mark)]
    bodies: list[bytes] = []
    for one in places[:limit]:
        if sum(map(len, bodies)) >= PAGE_BYTES:
            break
        bodies.append(kept.posts[one.post][1])
    rest = len(places) > len(bodies)
    return PostPage(tuple(bodies), places[len(bodies) - 1] if rest else None)


class MemoryUpstream:
    """Implements hub.upstream's Upstream over a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.sinks: dict[str, EventSink] = {}
        self.held = False
        """While true, events wait instead of going to their sinks."""
        self.window_events = 4096
        self.gate: asyncio.Event | None = None
        """While set to an event that is not set: opening and reading heads wait."""
        self.opens = 0
        self.closes = 0
        self.heads = 0
        self._waiting: dict[str, deque[Event]] = {}
        store.upstreams.append(self)

    async def open(self, feed: str, sink: EventSink) -> None:
        """Fill the sink, and keep it filled."""
        self.opens += 1
        await self._answering()
        sink.fill(self.window(feed))
        self.sinks[feed] = sink

    async def close(self, feed: str) -> None:
        """Stop bringing events."""
        self.closes += 1
        self.sinks.pop(feed, None)
        self._waiting.pop(feed, None)

    async def head(self, feed: str) -> Cursor:
        """The log's head now."""
        self.heads += 1
        await self._answering()
        return self.window(feed).cursor

    def window(self, feed: str) -> LogWindow:
        """The newest part of a feed's log."""
        if feed not in self.store.kept:
            raise NotFound(feed)
        return self.store.kept[feed].window(self.window_events)

    def deliver(self, feed: str, most: int = 1 << 30) -> None:
        """Bring up to `most` events that were held back."""
        waiting = self._waiting.get(feed, deque())
        while waiting and most > 0 and feed in self.sinks:
            self.sinks[feed].push(waiting.popleft())
            most -= 1

    def lose(self, feed: str) -> None:
        """Lose what was held back, and read the log instead."""
        self._waiting.pop(feed, None)
        if feed in self.sinks:
            self.sinks[feed].fill(self.window(feed))

    def wrote(self, feed: str, event: Event) -> None:
        """An event was written: the store tells of it."""
        if feed not in self.sinks:
            return
        if self.held:
            self._waiting.setdefault(feed, deque()).append(event)
        else:
            self.sinks[feed].push(event)

    def ended(self, feed: str) -> None:
        """A feed was deleted: the store tells of it."""
        self._waiting.pop(feed, None)
        sink = self.sinks.pop(feed, None)
        if sink is not None:
            sink.end()

    async def _answering(self) -> None:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.store.away:
            raise Unavailable("the store does not answer")

"""Delivers a feed's events to its webhooks, in order, each at least once.

Rules:
- One process at a time delivers to a webhook: it holds a lease of HOLD_S. The next
  holder continues from the stored cursor, so nothing is lost; a message that was sent
  after it is sent again, with the same `webhook-id`.
- A message that is not accepted is sent again after each of DELAYS_S; later messages
  wait. After the last attempt it becomes a dead letter, and the next message is sent.
- A dead letter that is queued to be sent again has the same `webhook-id` and attempts,
  beside the new messages: neither waits for the other. It is deleted when accepted,
  otherwise it is kept with the new reason.
- While a log does not move, its webhooks are only looked at to keep their leases: one
  read for all of them (`poll_feed_heads.py`) finds the log that moves.
- A message has the form of the live line: an event contains the state of its post when
  it is sent; the event of a withdrawn post says only that. So it is read for each
  attempt, and only its place in the log is kept between two: no text of a post that is
  withdrawn meanwhile is sent, or stays in memory.
- Types are chosen by what an event is when it is sent: if only publications are chosen,
  one whose post is withdrawn meanwhile is not sent any more.
- If the log does not continue from the cursor (a new epoch, or a pause longer than
  events are kept), the message is a `reset`: the receiver must read the feed again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import msgspec

from stoppress.desk.webhooks_and_dead_letters import (
    DeadLetter,
    Webhook,
    WebhookStore,
    message_id,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.event import Event
from stoppress.domain.external_picture_and_embed_rules import ForeignContent
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.webhooks.poll_feed_heads import FeedHeads, HeadStore
from stoppress.webhooks.post_to_webhook import WebhookSender
from stoppress.webhooks.signature import signed_headers
from stoppress.wire import encode_messages

FIND_S = 2.0
"""Time between two searches for webhooks that no process serves."""
FORGET_AFTER_S = 60.0
"""How old a feed's entry among those that may have webhooks must be to be removed: a
webhook that is just being created, by a process whose clock is behind, keeps it."""
NEXT_QUEUE_LOOK_S = 2.0
"""Time between two reads of an empty queue of resends."""
HOLD_S = 15.0
QUIET_LOOK_S = HOLD_S / 3
"""Time between two looks at a webhook whose log does not move; they keep its lease."""
DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Pauses between attempts: nine attempts in less than four hours."""
GONE = "its event is no longer kept: read the feed again"
"""The reason if the log no longer contains an event that is to be sent."""
RESET = "reset"
"""The type of the message that is no event."""

log = logging.getLogger(__name__)


class _Settings(msgspec.Struct):
    """The member of a feed's stored JSON that this module uses."""

    show_verification: bool = False


_settings = msgspec.json.Decoder(_Settings)


class WebhookMetrics:
    """The metrics of deliveries."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.delivered = meter.counter(
            "stoppress_webhooks_delivered", "Messages that webhooks took."
        )
        self.failed = meter.counter(
            "stoppress_webhooks_failed", "Attempts to deliver that failed."
        )
        self.dead = meter.counter(
            "stoppress_webhooks_dead", "Messages given up as dead letters."
        )


class EventPiece(Protocol):
    """A piece of a log, as the store reads it."""

    @property
    def head(self) -> Cursor:
        """The cursor of the log's end."""

    @property
    def feed(self) -> bytes:
        """The feed's current stored JSON."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events of the piece, oldest first."""


class EventStore(WebhookStore, HeadStore, Protocol):
    """Stores webhooks, and reads the logs of their events."""

    async def since(self, feed: str, seq: int, most: int = ...) -> EventPiece:
        """The events after `seq`, in pieces of at most `most`. Raises NotFound."""


class _Place(NamedTuple):
    """Where a message is in the log, without its text, and its type."""

    at: Cursor
    kind: str


class _Sent(NamedTuple):
    """The result of sending a message: the reason of the last failure, "" if there is
    nothing more to send."""

    reason: str
    attempts: int


class WebhookDelivery:
    """Delivers to the webhooks that this process holds, while `run` runs."""

    def __init__(
        self,
        store: EventStore,
        sender: WebhookSender,
        base: str,
        foreign: ForeignContent | None = None,
        metrics: WebhookMetrics | None = None,
        delays_s: tuple[float, ...] = DELAYS_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._sender = sender
        self._base = base
        self._foreign = foreign
        self._metrics = metrics or WebhookMetrics()
        self._delays_s = delays_s
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._served: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._heads = FeedHeads(store)
        self._unreadable: set[str] = set()
        """Feeds whose webhooks are damaged in the store, as was logged."""

    async def run(self) -> None:
        """Deliver, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heads.run())
            while True:
                try:
                    await self._find(group)
                except Unavailable as problem:
                    log.info("webhooks wait for the store: %s", problem)
                await asyncio.sleep(FIND_S)

    async def _find(self, group: asyncio.TaskGroup) -> None:
        for key, task in list(self._served.items()):
            if task.done():
                del self._served[key]
        before_ms = int((self._clock() - FORGET_AFTER_S) * 1000)
        without: list[str] = []
        for feed in await self._store.webhook_feeds():
            try:
                hooks = await self._store.webhooks(feed)
            except NotFound:
                hooks = ()  # deleted: the list of feeds outlives it
            except Unavailable:
                raise
            except Exception:
                if feed not in self._unreadable:
                    self._unreadable.add(feed)
                    log.exception("the webhooks of %s can't be read", feed)
                continue
            self._unreadable.discard(feed)
            if not hooks:
                without.append(feed)
            for hook in hooks:
                key = feed, hook.id
                if key not in self._served and await self._holds(*key):
                    self._served[key] = group.create_task(self._serve(*key))
        if without:
            await self._store.forget_webhook_feeds(without, before_ms)

    async def _holds(self, feed: str, hook: str) -> bool:
        return await self._store.hold_webhook(feed, hook, self._me, HOLD_S)

    async def _serve(self, feed: str, name: str) -> None:
        """Deliver to one webhook until it is deleted, or another process holds it."""
        async with asyncio.TaskGroup() as both:
            tasks = [
                both.create_task(self._repeat(feed, name, step))
                for step in (self._deliver, self._resend)
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()  # `_find` begins both again if the lease is free

    async def _repeat(
        self,
        feed: str,
        name: str,
        step: Callable[[str, Webhook], Awaitable[None]],
    ) -> None:
        """Repeat a step while the webhook exists and this process holds it."""
        while True:
            try:
                if not await self._holds(feed, name):
                    return
                hooks = await self._store.webhooks(feed)
                hook = next((one for one in hooks if one.id == name), None)
                if hook is None:
                    return
                await step(feed, hook)
            except NotFound:
                return
            except Unavailable as problem:
                log.info("a webhook of %s waits for the store: %s", feed, problem)
                await asyncio.sleep(FIND_S)
            except Exception:
                log.exception("delivering to a webhook of %s failed", feed)
                await asyncio.sleep(FIND_S)

    async def _deliver(self, feed: str, hook: Webhook) -> None:
        """Deliver a piece of the log, or wait for one."""
        cursor = await self._store.webhook_cursor(feed, hook.id)
        places = await self._places_after(feed, cursor)
        for place in places:
            if place.kind == RESET or _chosen(hook, place.kind):
                sent = await self._send(feed, hook, place)
                if sent is None or sent.reason == GONE:
                    # It is another process's by now, or the next look finds that the
                    # log does not continue from the cursor.
                    return
                if sent.reason:
                    letter = DeadLetter(str(place.at), place.kind, "", 0)
                    await self._add_dead_letter(feed, hook, letter, sent)
            await self._store.put_webhook_cursor(feed, hook.id, place.at)
        if not places:
            await self._heads.moved(feed, cursor, QUIET_LOOK_S)

    async def _places_after(self, feed: str, cursor: Cursor) -> list[_Place]:
        """What follows the cursor: a reset if the log does not continue from it."""
        piece = await self._store.since(feed, cursor.seq)
        head = piece.head
        if (
            head.epoch != cursor.epoch
            or head.seq < cursor.seq
            or _has_hole(piece.events, cursor.seq, head.seq)
        ):
            return [_Place(head, RESET)]
        return [
            _Place(Cursor(head.epoch, event.seq), event.type.name)
            for event in piece.events
        ]

    async def _resend(self, feed: str, hook: Webhook) -> None:
        """Wait for queued dead letters, and send them again.

        `_deliver` keeps the lease meanwhile; if it is lost, `_serve` ends this.
        """
        while not (letters := await self._store.resends(feed, hook.id)):  # noqa: ASYNC110  # the queue is in Redis
            await asyncio.sleep(NEXT_QUEUE_LOOK_S)
        for letter in letters:
            place = _Place(Cursor.parse(letter.cursor), letter.type)
            sent = await self._send(feed, hook, place)
            if sent is None:
                break  # it is another process's by now
            if sent.reason:
                await self._add_dead_letter(feed, hook, letter, sent)
            else:
                await self._store.drop_dead_letter(feed, letter.id)

    async def _send(self, feed: str, hook: Webhook, place: _Place) -> _Sent | None:
        """Send one message until it is accepted or all attempts failed.

        Returns None if the lease was lost.
        """
        sent = _Sent("", 0)
        for delay_s in (0.0, *self._delays_s):
            if not await self._waited(feed, hook.id, delay_s):
                return None
            reason = await self._attempt(feed, hook, place)
            if reason == GONE:
                return _Sent(GONE, sent.attempts)
            sent = _Sent(reason, sent.attempts + 1)
            if not reason:
                break
        return sent

    async def _attempt(self, feed: str, hook: Webhook, place: _Place) -> str:
        """Send one message as it is now; "" if it is accepted or not chosen any more.

        Otherwise the reason. The text is held only while this runs.
        """
        if place.kind == RESET:
            message = encode_messages.reset(feed, place.at, retry_ms=0)
        else:
            seq = place.at.seq
            piece = await self._store.since(feed, seq - 1, 1)
            event = next((one for one in piece.events if one.seq == seq), None)
            if piece.head.epoch != place.at.epoch or event is None:
                return GONE
            if not _chosen(hook, event.type.name):
                return ""
            message = encode_messages.event(
                *(feed, piece.head.epoch, event, self._base, self._foreign),
                with_verification=_settings.decode(piece.feed).show_verification,
            )
        ident, now_s = message_id(hook.id, place.at), int(self._clock())
        headers = signed_headers(hook.secret, ident, now_s, message)
        reason = await self._sender.send(hook.url, headers, message)
        (self._metrics.failed if reason else self._metrics.delivered).add()
        return reason

    async def _add_dead_letter(
        self, feed: str, hook: Webhook, letter: DeadLetter, sent: _Sent
    ) -> None:
        """Store a dead letter after more attempts."""
        self._metrics.dead.add()
        what = letter.cursor
        log.warning("a webhook of %s does not take %s: %s", feed, what, sent.reason)
        kept = msgspec.structs.replace(
            letter, reason=sent.reason, attempts=letter.attempts + sent.attempts
        )
        await self._store.add_dead_letter(feed, hook.id, kept)

    async def _waited(self, feed: str, hook: str, seconds: float) -> bool:
        """Wait and keep the lease; returns whether webhook and lease still exist."""
        end = self._clock() + seconds
        while True:
            if not await self._holds(feed, hook):
                return False
            if hook not in {one.id for one in await self._store.webhooks(feed)}:
                return False
            left_s = end - self._clock()
            if left_s <= 0:
                return True
            await asyncio.sleep(min(left_s, HOLD_S / 3))


def _chosen(hook: Webhook, kind: str) -> bool:
    """Whether the webhook gets events of this type."""
    return not hook.events or kind in hook.events


def _has_hole(events: tuple[Event, ...], seq: int, head: int) -> bool:
    """Whether an event after `seq` is missing from the log."""
    if not events:
        return head > seq
    return any(event.seq != seq + n for n, event in enumerate(events, start=1))

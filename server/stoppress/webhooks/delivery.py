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
- A message has the form of the live line: an event contains the state of its post when
  it is sent; the event of a withdrawn post says only that.
- If the log does not continue from the cursor (a new epoch, or a pause longer than
  events are kept), the message is a `reset`: the receiver must read the feed again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

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
from stoppress.webhooks.post_to_webhook import WebhookSender
from stoppress.webhooks.signature import signed_headers
from stoppress.wire import encode_messages

FIND_S = 2.0
"""Time between two searches for webhooks that no process serves."""
NEXT_LOOK_S = 0.5
"""Time between two reads of a log without new events."""
NEXT_QUEUE_LOOK_S = 2.0
"""Time between two reads of an empty queue of resends."""
HOLD_S = 15.0
DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Pauses between attempts: nine attempts in less than four hours."""
GONE = "its event is no longer kept: read the feed again"
"""The reason if a dead letter can't be sent again."""

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


class EventStore(WebhookStore, Protocol):
    """Stores webhooks, and reads the logs of their events."""

    async def since(self, feed: str, seq: int) -> EventPiece:
        """The events after `seq`, in pieces. Raises NotFound."""


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

    async def run(self) -> None:
        """Deliver, until cancelled."""
        async with asyncio.TaskGroup() as group:
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
        for feed in await self._store.webhook_feeds():
            try:
                hooks = await self._store.webhooks(feed)
            except NotFound:
                continue  # deleted: the list of feeds outlives it
            for hook in hooks:
                key = feed, hook.id
                if key not in self._served and await self._holds(*key):
                    self._served[key] = group.create_task(self._serve(*key))

    async def _holds(self, feed: str, hook: str) -> bool:
        return await self._store.hold_webhook(feed, hook, self._me, HOLD_S)

    async def _serve(self, feed: str, name: str) -> None:
        """Deliver to one webhook until it is deleted, or another process holds it."""
        async with asyncio.TaskGroup() as both:
            tasks = [
                both.create_task(self._repeat(feed, name, step, pause_s))
                for step, pause_s in (
                    (self._deliver, NEXT_LOOK_S),
                    (self._resend, NEXT_QUEUE_LOOK_S),
                )
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()  # `_find` begins both again if the lease is free

    async def _repeat(
        self,
        feed: str,
        name: str,
        step: Callable[[str, Webhook], Awaitable[bool]],
        pause_s: float,
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
                if not await step(feed, hook):
                    await asyncio.sleep(pause_s)
            except NotFound:
                return
            except Unavailable as problem:
                log.info("a webhook of %s waits for the store: %s", feed, problem)
                await asyncio.sleep(FIND_S)
            except Exception:
                log.exception("delivering to a webhook of %s failed", feed)
                await asyncio.sleep(FIND_S)

    async def _deliver(self, feed: str, hook: Webhook) -> bool:
        """Deliver a piece of the log; returns whether it had events."""
        cursor = await self._store.webhook_cursor(feed, hook.id)
        piece = await self._store.since(feed, cursor.seq)
        head, events = piece.head, piece.events
        if (
            head.epoch != cursor.epoch
            or head.seq < cursor.seq
            or _has_hole(events, cursor.seq, head.seq)
        ):
            reset = encode_messages.reset(feed, head, retry_ms=0)
            if not await self._send_or_give_up(feed, hook, head, "reset", reset):
                return True  # it is another process's by now
            await self._store.put_webhook_cursor(feed, hook.id, head)
            return True
        if not events:
            return False
        for event in events:
            at = Cursor(head.epoch, event.seq)
            if not hook.events or event.type.name in hook.events:
                message = self._message(feed, piece, event)
                kind = event.type.name
                if not await self._send_or_give_up(feed, hook, at, kind, message):
                    return True
            await self._store.put_webhook_cursor(feed, hook.id, at)
        return True

    async def _resend(self, feed: str, hook: Webhook) -> bool:
        """Send the queued dead letters again; returns whether there were any."""
        letters = await self._store.resends(feed, hook.id)
        for letter in letters:
            at = Cursor.parse(letter.cursor)
            message = await self._message_at(feed, at, letter.type)
            if message is None:
                await self._add_dead_letter(feed, hook, letter, GONE, 0)
                continue
            reason = await self._send(feed, hook, at, message)
            if reason is None:
                break  # it is another process's by now
            if reason:
                attempts = len(self._delays_s) + 1
                await self._add_dead_letter(feed, hook, letter, reason, attempts)
            else:
                await self._store.drop_dead_letter(feed, letter.id)
        return bool(letters)

    async def _message_at(self, feed: str, at: Cursor, kind: str) -> bytes | None:
        """The message of an earlier event; None if the log no longer contains it."""
        if kind == "reset":
            return encode_messages.reset(feed, at, retry_ms=0)
        piece = await self._store.since(feed, at.seq - 1)
        found = [event for event in piece.events if event.seq == at.seq]
        if piece.head.epoch != at.epoch or not found:
            return None
        return self._message(feed, piece, found[0])

    def _message(self, feed: str, piece: EventPiece, event: Event) -> bytes:
        """The message of an event, with the state of its post as it is now."""
        return encode_messages.event(
            *(feed, piece.head.epoch, event, self._base, self._foreign),
            with_verification=_settings.decode(piece.feed).show_verification,
        )

    async def _send_or_give_up(
        self, feed: str, hook: Webhook, at: Cursor, kind: str, message: bytes
    ) -> bool:
        """Send one message, or add a dead letter; False: lease lost."""
        reason = await self._send(feed, hook, at, message)
        if reason:
            letter = DeadLetter(str(at), kind, reason, 0)
            attempts = len(self._delays_s) + 1
            await self._add_dead_letter(feed, hook, letter, reason, attempts)
        return reason is not None

    async def _send(
        self, feed: str, hook: Webhook, at: Cursor, message: bytes
    ) -> str | None:
        """Send one message until it is accepted ("") or all attempts failed.

        Returns the reason of the last failure; None if the lease was lost.
        """
        ident = message_id(hook.id, at)
        reason = ""
        for delay_s in (0.0, *self._delays_s):
            if not await self._waited(feed, hook.id, delay_s):
                return None
            now_s = int(self._clock())
            headers = signed_headers(hook.secret, ident, now_s, message)
            reason = await self._sender.send(hook.url, headers, message)
            if not reason:
                self._metrics.delivered.add()
                return ""
            self._metrics.failed.add()
        return reason

    async def _add_dead_letter(
        self, feed: str, hook: Webhook, letter: DeadLetter, reason: str, attempts: int
    ) -> None:
        """Store a dead letter after so many more attempts."""
        self._metrics.dead.add()
        log.warning("a webhook of %s does not take %s: %s", feed, letter.cursor, reason)
        kept = msgspec.structs.replace(
            letter, reason=reason, attempts=letter.attempts + attempts
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


def _has_hole(events: tuple[Event, ...], seq: int, head: int) -> bool:
    """Whether an event after `seq` is missing from the log."""
    if not events:
        return head > seq
    return any(event.seq != seq + n for n, event in enumerate(events, start=1))

"""Webhooks of a feed: the addresses that get its events, and failed deliveries.

Rules: a feed has at most MAX_WEBHOOKS. The secret that signs messages is shown once,
when the webhook is created (and to a repeat with the same Idempotency-Key). It is
stored, as each message is signed with it. An address is checked when it is given, and
again at each delivery. A dead letter is sent again on request:
its id is queued, and the process that holds the webhook sends it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, Protocol

import msgspec
from msgspec import Meta, Struct

from stoppress.desk.json_input import read
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Conflict, Invalid, NoDeadLetter, NotFound, NoWebhook
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.post import Url
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.domain.timestamps import instant
from stoppress.domain.web_address import address_fault

MAX_WEBHOOKS = 10
"""Webhooks per feed."""
MAX_DEAD_LETTERS = 1000
"""Dead letters per feed; the oldest are dropped."""


class WebhookInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook to create; by default for all events, with a generated secret."""

    url: Url
    events: Annotated[tuple[str, ...], Meta(max_length=10)] = ()
    secret: Annotated[str, Meta(max_length=100)] | None = None


class Webhook(Struct, frozen=True, omit_defaults=True):
    """A webhook as it is stored."""

    id: str
    url: str
    secret: str
    created_at: str
    events: tuple[str, ...] = ()


class DeadLetter(Struct, frozen=True):
    """A message that could not be delivered; its event is in the log, at its cursor.

    The store fills in the members with defaults.
    """

    cursor: str
    type: str
    reason: str
    attempts: int
    at: str = ""
    webhook: str = ""
    id: str = ""
    """The `webhook-id` of the message: see `message_id`."""
    resending: bool = False
    """Whether it is queued to be sent again."""


def message_id(hook: str, cursor: Cursor | str) -> str:
    """The `webhook-id` of a message, the same at each attempt and when sent again."""
    return f"{hook}.{cursor}"


class WebhookStore(Protocol):
    """Stores webhooks and the last event delivered to each."""

    async def webhook_feeds(self) -> Sequence[str]:
        """The feeds that may have webhooks."""

    async def forget_webhook_feeds(self, feeds: Sequence[str], before_ms: int) -> None:
        """Remove feeds from these, unless a webhook was added to one since that time.

        In milliseconds since 1970.
        """

    async def webhooks(self, feed: str) -> Sequence[Webhook]:
        """The feed's webhooks. Raises NotFound."""

    async def add_webhook(
        self, feed: str, hook: Webhook, idempotency: Idempotency | None = None
    ) -> Webhook:
        """Add a webhook; it gets the events after the current head.

        Returns the webhook under the Idempotency-Key: `hook`, or the one that the key
        made before. Raises OverflowError if the feed has MAX_WEBHOOKS, NotFound,
        IdempotencyKeyReused, DeletedSince.
        """

    async def recall_webhook(
        self, feed: str, idempotency: Idempotency
    ) -> Webhook | None:
        """The webhook that this key made, or None.

        Raises NotFound, IdempotencyKeyReused, DeletedSince.
        """

    async def drop_webhook(
        self, feed: str, hook: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Delete a webhook and its queue of resends.

        Returns whether it existed, now or when the key was new. Raises NotFound,
        IdempotencyKeyReused.
        """

    async def value_under_key(self, feed: str, idempotency: Idempotency) -> str | None:
        """What was kept under this key, or None.

        Raises NotFound, IdempotencyKeyReused.
        """

    async def webhook_cursor(self, feed: str, hook: str) -> Cursor:
        """The cursor of the last event delivered. Raises NotFound."""

    async def put_webhook_cursor(self, feed: str, hook: str, cursor: Cursor) -> None:
        """Store the cursor of the last event delivered."""

    async def hold_webhook(
        self, feed: str, hook: str, holder: str, seconds: float
    ) -> bool:
        """Reserve a webhook for a time; False if another process has reserved it."""

    async def add_dead_letter(self, feed: str, hook: str, letter: DeadLetter) -> None:
        """Store a dead letter, with its time, in place of one with its id.

        It is no longer queued to be sent again.
        """

    async def drop_dead_letter(self, feed: str, letter: str) -> None:
        """Delete the dead letter with this id, also from the queue of resends."""

    async def dead_letters(
        self, feed: str, limit: int | None = None
    ) -> Sequence[DeadLetter]:
        """The newest dead letters of the feed's webhooks; without a limit, all."""

    async def queue_resends(
        self,
        feed: str,
        subject: str,
        letters: Sequence[str],
        idempotency: Idempotency | None = None,
    ) -> int:
        """Queue the dead letters with these ids; returns how many were not queued, now
        or when the key was new.

        `subject`: what was to be sent again, for the audit. Raises
        IdempotencyKeyReused.
        """

    async def resends(self, feed: str, hook: str) -> Sequence[DeadLetter]:
        """The queued dead letters of a webhook, oldest first."""


class MadeWebhook(NamedTuple):
    """A webhook, and whether an earlier request with the same key made it."""

    webhook: Webhook
    repeated: bool


_input = msgspec.json.Decoder(WebhookInput)


class WebhookDesk:
    """Creates and deletes webhooks. The caller checks the scope `manage` first."""

    def __init__(
        self,
        store: WebhookStore,
        clock: Callable[[], int],
        check_address: Callable[[str], object] = lambda url: None,
    ) -> None:
        """`check_address` raises Invalid for addresses that are not public."""
        self._store = store
        self._clock = clock
        self._check_address = check_address

    async def make(self, feed: str, raw: bytes, requester: Requester) -> MadeWebhook:
        """Create a webhook. Raises NotFound, Invalid, Conflict, DeletedSince."""
        given = read(raw, _input)
        idempotency = idempotency_of(
            *(requester, "POST", f"/v1/feeds/{feed}/webhooks"),
            msgspec.json.encode(given),
        )
        if idempotency is not None:
            earlier = await self._store.recall_webhook(feed, idempotency)
            if earlier is not None:
                return MadeWebhook(earlier, repeated=True)
        if (fault := address_fault(given.url)) is not None:
            raise Invalid("url", fault)
        if not given.url.startswith("https://") and not given.url.startswith("http://"):
            raise Invalid("url", "is invalid: use https://… or http://…")
        self._check_address(given.url)
        for index, name in enumerate(given.events):
            if name not in KNOWN_TYPES:
                known = ", ".join(KNOWN_TYPES)
                raise Invalid(
                    f"events[{index}]", f"{name[:80]!r} is unknown: use {known}"
                )
        hook = Webhook(
            secrets.token_hex(8),
            given.url,
            _secret(given.secret),
            instant(self._clock()),
            tuple(dict.fromkeys(given.events)),
        )
        try:
            stored = await self._store.add_webhook(feed, hook, idempotency)
        except OverflowError:
            most = f"a feed has {MAX_WEBHOOKS} webhooks at most"
            raise Conflict(f"{most}: delete one") from None
        return MadeWebhook(stored, repeated=stored.id != hook.id)

    async def all(self, feed: str) -> Sequence[Webhook]:
        """The feed's webhooks. Raises NotFound."""
        return await self._store.webhooks(feed)

    async def drop(self, feed: str, hook: str, requester: Requester) -> None:
        """Delete a webhook. Raises NotFound, IdempotencyKeyReused."""
        path = f"/v1/feeds/{feed}/webhooks/{hook}"
        idempotency = idempotency_of(requester, "DELETE", path, b"")
        if not await self._store.drop_webhook(feed, hook, idempotency):
            raise NoWebhook(feed, hook)

    async def delivered(self, feed: str, hook: str) -> Cursor | None:
        """The cursor of the last event delivered or given up; None if it is gone."""
        try:
            return await self._store.webhook_cursor(feed, hook)
        except NotFound:
            return None

    async def dead_letters(self, feed: str, limit: int) -> Sequence[DeadLetter]:
        """The failed deliveries, newest first."""
        await self._store.webhooks(feed)
        return await self._store.dead_letters(feed, limit)

    async def resend(
        self, feed: str, hook: str, letter: str | None, requester: Requester
    ) -> int:
        """Queue a dead letter of the webhook, or all, to be sent again.

        Returns how many were not queued yet; a repeat with the same Idempotency-Key
        queues none. Raises NotFound, IdempotencyKeyReused.
        """
        path = f"/v1/feeds/{feed}/webhooks/{hook}/dead-letters/{letter or ''}"
        idempotency = idempotency_of(requester, "POST", path, b"")
        if idempotency is not None:
            before = await self._store.value_under_key(feed, idempotency)
            if before is not None:
                return int(before)
        if hook not in {one.id for one in await self._store.webhooks(feed)}:
            raise NoWebhook(feed, hook)
        chosen = [
            one.id
            for one in await self._store.dead_letters(feed)
            if one.webhook == hook and letter in (None, one.id)
        ]
        if letter is not None and not chosen:
            raise NoDeadLetter(feed, letter)
        return await self._store.queue_resends(
            *(feed, letter or hook, chosen), idempotency
        )


def _secret(given: str | None) -> str:
    """The secret, in the form of Standard Webhooks. Raises Invalid."""
    if given is None:
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    try:
        key = base64.b64decode(given.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not given.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise Invalid("secret", "is invalid: use whsec_ and 24 to 64 bytes in base64")
    return given

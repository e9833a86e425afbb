"""Webhooks in Redis: `desk.webhooks_and_dead_letters.WebhookStore`.

The data of one feed's webhooks has the feed's hash tag and is deleted with the feed.
The index of feeds that may have webhooks has no tag; its entries are checked when they
are read, and an entry is removed once its feed has none. What an editor changes is
written in one step with its audit entry. The queue of resends contains ids of dead
letters; an id without a letter is dropped when the queue is read.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from stoppress.desk.webhooks_and_dead_letters import (
    MAX_DEAD_LETTERS,
    MAX_WEBHOOKS,
    DeadLetter,
    Webhook,
    message_id,
)
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import DeletedSince, IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.domain.timestamps import instant
from stoppress.log.answer_under_idempotency_key import keep_under_key, kept_before
from stoppress.log.audit_log import made_entry
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import (
    WEBHOOK_FEEDS,
    audit_key,
    feed_keys,
    idem_key,
    webhook_keys,
)
from stoppress.log.token_and_ticket_key_store import RedisCredentials

_hook = msgspec.json.Decoder(Webhook)
_letter = msgspec.json.Decoder(DeadLetter)

_ADD = LuaScript(
    *("need_acl_rights", "find_repeated_write", "add_audit_entry", "add_webhook")
)
_DROP = LuaScript(
    *("need_acl_rights", "find_repeated_write", "add_audit_entry", "drop_webhook")
)
_FORGET = LuaScript("need_acl_rights", "forget_webhook_feeds")
_QUEUE = LuaScript(
    *(
        "need_acl_rights",
        "find_repeated_write",
        "add_audit_entry",
        "queue_webhook_resends",
    )
)


class RedisWebhooks(RedisCredentials):
    """Webhooks, the last event delivered to each, and dead letters."""

    async def value_under_key(self, feed: str, idempotency: Idempotency) -> str | None:
        """What was kept under this key, or None.

        Raises NotFound, IdempotencyKeyReused.
        """
        return await self._at(
            feed_keys(feed).meta,
            lambda redis: keep_under_key(redis, feed, idempotency, "", None),
        )

    async def keep_under_key(
        self, feed: str, idempotency: Idempotency, value: str
    ) -> str:
        """Keep a value under a key, unless there is one; returns the kept value.

        Raises NotFound, IdempotencyKeyReused.
        """
        before = await self._at(
            feed_keys(feed).meta,
            lambda redis: keep_under_key(redis, feed, idempotency, value, self._ttl_s),
        )
        return value if before is None else before

    async def webhook_feeds(self) -> Sequence[str]:
        """The feeds that may have webhooks."""
        found = await self._at(
            WEBHOOK_FEEDS, lambda redis: redis.one("ZRANGE", WEBHOOK_FEEDS, 0, -1)
        )
        return [feed.decode() for feed in found]

    async def forget_webhook_feeds(self, feeds: Sequence[str], before_ms: int) -> None:
        """Remove feeds from these, except where a webhook was added since."""
        await self._at(
            WEBHOOK_FEEDS,
            lambda redis: redis.read(_FORGET, (WEBHOOK_FEEDS,), (before_ms, *feeds)),
        )

    async def webhooks(self, feed: str) -> Sequence[Webhook]:
        """The feed's webhooks. Raises NotFound."""
        keys, meta = webhook_keys(feed), feed_keys(feed).meta
        born, flat = await self._at(
            meta,
            lambda redis: redis.all(("HGET", meta, "born"), ("HGETALL", keys.hooks)),
        )
        if born is None:
            raise NotFound(feed)
        found = dict(zip(flat[::2], flat[1::2], strict=True))
        if found.get(b"of") != born:
            return []  # of a former feed of the slug
        return [
            _hook.decode(value)
            for name, value in sorted(found.items())
            if name.startswith(b"hook ")
        ]

    async def add_webhook(
        self, feed: str, hook: Webhook, idempotency: Idempotency | None = None
    ) -> Webhook:
        """Add a webhook; it gets the events after the current head.

        Returns the webhook under the Idempotency-Key: `hook`, or the one that the key
        made before. Raises OverflowError if the feed has MAX_WEBHOOKS, NotFound,
        IdempotencyKeyReused, DeletedSince.
        """
        await self._at(
            WEBHOOK_FEEDS,
            lambda redis: redis.one("ZADD", WEBHOOK_FEEDS, _now_ms(), feed),
        )
        values = (hook.id, msgspec.json.encode(hook))
        return await self._webhook_under(feed, idempotency, values) or hook

    async def recall_webhook(
        self, feed: str, idempotency: Idempotency
    ) -> Webhook | None:
        """The webhook that this key made, or None.

        Raises NotFound, IdempotencyKeyReused, DeletedSince.
        """
        return await self._webhook_under(feed, idempotency, ("", b""))

    async def _webhook_under(
        self, feed: str, idempotency: Idempotency | None, values: tuple[str, bytes]
    ) -> Webhook | None:
        names = (
            *(feed_keys(feed).meta, idem_key(feed, idempotency)),
            *(webhook_keys(feed).hooks, audit_key(feed)),
        )
        fingerprint = "" if idempotency is None else idempotency.fingerprint
        entry = made_entry("webhook.created", feed=feed, subject=values[0])
        args = (
            *(fingerprint, *values, self._ttl_s, *self.audit.args(entry)),
            MAX_WEBHOOKS,
        )

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_ADD, names, args)

        match await self._at(names[0], step):
            case [b"nofeed"]:
                raise NotFound(feed)
            case [b"reused"]:
                raise IdempotencyKeyReused(
                    "" if idempotency is None else idempotency.key
                )
            case [b"full"]:
                raise OverflowError(feed)
            case [b"repeated", name, b""]:
                raise DeletedSince("webhook", name.decode())
            case [b"repeated", _, record]:
                return _hook.decode(record)
        return None

    async def drop_webhook(
        self, feed: str, hook: str, idempotency: Idempotency | None = None
    ) -> bool:
        """Delete a webhook and its queue of resends.

        Returns whether it existed, now or when the Idempotency-Key was new. Raises
        NotFound, IdempotencyKeyReused.
        """
        names = (
            *(feed_keys(feed).meta, idem_key(feed, idempotency)),
            *(webhook_keys(feed).hooks, audit_key(feed)),
        )
        fingerprint = "" if idempotency is None else idempotency.fingerprint
        entry = made_entry("webhook.deleted", feed=feed, subject=hook)
        args = (fingerprint, hook, self._ttl_s, *self.audit.args(entry))

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_DROP, names, args)

        answer = await self._at(names[0], step)
        kept_before(answer, feed, idempotency)
        await self._unqueue(feed, await self._queued(feed, hook))
        return bool(answer != [b"none"])

    async def webhook_cursor(self, feed: str, hook: str) -> Cursor:
        """The cursor of the last event delivered. Raises NotFound."""
        keys = webhook_keys(feed)
        value = await self._at(
            keys.hooks, lambda redis: redis.one("HGET", keys.hooks, f"cursor {hook}")
        )
        if value is None:
            raise NotFound(feed, hook)
        return Cursor.parse(value.decode())

    async def put_webhook_cursor(self, feed: str, hook: str, cursor: Cursor) -> None:
        """Store the cursor of the last event delivered."""
        keys = webhook_keys(feed)
        command = ("HSET", keys.hooks, f"cursor {hook}", str(cursor))
        await self._at(keys.hooks, lambda redis: redis.one(*command))

    async def hold_webhook(
        self, feed: str, hook: str, holder: str, seconds: float
    ) -> bool:
        """Reserve a webhook for a time; False if another process has reserved it."""
        key, ttl = f"{webhook_keys(feed).hooks}:{hook}", int(seconds * 1000)
        was, now = await self._at(
            key,
            lambda redis: redis.all(
                ("SET", key, holder, "NX", "PX", ttl), ("GET", key)
            ),
        )
        if was is None and now == holder.encode():
            renewed = ("SET", key, holder, "XX", "PX", ttl)
            await self._at(key, lambda redis: redis.one(*renewed))
        return bool(now == holder.encode())

    async def add_dead_letter(self, feed: str, hook: str, letter: DeadLetter) -> None:
        """Store a dead letter, with its time, in place of one with its id."""
        dead, ident = webhook_keys(feed).dead, message_id(hook, letter.cursor)
        former = await self._entries(feed, ident)
        kept = msgspec.structs.replace(
            letter, at=instant(_now_ms()), webhook=hook, id=ident, resending=False
        )
        await self._at(
            dead,
            lambda redis: redis.write_one(
                *("XADD", dead, "MAXLEN", "~", MAX_DEAD_LETTERS, "*"),
                *("letter", msgspec.json.encode(kept)),
            ),
        )
        await self._drop_entries(feed, former)
        await self._unqueue(feed, [ident])

    async def drop_dead_letter(self, feed: str, letter: str) -> None:
        """Delete the dead letter with this id, also from the queue of resends."""
        await self._drop_entries(feed, await self._entries(feed, letter))
        await self._unqueue(feed, [letter])

    async def dead_letters(
        self, feed: str, limit: int | None = None
    ) -> Sequence[DeadLetter]:
        """The newest dead letters of the feed's webhooks; without a limit, all."""
        dead = webhook_keys(feed).dead
        count = () if limit is None else ("COUNT", limit)
        found = await self._at(
            dead, lambda redis: redis.one("XREVRANGE", dead, "+", "-", *count)
        )
        queued = set(await self._queued(feed))
        letters = (_read(fields) for _, fields in found)
        return [
            msgspec.structs.replace(letter, resending=letter.id in queued)
            for letter in letters
        ]

    async def queue_resends(
        self,
        feed: str,
        subject: str,
        letters: Sequence[str],
        idempotency: Idempotency | None = None,
    ) -> int:
        """Queue the dead letters with these ids; returns how many were not queued, now
        or when the Idempotency-Key was new.

        `subject`: what was to be sent again, for the audit. Raises NotFound,
        IdempotencyKeyReused.
        """
        names = (
            *(feed_keys(feed).meta, idem_key(feed, idempotency)),
            *(webhook_keys(feed).resends, audit_key(feed)),
        )
        entry = made_entry("webhook.resend_requested", feed=feed, subject=subject)
        fingerprint = "" if idempotency is None else idempotency.fingerprint
        args: list[Arg] = [fingerprint, self._ttl_s, _now_ms()]
        args += [*self.audit.args(entry), *letters]

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_QUEUE, names, args)

        answer = await self._at(names[0], step)
        before = kept_before(answer, feed, idempotency)
        return int(answer[1] if before is None else before)

    async def resends(self, feed: str, hook: str) -> Sequence[DeadLetter]:
        """The queued dead letters of a webhook, oldest first."""
        queued = await self._queued(feed, hook)
        if not queued:
            return []
        letters = {one.id: one for one in reversed(await self.dead_letters(feed))}
        await self._unqueue(feed, [one for one in queued if one not in letters])
        return [letter for ident, letter in letters.items() if ident in queued]

    async def _queued(self, feed: str, hook: str = "") -> set[str]:
        """The ids in the queue of resends: of a webhook, or all."""
        queue = webhook_keys(feed).resends
        found = await self._at(queue, lambda redis: redis.one("ZRANGE", queue, 0, -1))
        prefix = message_id(hook, "") if hook else ""
        return {one.decode() for one in found if one.startswith(prefix.encode())}

    async def _unqueue(self, feed: str, letters: Collection[str]) -> None:
        queue = webhook_keys(feed).resends
        if letters:
            await self._at(queue, lambda redis: redis.one("ZREM", queue, *letters))

    async def _entries(self, feed: str, letter: str) -> Sequence[bytes]:
        """The stream's ids of the entries of a dead letter."""
        dead = webhook_keys(feed).dead
        found = await self._at(dead, lambda redis: redis.one("XRANGE", dead, "-", "+"))
        return [entry for entry, fields in found if _read(fields).id == letter]

    async def _drop_entries(self, feed: str, entries: Sequence[bytes]) -> None:
        dead = webhook_keys(feed).dead
        if entries:
            await self._at(dead, lambda redis: redis.write_one("XDEL", dead, *entries))


def _read(fields: Sequence[bytes]) -> DeadLetter:
    """A stored dead letter; earlier releases stored no id."""
    letter = _letter.decode(fields[1])
    ident = message_id(letter.webhook, letter.cursor)
    return msgspec.structs.replace(letter, id=ident)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

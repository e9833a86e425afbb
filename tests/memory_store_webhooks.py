"""Webhooks of the in-memory store, their dead letters, and values under a key."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoppress.desk.webhooks_and_dead_letters import (
    MAX_WEBHOOKS,
    DeadLetter,
    Webhook,
    message_id,
)
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    DeletedSince,
    NotFound,
)
from stoppress.domain.store_requests_and_results import (
    Idempotency,
    Written,
)
from tests.memory_store_core import MemoryStoreCore


class MemoryWebhooks(MemoryStoreCore):
    """The part of a MemoryStore for webhooks."""

    async def webhook_feeds(self) -> Sequence[str]:
        """The feeds that may have webhooks."""
        return list(self.hook_feeds)

    async def forget_webhook_feeds(self, feeds: Sequence[str], before_ms: int) -> None:
        """Remove feeds from these."""
        for feed in feeds:
            if self.hook_feeds.get(feed, before_ms) < before_ms:
                del self.hook_feeds[feed]

    async def webhooks(self, feed: str) -> Sequence[Webhook]:
        """The feed's webhooks."""
        self._called("webhooks")
        self._feed(feed)
        return [hook for (of, _), hook in sorted(self.hooks.items()) if of == feed]

    async def add_webhook(
        self, feed: str, hook: Webhook, idempotency: Idempotency | None = None
    ) -> Webhook:
        """Keep a webhook under its key, or find the earlier one."""
        self.hook_feeds[feed] = now_ms()
        earlier = self._webhook_under(feed, idempotency)
        if earlier is not None:
            return earlier
        kept = self._feed(feed)
        if sum(of == feed for of, _ in self.hooks) >= MAX_WEBHOOKS:
            raise OverflowError(feed)
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

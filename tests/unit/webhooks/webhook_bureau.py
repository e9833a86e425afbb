"""A store with a feed and a webhook, and deliveries that run: for tests of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from stoppress.desk.webhooks_and_dead_letters import Webhook
from stoppress.domain.cursor import Cursor
from stoppress.log.feed_read_scripts import LogPiece
from stoppress.webhooks.delivery import WebhookDelivery
from stoppress.webhooks.post_to_webhook import WebhookSender
from stoppress.webhooks.signature import signed_headers
from tests.contract.store.news import AT, FEED, published, write
from tests.memory_store import MemoryStore

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POST = b'{"id":"%b","headline":"H","published_at":"2026-11-22T09:30:00.000Z","rev":1}'


class Store(MemoryStore):
    """Logs that are read by pieces."""

    first = 0
    """Events up to this one were let go."""
    pieces_read = 0

    async def since(self, feed: str, seq: int, most: int = 2) -> LogPiece:
        """What followed."""
        window = self._feed(feed).window()
        after = [one for one in window.events if one.seq > max(seq, self.first)]
        self.pieces_read += 1
        return LogPiece(window.cursor, FEED, tuple(after[:most]))

    async def heads(self, feeds: Sequence[str]) -> Sequence[Cursor | None]:
        """Where each log ends."""
        return [self.kept[feed].cursor if feed in self.kept else None for feed in feeds]


class Sender:
    """Takes messages, but for those of `refused`."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.signed: set[str] = set()
        self.refused: set[str] = set()
        self.tried: list[bytes] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """Done once, before the first refusal."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        """Take it or not."""
        message = json.loads(body)
        ident, at_s = headers["webhook-id"], int(headers["webhook-timestamp"])
        self.ids.append(ident)
        self.tried.append(body)
        if dict(headers) == dict(signed_headers(SECRET, ident, at_s, body)):
            self.signed.add(ident)
        if message["cursor"] in self.refused:
            if self.meanwhile is not None:
                meanwhile, self.meanwhile = self.meanwhile, None
                await meanwhile()
            return "it answered 500"
        self.taken.append(message)
        return ""


class Bureau:
    """A store with a feed, and deliveries that run."""

    def __init__(self) -> None:
        self.store, self.sender = Store(), Sender()

    async def open(self, **more: Any) -> Bureau:
        """Make the feed and its webhook."""
        await self.store.make_feed("x", FEED, AT, None)
        hook = Webhook("h", "https://hooks.example.com/", SECRET, "a", **more)
        await self.store.add_webhook("x", hook)
        return self

    def delivery(self) -> WebhookDelivery:
        """One process's."""
        sender = cast(WebhookSender, self.sender)
        return WebhookDelivery(
            self.store, sender, "https://a.example", delays_s=(0.01, 0.01)
        )

    async def publish(self, *names: str) -> None:
        """Publish posts."""
        for name in names:
            change = published(name)._replace(body=POST % name.encode())
            await self.store.write(write(change))


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel it."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

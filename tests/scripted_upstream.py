"""The hub's source of events in memory, changed by one call per event, for tests.

`ScriptedUpstream` is the hub's `Upstream` over a `MemoryStore`; its methods create,
edit and withdraw. Bodies are small but real: stored JSON as in the log.
"""

from __future__ import annotations

import json

from stoppress.domain.event import Event, EventType, Subject
from stoppress.domain.store_requests_and_results import Change
from stoppress.domain.timestamps import instant
from tests.memory_store import MemoryStore
from tests.memory_store_core import MemoryFeed
from tests.memory_upstream import MemoryUpstream

T0 = 1_795_000_000_000
"""When everything here happens, in milliseconds since 1970."""


def feed_body(slug: str, /, **changes: object) -> bytes:
    """A feed's kept JSON."""
    value: dict[str, object] = {
        "slug": slug,
        "title": f"All about {slug}",
        "status": "live",
        "visibility": "public",
        "show_readers": False,
        "rev": 1,
        "updated_at": instant(T0),
        "closed_at": instant(T0) if changes.get("status") == "closed" else None,
    }
    merged = value | changes | {"slug": slug}
    return json.dumps(merged, separators=(",", ":")).encode()


def post_body(post: str, text: str) -> bytes:
    """A post's kept JSON."""
    value = {"id": post, "html": text, "rev": 1}
    return json.dumps(value, separators=(",", ":")).encode()


class ScriptedUpstream(MemoryUpstream):
    """Feeds in memory, the editors that change them, and the upstream of a hub."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())

    def make(self, slug: str, epoch: str = "k3v9", **changes: object) -> MemoryFeed:
        """Create a feed."""
        made = MemoryFeed(slug, epoch, feed_body(slug, **changes))
        self.store.kept[slug] = made
        return made

    def publish(
        self, slug: str, text: str = "x", post: str | None = None, **more: object
    ) -> Event:
        """Publish a post."""
        post = post or f"p{self.store.kept[slug].seq + 1}"
        body = json.dumps(json.loads(post_body(post, text)) | more).encode()
        return self._add(slug, EventType.PUBLISHED, post, body)

    def edit(self, slug: str, post: str, text: str) -> Event:
        """Edit a post."""
        return self._add(slug, EventType.UPDATED, post, post_body(post, text))

    def withdraw(self, slug: str, post: str) -> Event:
        """Withdraw a post; nothing of it stays in the log."""
        return self._add(slug, EventType.WITHDRAWN, post, b"")

    def change(self, slug: str, **changes: object) -> Event:
        """Change the feed itself."""
        body = feed_body(slug, **(json.loads(self.store.kept[slug].body) | changes))
        return self._add(slug, EventType.FEED, "", body)

    def restart(self, slug: str, epoch: str, keep: int = 0) -> None:
        """Begin a new epoch with the oldest `keep` events; the sink hears of it."""
        kept = self.store.kept[slug]
        kept.epoch = epoch
        kept.events = kept.events[:keep]
        kept.seq = kept.events[-1].seq if kept.events else 0
        self.lose(slug)

    def drop(self, slug: str) -> None:
        """Delete the feed."""
        del self.store.kept[slug]
        self.ended(slug)

    def _add(self, slug: str, kind: EventType, post: str, body: bytes) -> Event:
        kept = self.store.kept[slug]
        rev = kept.revs.get(post, 0) if post else kept.rev
        at = T0 + kept.seq + 1
        subject = Subject(kind.subject, post or slug)
        return self.store.append(
            slug, Change(kind, subject, rev, rev + 1, body, order=at), at
        )

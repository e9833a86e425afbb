"""The objects of one server process that routes use, such as store, desk and hub.

Rules: made once, in `app.py`; routes take what they need from it and have no state
of their own. A route never constructs such an object itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

from stoppress.desk.hide_private_feeds import FeedDisclosure
from stoppress.desk.store_protocol import AuditStore, NoAudit
from stoppress.guard.limits import NO_LIMITS, Limits
from stoppress.link_cards.link_cards import LinkCards
from stoppress.web.response_cache_and_compression import ResponseCache

if TYPE_CHECKING:
    from stoppress.desk.caller import Caller
    from stoppress.desk.choose_credential_source import Callers
    from stoppress.desk.desk import Desk
    from stoppress.desk.manage_and_check_tokens import Tokens
    from stoppress.desk.private_feed_read_tickets import Tickets
    from stoppress.desk.store_protocol import Store
    from stoppress.hub.feed_status_and_access import ReadRights
    from stoppress.hub.hub import Hub
    from stoppress.identity.build_and_run_identity_parts import Identity
    from stoppress.settings import Settings
    from stoppress.web.snapshot_cache import SnapshotCache


POST_LISTS_BYTES = 16 << 20
"""Cached pages of posts."""


class MetricsExposition(Protocol):
    """The interface of the metrics as the web layer uses it."""

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format (version 0.0.4)."""


class RightsOfLines(Protocol):
    """The interface of the live lines' rights as the web layer uses it."""

    def of(self, caller: Caller | None) -> ReadRights:
        """The rights of a line with this caller's credential."""

    async def run(self) -> None:
        """Keep the rights of open lines current, until cancelled."""


async def always_ready() -> None:
    """The readiness check of servers that follow no log: always ready."""


class Cache(Protocol):
    """Something that keeps answers in memory."""

    def forget(self, feed: str | None) -> None:
        """Drop what is cached of a feed (None: of all)."""


class Caches:
    """All caches of answers in this process, so that no cache keeps an erased post."""

    def __init__(self) -> None:
        self._caches: WeakSet[Cache] = WeakSet()

    def add(self, cache: Cache) -> None:
        """Include this cache in `forget`, as long as it is in use."""
        self._caches.add(cache)

    def forget(self, feed: str | None) -> None:
        """Drop what is cached of a feed (None: of all)."""
        for cache in list(self._caches):
            cache.forget(feed)


def purge_nothing(feed: str, post: str) -> None:
    """Do nothing: there is no cache in front of the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The objects of one server process."""

    settings: Settings
    store: Store
    desk: Desk
    hub: Hub
    snapshots: SnapshotCache
    callers: Callers
    """Finds the caller of a request, by any kind of credential."""
    tickets: Tickets
    """Signs tickets for readers of private feeds."""
    line_rights: RightsOfLines
    """The rights of open live lines."""
    tokens: Tokens
    """Creates, lists and revokes tokens."""
    identity: Identity
    """Sessions, and sign-in at the identity provider."""
    metrics: MetricsExposition
    limits: Limits = NO_LIMITS
    audit: AuditStore = field(default_factory=NoAudit)
    link_cards: LinkCards = field(default_factory=LinkCards)
    """Makes the cards of links that editors paste."""
    post_lists: ResponseCache = field(
        default_factory=lambda: ResponseCache(POST_LISTS_BYTES)
    )
    """Pages of posts as readers get them, by the requested address."""
    caches: Caches = field(default_factory=Caches)
    purge: Callable[[str, str], None] = purge_nothing
    """Begins to purge a withdrawn post from the caches in front of the site."""
    ready: Callable[[], Awaitable[None]] = always_ready
    """Returns if new events arrive; otherwise raises Unavailable with the reason."""
    forwarded: bool = False
    """Whether the site's address comes from a proxy's headers, as none is set."""
    feed_disclosure: FeedDisclosure = field(init=False)
    """Decides which feeds callers without rights may know."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "feed_disclosure", FeedDisclosure(self.store))

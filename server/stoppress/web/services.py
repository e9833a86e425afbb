"""The objects of one server process that routes use, such as store, desk and hub.

Rules: made once, in `app.py`; routes take what they need from it and have no state
of their own. A route never constructs such an object itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stoppress.desk.desk import Desk
    from stoppress.desk.store_protocol import Store
    from stoppress.desk.tokens import Tokens
    from stoppress.hub.hub import Hub
    from stoppress.settings import Settings
    from stoppress.web.snapshot_cache import SnapshotCache


class MetricsExposition(Protocol):
    """The interface of the metrics as the web layer uses it."""

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format (version 0.0.4)."""


async def always_ready() -> None:
    """The readiness check of servers that follow no log: always ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The objects of one server process."""

    settings: Settings
    store: Store
    desk: Desk
    hub: Hub
    snapshots: SnapshotCache
    tokens: Tokens
    metrics: MetricsExposition
    ready: Callable[[], Awaitable[None]] = always_ready
    """Returns if fresh events arrive; else raises Unavailable, saying why."""
    forwarded: bool = False
    """Whether the site's address is the one that a proxy told, as none is set."""

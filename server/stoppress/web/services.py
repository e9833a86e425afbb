"""What every route is given: the parts of one server process, put together.

Rules: made once, in `app.py`; routes take what they need from it and keep
nothing of their own. A route never builds a part itself.
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
    """What the web layer needs of the metrics."""

    def exposition(self) -> bytes:
        """Everything counted, in Prometheus' text format (version 0.0.4)."""


async def always_ready() -> None:
    """For servers without a line to watch: always ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one server process."""

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

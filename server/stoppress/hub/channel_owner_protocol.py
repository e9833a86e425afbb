"""The interface of the hub that a channel uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from stoppress.hub.delivery_scheduler import Sweep
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.ring_memory_limit import RingMemoryLimit
from stoppress.settings import Settings

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel


class ChannelOwner(Protocol):
    """The hub, as its channels see it."""

    settings: Settings
    metrics: HubMetrics
    budget: RingMemoryLimit
    sweep: Sweep

    def now(self) -> float:
        """Seconds of a monotonic clock."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        """Call `call` after `seconds`."""

    def spread_ms(self, least: int, readers: int) -> int:
        """Milliseconds over which `readers` spread their return; `least` or more."""

    def readers(self) -> int:
        """The number of readers of this process."""

    def follows_changed(self, channel: Channel) -> None:
        """Note that follows joined or left the channel."""

    def channel_ended(self, channel: Channel) -> None:
        """Close a channel that has ended; the next reader opens another."""

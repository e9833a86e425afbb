"""What a channel needs of the hub it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.memory_budget import MemoryBudget
from stoppress.hub.sweep import Sweep
from stoppress.settings import Settings

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel


class ChannelOwner(Protocol):
    """The hub, as its channels see it."""

    settings: Settings
    metrics: HubMetrics
    budget: MemoryBudget
    sweep: Sweep

    def now(self) -> float:
        """Seconds of a clock that only goes forward."""

    def after(self, seconds: float, call: Callable[[], None]) -> object:
        """Call something later."""

    def spread_ms(self, least: int, readers: int) -> int:
        """Over how long `readers` should come back, at least `least`."""

    def readers(self) -> int:
        """How many readers this process has."""

    def counted(self, channel: Channel) -> None:
        """Readers came or went."""

    def over(self, channel: Channel) -> None:
        """The channel ended; the next reader opens another."""

"""The messages with which a follow begins: `hello`, or `reset` if it can't resume.

Rule: follows that join at the same position within a second get the same bytes,
encoded once. `hello` says what time it is here, by which pages set their own clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from stoppress.domain.cursor import Cursor
from stoppress.hub.channel_owner_protocol import ChannelOwner
from stoppress.wire import encode_messages
from stoppress.wire.wire_formats import WireFormat, framed


class HelloAndReset:
    """Encodes one feed's `hello` and `reset` messages; keeps the last `hello`."""

    __slots__ = ("_feed", "_hello", "_owner", "_wall_clock")

    def __init__(
        self,
        feed: str,
        owner: ChannelOwner,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._feed = feed
        self._owner = owner
        self._wall_clock = wall_clock
        self._hello: tuple[tuple[WireFormat, bool, Cursor, int], bytes] | None = None

    def hello(self, wire: WireFormat, resumed: bool, cursor: Cursor) -> bytes:
        """The framed `hello` of a follow that starts at `cursor`."""
        now_s = self._wall_clock()
        key = wire, resumed, cursor, int(now_s)
        if self._hello is None or self._hello[0] != key:
            owner = self._owner
            payload = encode_messages.hello(
                self._feed,
                cursor,
                at=int(now_s * 1000),
                resumed=resumed,
                beat_s=owner.settings.beat_s,
                retry_ms=owner.spread_ms(owner.settings.retry_ms, owner.readers()),
            )
            self._hello = key, framed(wire, "hello", payload, str(cursor))
        return self._hello[1]

    def reset(self, wire: WireFormat, cursor: Cursor, follows: int) -> bytes:
        """The framed `reset` to `cursor`, for one of `follows` follows."""
        spread_ms = self.reset_spread_ms(follows)
        payload = encode_messages.reset(self._feed, cursor, retry_ms=spread_ms)
        return framed(wire, "reset", payload, str(cursor))

    def reset_spread_ms(self, follows: int) -> int:
        """Milliseconds over which `follows` reset readers spread their requests."""
        owner = self._owner
        return owner.spread_ms(owner.settings.reset_spread_ms, follows)

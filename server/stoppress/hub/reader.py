"""A reader: one connection that follows feeds. Here is what all kinds share.

Rules:
- A reader is slotted and owns no task, timer, queue or dict. Its follows hang on
  it as a chain.
- `blocked` means that bytes for it are waiting; while they do, nothing may be
  written past them. `drained()` ends it, and its follows are served again.
- What it is told beside the ring goes through `write` alone.
- `close` is said once; whatever comes after is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from stoppress.domain.cursor import Cursor
from stoppress.hub.closing_readers import ClosingReaders
from stoppress.hub.feed_state import ReadRights
from stoppress.hub.follow import Follow
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.ring import Bytes, Parts
from stoppress.settings import Settings
from stoppress.wire import messages
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat, framed

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel

MAX_FOLLOWS = 32
"""Feeds a reader may follow."""
MAX_WAITING = 64 << 10
"""Bytes beside the ring that may wait for a reader that takes nothing."""


class ReaderOwner(Protocol):
    """What a reader needs of the hub it belongs to."""

    settings: Settings
    metrics: HubMetrics
    leaving: ClosingReaders

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Let the reader follow a feed, or seek in it."""

    def came(self, reader: Reader) -> None:
        """A reader is here."""

    def went(self, reader: Reader) -> None:
        """A reader is gone."""


class Reader:
    """One connection."""

    __slots__ = ("blocked", "chain", "closing", "fd", "owner", "rights", "wire")

    def __init__(
        self, owner: ReaderOwner, wire: WireFormat, rights: ReadRights
    ) -> None:
        self.owner = owner
        self.wire = wire
        self.rights = rights
        self.fd = -1
        """The socket, if bytes may go straight to it; else -1."""
        self.blocked = True
        self.closing = 0
        """The code with which the line ends, or 0."""
        self.chain: Follow | None = None

    # Follows

    def follows(self) -> Iterator[Follow]:
        """Every follow of this reader, the waiting ones too."""
        follow = self.chain
        while follow is not None:
            yield follow
            follow = follow.sibling

    def enlist(self, feed: str) -> Follow | None:
        """A new follow of `feed`, in place of the one before; None if too many."""
        self.strike(feed)
        if sum(1 for _ in self.follows()) >= MAX_FOLLOWS:
            return None
        follow = Follow(self, feed)
        follow.sibling, self.chain = self.chain, follow
        return follow

    def strike(self, feed: str) -> None:
        """Follow `feed` no more."""
        for follow in self.follows():
            if follow.feed == feed:
                self._remove(follow)
                return

    def holds(self, follow: Follow) -> bool:
        """Whether the follow is still wanted."""
        return not self.closing and any(mine is follow for mine in self.follows())

    def drained(self) -> None:
        """Everything that waited is gone: go on where it stopped."""
        self.blocked = False
        for follow in self.follows():
            channel = follow.channel
            if channel is not None and follow.seq != channel.ring.head:
                channel.ready(follow)

    # What it is told

    def greet(self, hello: bytes) -> None:
        """Say hello."""
        self.write(hello)

    def tell(self, kind: str, payload: bytes) -> None:
        """Say something that is no event."""
        self.write(framed(self.wire, kind, payload))

    def refuse(self, feed: str, code: CloseCode, detail: str) -> None:
        """A follow can't be, or can't go on; the line stays."""
        self.tell("error", messages.error(feed, code, detail))

    def dismiss(self, follow: Follow, code: CloseCode) -> None:
        """A follow ends. The line ends with it, unless there are others."""
        self._remove(follow)
        if code is CloseCode.SLOW or self.chain is None:
            self.close(code)
        else:
            self.refuse(follow.feed, code, DETAILS.get(code, "the line ended"))

    def bye(self, retry_ms: int) -> None:
        """The server goes away: come back after `retry_ms`."""
        if not self.closing:
            self.tell("bye", messages.bye(retry_ms=retry_ms))
            self.close(CloseCode.BYE)

    def close(self, code: CloseCode) -> None:
        """End the line."""
        if not self.closing:
            self.closing = code
            self.leave_all()
            self.owner.metrics.closed[str(int(code))].add()
            self._end(code)

    def leave_all(self) -> None:
        """Follow nothing any more."""
        while self.chain is not None:
            self._remove(self.chain)

    # What each kind does in its own way

    def write(self, data: Bytes) -> None:
        """Send bytes in order, whatever waits already."""
        raise NotImplementedError

    def put(self, follow: Follow, parts: Parts, after: int) -> int:
        """Take what the sweep has for a reader without `fd`.

        Returns how many visits more than one that cost.
        """
        raise NotImplementedError

    def lost(self) -> None:
        """The socket does not take bytes any more."""
        raise NotImplementedError

    def _end(self, code: CloseCode) -> None:
        """Say the last word, and see to it that the connection ends."""
        raise NotImplementedError

    def _remove(self, follow: Follow) -> None:
        if self.chain is follow:
            self.chain = follow.sibling
        else:
            for mine in self.follows():
                if mine.sibling is follow:
                    mine.sibling = follow.sibling
                    break
        follow.sibling = None
        channel: Channel | None = follow.channel
        if channel is not None:
            channel.leave(follow)


DETAILS = {
    CloseCode.NOT_FOUND: "there is no such feed",
    CloseCode.FORBIDDEN: "the token does not allow reading this feed",
    CloseCode.ENDED: "the feed has ended",
}

"""A reader: one connection that follows feeds; the base of all kinds of readers.

Rules:
- A reader is slotted and owns no task, timer, queue or dict. Its follows are a linked
  list.
- `blocked` means that bytes for it are queued; until they are sent, nothing may be
  written past them. `drained()` unblocks it, and its follows are served again.
- Messages that are not from the ring go through `write` only.
- The first `close` counts; later ones are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from stoppress.domain.cursor import Cursor
from stoppress.hub.abort_or_probe_closing_connections import ClosingConnections
from stoppress.hub.feed_status_and_access import ReadRights
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.hub_metrics import BARRED, HubMetrics
from stoppress.hub.incoming_messages import ReaderOp
from stoppress.hub.ring import Bytes
from stoppress.settings import Settings
from stoppress.wire import encode_messages
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat, framed

if TYPE_CHECKING:
    from stoppress.hub.channel import Channel

MAX_FOLLOWS = 32
"""Feeds that one reader may follow."""
MAX_WAITING = 64 << 10
"""Bytes queued for a blocked reader, above which it is closed."""


class ReaderOwner(Protocol):
    """The interface of the hub that a reader uses."""

    settings: Settings
    metrics: HubMetrics
    closing_connections: ClosingConnections

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Add a follow of a feed, or move an existing one to `cursor`."""

    def renew(self, reader: Reader, feed: str, ticket: str) -> None:
        """Take a reader's next ticket for a feed."""

    def reader_opened(self, reader: Reader) -> None:
        """Count a new connection."""

    def reader_closed(self, reader: Reader) -> None:
        """Count a closed connection."""

    def refusal_id(self, code: int, feed: str = "") -> str:
        """The request id of a refused line or follow, with which it is logged."""

    def close_reason(self, code: int) -> str:
        """What a close frame says beside its code; a refusal is logged."""


class Reader:
    """One connection that follows feeds."""

    __slots__ = ("blocked", "chain", "closing", "fd", "owner", "rights", "wire")

    def __init__(
        self, owner: ReaderOwner, wire: WireFormat, rights: ReadRights
    ) -> None:
        self.owner = owner
        self.wire = wire
        self.rights = rights
        self.fd = -1
        """The socket, if bytes may be written directly to it; else -1."""
        self.blocked = True
        self.closing = 0
        """The code with which the connection ends, or 0."""
        self.chain: Follow | None = None

    # Follows

    def follows(self) -> Iterator[Follow]:
        """Every follow of this reader, the pending ones too."""
        follow = self.chain
        while follow is not None:
            yield follow
            follow = follow.sibling

    def add_follow(self, feed: str) -> Follow | None:
        """A new follow of `feed`, replacing an earlier one; None above the limit."""
        if self.chain is not None:
            self.unfollow(feed)
            if sum(1 for _ in self.follows()) >= MAX_FOLLOWS:
                return None
        follow = Follow(self, feed)
        follow.sibling, self.chain = self.chain, follow
        return follow

    def unfollow(self, feed: str) -> None:
        """Remove the follow of `feed`, if there is one."""
        for follow in self.follows():
            if follow.feed == feed:
                self._remove(follow)
                return

    def holds(self, follow: Follow) -> bool:
        """Whether the follow is still one of this reader's."""
        mine = None if self.closing else self.chain
        while mine is not None and mine is not follow:
            mine = mine.sibling
        return mine is not None

    def drained(self) -> None:
        """Unblock: all queued bytes were sent, so the follows go on."""
        self.blocked = False
        for follow in self.follows():
            channel = follow.channel
            if channel is not None and follow.seq != channel.ring.head:
                channel.ready(follow)

    def do(self, asked: ReaderOp) -> None:
        """Handle a message of the reader."""
        if asked.op == "unfollow":
            self.unfollow(asked.feed)
        elif asked.op == "renew":
            self.owner.renew(self, asked.feed, asked.ticket)
        else:
            self.owner.follow(self, asked.feed, asked.cursor)

    # Messages

    def send_hello(self, hello: bytes) -> None:
        """Send the framed `hello` of a follow."""
        self.write(hello)

    def send_message(self, kind: str, payload: bytes) -> None:
        """Send a message that is no event."""
        self.write(framed(self.wire, kind, payload))

    def refuse(self, feed: str, code: CloseCode, detail: str) -> None:
        """Send why a follow was refused or ended; the connection stays open."""
        request_id = self.owner.refusal_id(code, feed)
        self.send_message(
            "error", encode_messages.error(feed, code, detail, request_id)
        )

    def end_follow(self, follow: Follow, code: CloseCode) -> None:
        """End a follow, and the connection if it was the last one."""
        self._remove(follow)
        if code in BARRED:
            self.owner.metrics.ended_follows[str(int(code))].add()
        if code is CloseCode.SLOW or self.chain is None:
            self.close(code)
        else:
            self.refuse(follow.feed, code, DETAILS.get(code, "the follow ended"))

    def bye(self, retry_ms: int) -> None:
        """Close with `bye`: the client should reconnect after `retry_ms`."""
        if not self.closing:
            self.send_message("bye", encode_messages.bye(retry_ms=retry_ms))
            self.close(CloseCode.BYE)

    def close(self, code: CloseCode) -> None:
        """End every follow and close the connection with `code`."""
        if not self.closing:
            self.closing = code
            self.leave_all()
            self.owner.metrics.closed[str(int(code))].add()
            self._end(code)

    def leave_all(self) -> None:
        """Remove every follow."""
        while self.chain is not None:
            self._remove(self.chain)

    # Implemented by each kind of reader

    def write(self, data: Bytes) -> None:
        """Send bytes in order, after those already queued."""
        raise NotImplementedError

    def put(self, follow: Follow, data: Bytes, after: int) -> int:
        """Take the bytes of a visit, for a reader without `fd`; move it to `after`.

        Returns the cost in visits, beyond the one counted already.
        """
        raise NotImplementedError

    def has_unread_bytes(self) -> bool:
        """Whether a proxy on this machine has not read all that was sent."""
        return False

    def write_failed(self) -> None:
        """Handle a failed write: the socket is broken."""
        raise NotImplementedError

    def _end(self, code: CloseCode) -> None:
        """Send the close of this kind, and make sure that the connection ends."""
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
    CloseCode.UNAUTHENTICATED: "the credential was revoked or has expired",
    CloseCode.FORBIDDEN: "the token does not allow reading this feed",
    CloseCode.ENDED: "the feed has ended",
}

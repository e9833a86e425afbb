"""A hub around one channel, which moves only when a test says so.

`Bench` owns the channels, with a sweep that moves only when told. `SocketPair` is a
reader on a real socket with a small buffer; it plays the transport's part (holding a
rest, saying when it is gone). `ChannelHarness` is all of that over a log in memory.
"""

from __future__ import annotations

import json
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from stoppress.domain.cursor import Cursor
from stoppress.hub.abort_or_probe_closing_connections import ClosingConnections
from stoppress.hub.channel import Channel
from stoppress.hub.delivery_scheduler import Sweep
from stoppress.hub.feed_status_and_access import ANYONE, ReadRights
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.hub.is_socket_reset_or_unread import has_unread_bytes
from stoppress.hub.reader import Reader
from stoppress.hub.ring import Bytes
from stoppress.hub.ring_memory_limit import RingMemoryLimit
from stoppress.settings import Settings
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.wire_formats import WireFormat
from tests.scripted_upstream import ScriptedUpstream
from tests.tally import Tally

Message = dict[str, Any]


class Counts(Tally):
    """Counts what the tests ask about."""

    @property
    def encodes(self) -> int:
        """Events that were encoded."""
        return self.sum("stoppress_encoded")

    @property
    def sticks(self) -> int:
        """Times that a socket took less than it was given."""
        return self.sum("stoppress_stuck")

    @property
    def failures(self) -> list[str]:
        """Where faults of feeds were met."""
        return [one.label for one in self.of("stoppress_feed_faults")]


class Bench:
    """The owner of the channels under test, and of their readers."""

    def __init__(self, **changes: Any) -> None:
        self.settings = Settings(public_url="http://h", **changes)
        self.counts = Counts()
        self.metrics = HubMetrics(self.counts)
        self.budget = RingMemoryLimit(self.settings.rings_bytes, self.metrics)
        self.turns: deque[Callable[[], None]] = deque()
        self.time = 0.0
        self.sweep = Sweep(self.turns.append, self.metrics, lambda: self.time)
        self.closing_connections = ClosingConnections()
        self.ended: list[Channel] = []
        self.later: deque[Callable[[], None]] = deque()
        self.rests: list[float] = []

    def turn(self, count: int = 1 << 30) -> int:
        """Let the sweep take up to `count` turns; how many it took."""
        taken = 0
        while self.turns and taken < count:
            self.turns.popleft()()
            taken += 1
        return taken

    def now(self) -> float:
        """The time by hand."""
        return self.time

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        """By hand too: `rest`."""
        self.rests.append(seconds)
        self.later.append(call)
        return None

    def rest(self) -> None:
        """Let rests be over, and the sweep take its turns."""
        while self.later:
            self.later.popleft()()
            self.turn()

    def spread_ms(self, least: int, readers: int) -> int:
        """No more than asked."""
        return least

    def readers(self) -> int:
        """Of no concern here."""
        return 0

    def follows_changed(self, channel: Channel) -> None:
        """Of no concern here."""

    def channel_ended(self, channel: Channel) -> None:
        """A channel ended."""
        self.ended.append(channel)

    def follow(self, reader: Reader, feed: str, cursor: Cursor | None) -> None:
        """Of no concern here."""

    def renew(self, reader: Reader, feed: str, ticket: str) -> None:
        """Of no concern here."""

    def reader_opened(self, reader: Reader) -> None:
        """Of no concern here."""

    def refusal_id(self, code: int, feed: str = "") -> str:
        """One that tests know."""
        return f"r-{int(code)}"

    def close_reason(self, code: int) -> str:
        """Nothing beside the code."""
        return ""

    def reader_closed(self, reader: Reader) -> None:
        """Of no concern here."""


class SocketPair(Reader):
    """A reader on one end of a socket, and its peer on the other."""

    __slots__ = ("_got", "_mine", "_rest", "is_proxied", "peer")

    def __init__(self, bench: Bench, rights: ReadRights = ANYONE) -> None:
        super().__init__(bench, WireFormat.LINES, rights)
        self._mine, self.peer = socket.socketpair()
        for end in (self._mine, self.peer):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least there is
        self.fd = self._mine.fileno()
        self.blocked = False
        self.is_proxied = False
        self._rest = bytearray()
        self._got = bytearray()

    def write(self, data: Bytes) -> None:
        """As a transport does: at once what goes, the rest when there is room."""
        self._rest += data
        self._flush()

    def _flush(self) -> None:
        try:
            while self._rest:
                del self._rest[: os.write(self._mine.fileno(), self._rest)]
        except BlockingIOError:
            pass
        if self._rest:
            self.blocked = True

    def read(self, size: int = 1 << 30) -> None:
        """Let the peer read up to `size` bytes, and the transport go on."""
        while size > 0:
            try:
                data = self.peer.recv(min(size, 65536))
            except BlockingIOError:
                break
            self._got += data
            size -= len(data)
        if self.blocked and not self.closing:
            self._flush()
            if not self._rest:
                self.drained()

    def messages(self) -> list[Message]:
        """Every whole message the peer has read so far."""
        return [json.loads(line) for line in self._got.split(b"\n")[:-1]]

    def rest(self) -> int:
        """How many bytes wait in the transport."""
        return len(self._rest)

    def put(self, follow: Follow, data: Bytes, after: int) -> int:
        """Never: there is a socket."""
        raise AssertionError("there is a socket to write to")

    def has_unread_bytes(self) -> bool:
        """As the kernel says, if the peer is a proxy."""
        return self.is_proxied and self.fd >= 0 and has_unread_bytes(self.fd)

    def write_failed(self) -> None:
        """The peer is gone."""
        self.blocked = True

    def done(self) -> None:
        """Close both ends."""
        self.fd = -1
        self.leave_all()
        self._mine.close()
        self.peer.close()

    def _end(self, code: CloseCode) -> None:
        """Nothing more to say."""


def join(reader: Reader, channel: Channel, cursor: Cursor | None = None) -> Follow:
    """Have a reader follow a channel."""
    follow = reader.add_follow(channel.feed)
    assert follow is not None
    channel.join(follow, cursor)
    return follow


class ChannelHarness:
    """A channel on a bench, over a log in memory."""

    def __init__(self, **changes: Any) -> None:
        self.bench = Bench(**changes)
        self.upstream = ScriptedUpstream()
        self.readers: list[SocketPair] = []
        self.sink = os.open(os.devnull, os.O_WRONLY)

    def channel(self, feed: str = "x", **feed_state: Any) -> Channel:
        """An open channel."""
        self.upstream.make(feed, **feed_state)
        channel = Channel(feed, self.bench)
        self.upstream.sinks[feed] = channel
        channel.fill(self.upstream.window(feed))
        return channel

    def reader(self, channel: Channel, cursor: Cursor | None = None) -> SocketPair:
        """A reader that follows the channel."""
        reader = SocketPair(self.bench)
        self.readers.append(reader)
        join(reader, channel, cursor)
        return reader

    def proxied(self, channel: Channel) -> SocketPair:
        """A reader behind a proxy on this machine."""
        reader = self.reader(channel)
        reader.is_proxied = True
        return reader

    def bottomless(self, channel: Channel, cursor: Cursor | None = None) -> Follow:
        """The follow of a reader that takes everything at once."""
        reader = SocketPair(self.bench)
        self.readers.append(reader)
        reader.fd = self.sink
        return join(reader, channel, cursor)

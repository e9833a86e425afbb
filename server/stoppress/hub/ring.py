"""The window of one feed's log in memory, and the bytes that follow on a cursor.

Pure: no I/O, no clock. Rules:
- It holds the events `first`..`head`, without a hole. It is bounded by events
  and by bytes; the oldest leave. Bytes are a careful estimate: what the message
  will be, plus what it costs to hold.
- An event becomes a message once, when the first reader needs it. Then its body
  is let go; the message is kept, so a withdrawal rewrites what is held: every
  earlier event of that post becomes `post.withdrawn` at its own cursor.
- Events are grouped in blocks of at most 48 KiB. What a cursor lacks are parts: a
  view into the bytes of its own block, joined once a wire, and those of the blocks
  that follow, up to 64 KiB. A thousand cursors share one copy of each block.
- Joined bytes are a cache: the last few are kept, the rest is made again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from itertools import accumulate, islice

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Effect, Event, Subject, as_it_is_now
from stoppress.wire import messages
from stoppress.wire.wire_formats import WireFormat, framed

BLOCK_BYTES = 48 << 10
"""What a block holds, unless one message alone is larger."""
VISIT_BYTES = 64 << 10
"""What a visit writes, unless one message alone is larger."""
MAX_PARTS = 64
"""Parts of it; the kernel takes 1,024 (IOV_MAX)."""
EVENT_OVERHEAD_BYTES = 512
"""What an event costs beside its body: objects, the message's head, framing."""
JOINED_BLOCKS = 20
"""Blocks of which joined bytes are kept: 1 MiB a feed, while readers catch up."""

Bytes = bytes | memoryview
Parts = list[Bytes]
"""Bytes that go out one after the other, in one write."""


class RingEntry:
    """One event held: as it came, or as the message made of it."""

    __slots__ = ("event", "message", "weight")

    def __init__(self, event: Event, weight: int) -> None:
        self.event = event
        self.message: bytes | None = None
        self.weight = weight


class EncodedBlock:
    """One block on one wire: a frame an event, and all joined."""

    __slots__ = ("frames", "joined", "starts")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.joined = b""
        self.starts: list[int] = []

    def tail(self, index: int) -> Bytes:
        """The frames from `index` on."""
        if index == len(self.frames) - 1:
            return self.frames[index]
        if len(self.starts) != len(self.frames):
            self.joined = b"".join(self.frames)
            self.starts = [0, *accumulate(map(len, self.frames[:-1]))]
        return memoryview(self.joined)[self.starts[index] :] if index else self.joined


class EventBlock:
    """Events that are joined: at most 48 KiB of them."""

    __slots__ = ("entries", "first", "strips", "weight")

    def __init__(self, first: int) -> None:
        self.first = first
        self.entries: list[RingEntry] = []
        self.weight = 0
        self.strips: dict[WireFormat, EncodedBlock] = {}


class Ring:
    """The newest events of one feed. `encoded` is called once an event encoded."""

    __slots__ = (
        "_base",
        "_blocks",
        "_encoded",
        "_feed",
        "_joined",
        "_max_bytes",
        "_max_events",
        "_overhead",
        "bytes",
        "epoch",
        "first",
        "head",
    )

    def __init__(
        self,
        feed: str,
        base: str,
        *,
        max_events: int,
        max_bytes: int,
        encoded: Callable[[], None] = lambda: None,
    ) -> None:
        self._feed = feed
        self._base = base
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._encoded = encoded
        # The feed stands in a message up to three times, the address once.
        self._overhead = EVENT_OVERHEAD_BYTES + 3 * len(feed) + len(base)
        self.epoch = ""
        self.first = 1
        self.head = 0
        self.bytes = 0
        self._blocks: list[EventBlock] = []
        self._joined: deque[tuple[EventBlock, WireFormat]] = deque()

    @property
    def cursor(self) -> Cursor:
        """The place after the newest event."""
        return Cursor(self.epoch, self.head)

    def restart(self, cursor: Cursor, events: Iterable[Event]) -> None:
        """Hold `events`, the last of them at `cursor`, and nothing else."""
        held = tuple(events)
        self.epoch = cursor.epoch
        self.head = cursor.seq - len(held)
        self.first = self.head + 1
        self.bytes = 0
        self._blocks.clear()
        self._joined.clear()
        for event in held:
            self.append(event)

    def append(self, event: Event) -> None:
        """Take the next event; what is too much leaves at the other end."""
        if event.seq != self.head + 1:
            raise ValueError(f"event {event.seq} does not follow on {self.head}")
        if event.type.effect is Effect.REMOVES:
            self._remove(event.subject)
        weight = len(event.body) + 2 * len(event.subject.id) + self._overhead
        block = self._blocks[-1] if self._blocks else None
        if block is None or block.weight + weight > BLOCK_BYTES:
            if block is not None:
                self._joined.extend((block, wire) for wire in block.strips)
            block = EventBlock(event.seq)
            self._blocks.append(block)
        block.entries.append(RingEntry(event, weight))
        block.weight += weight
        self.bytes += weight
        self.head = event.seq
        while self.head - self.first >= self._max_events or (
            self.bytes > self._max_bytes and self.first < self.head
        ):
            self._drop_oldest()

    def trim(self, size: int) -> int:
        """Let `size` bytes go, oldest first, but never the newest event.

        Returns how many events that took.
        """
        before, goal = self.first, self.bytes - size
        while self.bytes > goal and self.first < self.head:
            self._drop_oldest()
        return self.first - before

    def forget(self) -> None:
        """Let all joined bytes go; they are made again when needed."""
        for block in self._blocks:
            block.strips.clear()
        self._joined.clear()

    def holds_after(self, seq: int) -> bool:
        """Whether everything that follows on `seq` is held."""
        return self.first - 1 <= seq <= self.head

    def tail(self, wire: WireFormat, seq: int) -> tuple[Parts, int]:
        """What follows on `seq`, as much as a visit takes, and the seq after it.

        `holds_after(seq)` must be true, and `seq` not the head.
        """
        index = self._index(seq + 1)
        start = seq + 1 - self._blocks[index].first
        parts: Parts = []
        room = VISIT_BYTES
        for block in islice(self._blocks, index, index + MAX_PARTS):
            part = self._strip(block, wire).tail(start)
            room -= len(part)
            if parts and room < 0:
                break
            parts.append(part)
            seq = block.first + len(block.entries) - 1
            start = 0
        return parts, seq

    def rest(self, wire: WireFormat, seq: int, sent: int) -> tuple[Bytes, int]:
        """The rest of the message in which `tail(wire, seq)` broke off.

        `sent` bytes of it are gone. Returns what is missing of that one message
        and its seq. With nothing sent, that is the whole of the next message.
        """
        at = seq + 1
        frame = self._frame(wire, at)
        while sent >= len(frame):
            sent -= len(frame)
            at += 1
            frame = self._frame(wire, at)
        return (memoryview(frame)[sent:] if sent else frame), at

    def messages(self, seq: int, limit: int) -> list[bytes]:
        """Up to `limit` messages that follow on `seq`."""
        return [
            self._message(self._entry(at))
            for at in range(seq + 1, min(seq + limit, self.head) + 1)
        ]

    def _index(self, seq: int) -> int:
        """Which block holds event `seq`."""
        blocks = self._blocks
        if blocks[-1].first <= seq:
            return len(blocks) - 1
        return bisect_right(blocks, seq, key=lambda block: block.first) - 1

    def _entry(self, seq: int) -> RingEntry:
        block = self._blocks[self._index(seq)]
        return block.entries[seq - block.first]

    def _frame(self, wire: WireFormat, seq: int) -> bytes:
        block = self._blocks[self._index(seq)]
        return self._strip(block, wire).frames[seq - block.first]

    def _message(self, entry: RingEntry) -> bytes:
        message = entry.message
        if message is None:
            message = messages.event(self._feed, self.epoch, entry.event, self._base)
            entry.message = message
            entry.event = entry.event._replace(body=b"")
            self._encoded()
        return message

    def _strip(self, block: EventBlock, wire: WireFormat) -> EncodedBlock:
        strip = block.strips.get(wire)
        if strip is None:
            strip = block.strips[wire] = EncodedBlock()
            if block is not self._blocks[-1]:  # which everyone needs, so it stays
                self._joined.append((block, wire))
            if len(self._joined) > JOINED_BLOCKS:
                old, old_wire = self._joined.popleft()
                old.strips.pop(old_wire, None)
        for entry in block.entries[len(strip.frames) :]:
            message = self._message(entry)
            kind, seq = entry.event.type.name, entry.event.seq
            strip.frames.append(framed(wire, kind, message, f"{self.epoch}-{seq}"))
        return strip

    def _remove(self, subject: Subject) -> None:
        """Leave nothing of the post but the fact that it was withdrawn."""
        for block in self._blocks:
            for entry in block.entries:
                event = entry.event
                if event.subject == subject and event.type.effect is Effect.SHOWS:
                    entry.event = as_it_is_now(event, None)
                    entry.message = None
                    block.strips.clear()

    def _drop_oldest(self) -> None:
        block = self._blocks[0]
        self.bytes -= block.entries[self.first - block.first].weight
        self.first += 1
        if self.first == block.first + len(block.entries):
            del self._blocks[0]

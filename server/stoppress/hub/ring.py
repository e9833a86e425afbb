"""The newest events of one feed in memory, and the bytes that follow a cursor.

Pure: no I/O, no clock. Rules:
- It holds the events `first`..`head`, without a gap. It is bounded by events and by
  bytes; the oldest are dropped. Bytes are a high estimate: the size of the message
  plus the overhead of the objects.
- An event is encoded once, when the first reader needs it. Then its body is freed
  and the message kept, so a withdrawal rewrites what is held: every earlier event of
  that post becomes `post.withdrawn` at its own cursor.
- Events are grouped in blocks of at most 48 KiB. The bytes after a cursor are parts:
  a view into its own block, joined once per wire format, and the blocks that follow,
  up to 64 KiB. A thousand cursors share one copy of each block.
- Joined bytes are a cache: the last few are kept, others are made again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from itertools import accumulate, islice

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Effect, Event, Subject, as_it_is_now
from stoppress.domain.external_picture_and_embed_rules import ForeignContent
from stoppress.wire import encode_messages
from stoppress.wire.wire_formats import WireFormat, framed

BLOCK_BYTES = 48 << 10
"""Bytes per block, unless one message alone is larger."""
VISIT_BYTES = 64 << 10
"""Bytes per visit, unless one message alone is larger."""
MAX_PARTS = 64
"""Parts per visit; the kernel accepts 1,024 (IOV_MAX)."""
EVENT_OVERHEAD_BYTES = 512
"""Bytes per event beside its body: objects, the message's head, framing."""
MAX_JOINED_BLOCKS = 20
"""Blocks whose joined bytes are cached: 1 MiB per feed, while readers catch up."""

Bytes = bytes | memoryview
Parts = list[Bytes]
"""Bytes that are sent in order, in one write."""


class RingEntry:
    """One event in the ring: as received, or as the encoded message."""

    __slots__ = ("event", "message", "weight")

    def __init__(self, event: Event, weight: int) -> None:
        self.event = event
        self.message: bytes | None = None
        self.weight = weight


class EncodedBlock:
    """One block in one wire format: one frame per event, and all joined."""

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
    """Consecutive events that are joined: at most 48 KiB."""

    __slots__ = ("entries", "first", "encoded", "weight")

    def __init__(self, first: int) -> None:
        self.first = first
        self.entries: list[RingEntry] = []
        self.weight = 0
        self.encoded: dict[WireFormat, EncodedBlock] = {}


class Ring:
    """The newest events of one feed. `encoded` is called once per encoded event."""

    __slots__ = (
        "_base",
        "_blocks",
        "_encoded",
        "_feed",
        "_foreign",
        "_joined",
        "_max_bytes",
        "_max_events",
        "_overhead",
        "bytes",
        "epoch",
        "first",
        "head",
        "with_verification",
    )

    def __init__(
        self,
        feed: str,
        base: str,
        *,
        max_events: int,
        max_bytes: int,
        encoded: Callable[[], None] = lambda: None,
        foreign: ForeignContent | None = None,
    ) -> None:
        self._feed = feed
        self._base = base
        self._foreign = foreign
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._encoded = encoded
        # A message contains the feed up to three times, the address once.
        self._overhead = EVENT_OVERHEAD_BYTES + 3 * len(feed) + len(base)
        self.with_verification = False
        """Whether posts are encoded with their verification; if changed, restart."""
        self.epoch = ""
        self.first = 1
        self.head = 0
        self.bytes = 0
        self._blocks: list[EventBlock] = []
        self._joined: deque[tuple[EventBlock, WireFormat]] = deque()

    @property
    def cursor(self) -> Cursor:
        """The cursor of the newest event."""
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
        """Append the next event; drop the oldest above the limits."""
        if event.seq != self.head + 1:
            raise ValueError(f"event {event.seq} does not follow {self.head}")
        if event.type.effect is Effect.REMOVES:
            self._remove(event.subject)
        weight = len(event.body) + 2 * len(event.subject.id) + self._overhead
        block = self._blocks[-1] if self._blocks else None
        if block is None or block.weight + weight > BLOCK_BYTES:
            if block is not None:
                self._joined.extend((block, wire) for wire in block.encoded)
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
        """Drop `size` bytes, oldest first, but never the newest event.

        Returns the number of dropped events.
        """
        before, goal = self.first, self.bytes - size
        while self.bytes > goal and self.first < self.head:
            self._drop_oldest()
        return self.first - before

    def drop_caches(self) -> None:
        """Free all joined bytes; they are made again when needed."""
        for block in self._blocks:
            block.encoded.clear()
        self._joined.clear()

    def holds_after(self, seq: int) -> bool:
        """Whether every event after `seq` is in memory."""
        return self.first - 1 <= seq <= self.head

    def tail(self, wire: WireFormat, seq: int) -> tuple[Parts, int]:
        """The bytes after `seq`, as many as one visit writes, and the seq after them.

        `holds_after(seq)` must be true, and `seq` not the head.
        """
        index = self._index(seq + 1)
        start = seq + 1 - self._blocks[index].first
        parts: Parts = []
        room = VISIT_BYTES
        for block in islice(self._blocks, index, index + MAX_PARTS):
            part = self._encoded_block(block, wire).tail(start)
            room -= len(part)
            if parts and room < 0:
                break
            parts.append(part)
            seq = block.first + len(block.entries) - 1
            start = 0
        return parts, seq

    def rest(self, wire: WireFormat, seq: int, sent: int) -> tuple[Bytes, int]:
        """The rest of the message in which a write of `tail(wire, seq)` stopped.

        `sent` bytes of the tail were written. Returns the unsent part of that one
        message and its seq. If nothing was sent, that is the whole next message.
        """
        at = seq + 1
        frame = self._frame(wire, at)
        while sent >= len(frame):
            sent -= len(frame)
            at += 1
            frame = self._frame(wire, at)
        return (memoryview(frame)[sent:] if sent else frame), at

    def messages(self, seq: int, limit: int) -> list[bytes]:
        """Up to `limit` messages after `seq`."""
        return [
            self._message(self._entry(at))
            for at in range(seq + 1, min(seq + limit, self.head) + 1)
        ]

    def _index(self, seq: int) -> int:
        """The index of the block with event `seq`."""
        blocks = self._blocks
        if blocks[-1].first <= seq:
            return len(blocks) - 1
        return bisect_right(blocks, seq, key=lambda block: block.first) - 1

    def _entry(self, seq: int) -> RingEntry:
        block = self._blocks[self._index(seq)]
        return block.entries[seq - block.first]

    def _frame(self, wire: WireFormat, seq: int) -> bytes:
        block = self._blocks[self._index(seq)]
        return self._encoded_block(block, wire).frames[seq - block.first]

    def _message(self, entry: RingEntry) -> bytes:
        message = entry.message
        if message is None:
            message = encode_messages.event(
                *(self._feed, self.epoch, entry.event, self._base, self._foreign),
                with_verification=self.with_verification,
            )
            entry.message = message
            entry.event = entry.event._replace(body=b"")
            self._encoded()
        return message

    def _encoded_block(self, block: EventBlock, wire: WireFormat) -> EncodedBlock:
        encoded = block.encoded.get(wire)
        if encoded is None:
            encoded = block.encoded[wire] = EncodedBlock()
            if block is not self._blocks[-1]:  # which every reader needs, so it stays
                self._joined.append((block, wire))
            if len(self._joined) > MAX_JOINED_BLOCKS:
                old, old_wire = self._joined.popleft()
                old.encoded.pop(old_wire, None)
        for entry in block.entries[len(encoded.frames) :]:
            message = self._message(entry)
            kind, seq = entry.event.type.name, entry.event.seq
            encoded.frames.append(framed(wire, kind, message, f"{self.epoch}-{seq}"))
        return encoded

    def _remove(self, subject: Subject) -> None:
        """Replace every event of the post by its withdrawal."""
        for block in self._blocks:
            for entry in block.entries:
                event = entry.event
                if event.subject == subject and event.type.effect is Effect.SHOWS:
                    entry.event = as_it_is_now(event, None)
                    entry.message = None
                    block.encoded.clear()

    def _drop_oldest(self) -> None:
        block = self._blocks[0]
        self.bytes -= block.entries[self.first - block.first].weight
        self.first += 1
        if self.first == block.first + len(block.entries):
            del self._blocks[0]

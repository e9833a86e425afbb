"""Bytes that wait in connections whose clients do not read their answers.

Rules:
- The kernel takes the first 128 KiB of an answer (`send_buffer_bytes`); the rest waits
  in this process. A connection has at most one such answer: its next request waits
  until the last answer is read.
- `most` bytes may wait in all connections together; above that, the connection that
  has waited longest is closed. Readers of the live line have a limit of their own.
"""

from __future__ import annotations

from typing import Protocol

from stoppress.metric_instruments import NO_METER, Meter


class WritingTransport(Protocol):
    """A transport with bytes to write."""

    def get_write_buffer_size(self) -> int:
        """The bytes that the peer has not taken."""

    def abort(self) -> None:
        """Close now, with bytes unsent."""


class UnreadMetrics:
    """The metrics of unread answers."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.waiting = meter.gauge(
            "stoppress_unread_bytes", "Bytes of answers that clients have not read."
        )
        self.closed = meter.counter(
            "stoppress_unread_closed",
            "Connections closed because too many bytes waited for clients to read.",
        )


class UnreadAnswers:
    """The unread answers of a process. `most` bytes in all; 0: no limit."""

    def __init__(self, most: int = 0, metrics: UnreadMetrics | None = None) -> None:
        self._most = most
        self._metrics = metrics or UnreadMetrics()
        self._waiting: dict[WritingTransport, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """The bytes that wait, as far as known."""
        return self._bytes

    def add(self, transport: WritingTransport) -> None:
        """Note a written answer; the bytes that the kernel did not take wait."""
        self._note(transport, transport.get_write_buffer_size())
        if not self._most:
            return
        while self._bytes > self._most and self._waiting:
            oldest = next(iter(self._waiting))
            # Some or all of it may have been read since.
            self._note(oldest, oldest.get_write_buffer_size())
            if oldest in self._waiting and self._bytes > self._most:
                self.end(oldest)
                self._metrics.closed.add()
                oldest.abort()

    def end(self, transport: WritingTransport) -> None:
        """Note that it was read, or the connection closed. Harmless if none waited."""
        self._note(transport, 0)

    def _note(self, transport: WritingTransport, size: int) -> None:
        before = self._waiting.get(transport, 0)
        if size == before:
            return
        self._bytes += size - before
        self._metrics.waiting.add(size - before)
        if size:
            self._waiting[transport] = size
        else:
            del self._waiting[transport]

"""Merges what was read of a log with the messages received meanwhile. Pure.

Listening first, then reading, then merging yields every event once: an event too late
for the read was received as a message. Rules:
- Events that are not proved contiguous are not used.
- A body is its post's state when it was last read or received: an earlier event of the
  same post gets the later state, and of a withdrawn post nothing is left.
- A message of another epoch means that the read is not reliable: it may be older or
  newer than the message. The log is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stoppress.domain.event import Effect, Event, Subject, as_it_is_now
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log.pubsub_message import PubSubMessage


class MergedWindow(NamedTuple):
    """A window, and whether it holds all that was received; if not, read again."""

    window: LogWindow
    whole: bool


def merge(read: LogWindow, received: Iterable[PubSubMessage]) -> MergedWindow:
    """The window that was read, continued by the received messages."""
    epoch, seq = read.cursor
    later: list[Event] = []
    furthest, strange = seq, False
    for cursor, event, _ in received:
        if cursor.epoch != epoch:
            strange = True
        elif event is not None:
            furthest = max(furthest, event.seq)
            if event.seq == seq + 1:
                later.append(event)
                seq += 1
    whole = not strange and furthest == seq
    if not later:
        return MergedWindow(read, whole)
    feed = next(
        (event.body for event in reversed(later) if event.type.shows_feed),
        read.feed,
    )
    events = as_of_now((*read.events, *later), len(read.events))
    cursor = read.cursor._replace(seq=seq)
    return MergedWindow(LogWindow(cursor, events, feed), whole)


def contiguous(events: Sequence[Event], head: int) -> tuple[Event, ...]:
    """The newest events without a gap, up to `head`; none if the last is missing."""
    start = len(events)
    expected = head
    while start and events[start - 1].seq == expected:
        start -= 1
        expected -= 1
    return tuple(events[start:])


def follows(events: Sequence[Event], seq: int) -> bool:
    """Whether the events follow `seq`, one after the other."""
    return all(event.seq == seq + 1 + i for i, event in enumerate(events))


def as_of_now(events: Sequence[Event], known: int) -> tuple[Event, ...]:
    """The events; those from index `known` on give the current state of their posts."""
    now: dict[Subject, bytes | None] = {}
    for event in events[known:]:
        effect = event.type.effect
        if effect is not Effect.NOTHING:
            now[event.subject] = event.body if effect is Effect.SHOWS else None
    return tuple(
        as_it_is_now(event, now[event.subject]) if event.subject in now else event
        for event in events
    )

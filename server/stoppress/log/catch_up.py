"""Joining what was read of a log with what was heard while it was read. Pure.

Whoever listens first, reads then, and merges, has every event once: what the
reading was too early for was heard. Rules:
- What is not proved contiguous is not used.
- A body is what its post was when it was read or heard last: an event that a later
  one speaks of again shows the later state, and of a withdrawn post nothing is left.
- Events heard of another epoch mean that the reading can't be trusted: it may be
  older or newer than they are. Reading again tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stoppress.domain.event import Effect, Event, Subject, as_it_is_now
from stoppress.domain.store_records import LogWindow
from stoppress.log.pubsub_message import PubSubMessage


class MergedWindow(NamedTuple):
    """A window, and whether it holds all that was heard; if not, read again."""

    window: LogWindow
    whole: bool


def merge(read: LogWindow, heard: Iterable[PubSubMessage]) -> MergedWindow:
    """The window that was read, continued by what was heard."""
    epoch, seq = read.cursor
    later: list[Event] = []
    furthest, strange = seq, False
    for cursor, event, _ in heard:
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
    """The newest events without a hole, up to `head`; none if the last is missing."""
    start = len(events)
    expected = head
    while start and events[start - 1].seq == expected:
        start -= 1
        expected -= 1
    return tuple(events[start:])


def follows(events: Sequence[Event], seq: int) -> bool:
    """Whether the events follow on `seq`, one after the other."""
    return all(event.seq == seq + 1 + i for i, event in enumerate(events))


def as_of_now(events: Sequence[Event], known: int) -> tuple[Event, ...]:
    """The events, of which those from index `known` on say what is now."""
    now: dict[Subject, bytes | None] = {}
    for event in events[known:]:
        effect = event.type.effect
        if effect is not Effect.NOTHING:
            now[event.subject] = event.body if effect is Effect.SHOWS else None
    return tuple(
        as_it_is_now(event, now[event.subject]) if event.subject in now else event
        for event in events
    )

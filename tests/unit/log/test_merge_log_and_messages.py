"""Joining what was read of a log with what was heard while it was read."""

from __future__ import annotations

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject
from stoppress.log import merge_log_and_messages
from stoppress.log.merge_log_and_messages import as_of_now, contiguous, follows, merge
from stoppress.log.pubsub_message import PubSubMessage

WINDOW = next(
    kind
    for name, kind in vars(merge_log_and_messages).items()
    if name.endswith("Window")
)


def event(
    seq: int, post: str = "", body: bytes = b"old", kind: str = "post.published"
) -> Event:
    found = EventType.named(kind)
    assert found is not None
    return Event(seq, found, 0, Subject(found.subject, post or f"p{seq}"), body)


def received(one: Event | None, cursor: str) -> PubSubMessage:
    return PubSubMessage(Cursor.parse(cursor), one, False)


READ = WINDOW(Cursor("e", 2), (event(1), event(2)), b"feed")


def test_messages_continue_the_log() -> None:
    """What the reading had already is not taken twice."""
    merged = merge(READ, [received(event(n), f"e-{n}") for n in (2, 3, 4)])
    assert merged.whole and merged.window.cursor == Cursor("e", 4)
    assert [one.seq for one in merged.window.events] == [1, 2, 3, 4]
    assert merge(READ, []) == (READ, True)


def test_a_hole_is_not_bridged() -> None:
    """What is beyond it is read again."""
    merged = merge(READ, [received(event(n), f"e-{n}") for n in (3, 5)])
    assert not merged.whole
    assert [one.seq for one in merged.window.events] == [1, 2, 3]


def test_another_epoch_means_that_nothing_is_proved() -> None:
    """The reading may be older or newer than what was heard."""
    merged = merge(READ, [received(event(1), "f-1")])
    assert merged == (READ, False)


def test_a_message_without_an_event_proves_nothing() -> None:
    """A bell alone: it was read, or will be."""
    assert merge(READ, [received(None, "e-2")]).whole


def test_a_body_is_what_its_post_was_last() -> None:
    """Of a withdrawn post nothing is left, and the feed is the newest too."""
    merged = merge(
        READ,
        [
            received(event(3, "p1", b"new", "post.updated"), "e-3"),
            received(event(4, "p2", b"", "post.withdrawn"), "e-4"),
            received(event(5, "x", b"newer feed", "feed.updated"), "e-5"),
        ],
    )
    first, second, *_ = merged.window.events
    assert first.body == b"new" and first.type is EventType.PUBLISHED
    assert second == event(2, "p2", b"", "post.withdrawn")
    assert merged.window.feed == b"newer feed"


def test_only_newer_bodies_replace_those_read() -> None:
    events = (event(1, "p", b"a"), event(2, "p", b"b"))
    assert [one.body for one in as_of_now(events, 1)] == [b"b", b"b"]
    assert as_of_now(events, 2) == events


def test_contiguous_events_are_found_from_the_head_back() -> None:
    """Without the head there is nothing."""
    events = [event(n) for n in (1, 3, 4)]
    assert [one.seq for one in contiguous(events, 4)] == [3, 4]
    assert contiguous(events, 5) == ()
    assert contiguous([], 0) == ()


def test_events_that_follow_a_seq_have_no_gap() -> None:
    assert follows([event(3), event(4)], 2)
    assert not follows([event(4)], 2) and not follows([event(3), event(5)], 2)
    assert follows([], 2)

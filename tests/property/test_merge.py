"""What was read and what was heard make a whole, or say that they don't."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject, as_it_is_now
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log.merge_log_and_messages import contiguous, follows, merge
from stoppress.log.pubsub_message import PubSubMessage

EPOCH = "k3v9"
POSTS = ("p", "q", "r")


@dataclass
class History:
    """A log as it was written: each event with the body of its moment."""

    events: list[Event]

    def now(self, seq: int) -> dict[str, bytes | None]:
        """What each post (and the feed, "") is after `seq`; None: withdrawn."""
        now: dict[str, bytes | None] = {"": b"feed"}
        for event in self.events[:seq]:
            now[event.subject.id] = event.body or None
        return now

    def window(self, first: int, head: int) -> LogWindow:
        """The log from `first`, as it is read when `head` is its end."""
        now = self.now(head)
        events = tuple(
            as_it_is_now(event, now[event.subject.id])
            for event in self.events[first - 1 : head]
        )
        return LogWindow(Cursor(EPOCH, head), events, now[""] or b"")

    def received(self, seq: int) -> PubSubMessage:
        """The message of an event."""
        return PubSubMessage(Cursor(EPOCH, seq), self.events[seq - 1])

    def agrees(self, window: LogWindow, first: int, head: int) -> bool:
        """Whether a window says what one read at `head` would.

        What was read before a post came back may still say that it was withdrawn, up to
        that withdrawal: a reader hears of the return later, in both.
        """
        whole = self.window(first, head)
        return (
            window._replace(events=()) == whole._replace(events=())
            and len(window.events) == len(whole.events)
            and all(
                one == other or (_is_gone(one, other) and self._goes_after(one))
                for one, other in zip(window.events, whole.events, strict=True)
            )
        )

    def _goes_after(self, event: Event) -> bool:
        return any(
            later.type is EventType.WITHDRAWN and later.subject == event.subject
            for later in self.events[event.seq :]
        )


def _is_gone(one: Event, other: Event) -> bool:
    return one == other._replace(type=EventType.WITHDRAWN, body=b"")


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to 30 events of three posts and the feed."""
    events: list[Event] = []
    there: set[str] = set()
    gone: set[str] = set()
    for seq in range(1, draw(st.integers(1, 30)) + 1):
        post = draw(st.sampled_from(("", *POSTS)))
        kind = EventType.FEED
        if post in gone:
            # Put back.
            kind = EventType.PUBLISHED
            gone.discard(post)
        elif post:
            kind = EventType.UPDATED if post in there else EventType.PUBLISHED
            there.add(post)
            if kind is EventType.UPDATED and draw(st.booleans()):
                kind = EventType.WITHDRAWN
                gone.add(post)
        body = b"" if kind is EventType.WITHDRAWN else b"%d" % seq
        subject = Subject(kind.subject, post)
        events.append(Event(seq, kind, seq, subject, body))
    return History(events)


@given(histories(), st.data())
def test_a_merge_equals_a_read_at_the_end(
    history: History, data: st.DataObject
) -> None:
    """If every later event was received, whenever listening began."""
    last = len(history.events)
    head = data.draw(st.integers(0, last))
    first = data.draw(st.integers(1, head + 1))
    began = data.draw(st.integers(1, head + 1))
    received = [history.received(seq) for seq in range(began, last + 1)]
    merged = merge(history.window(first, head), received)
    assert merged.whole
    assert history.agrees(merged.window, first, last)


@given(histories(), st.data())
def test_the_window_is_correct_whatever_is_received(
    history: History, data: st.DataObject
) -> None:
    """Messages lost, repeated and out of order: no hole, and no unproven event."""
    last = len(history.events)
    head = data.draw(st.integers(0, last))
    first = data.draw(st.integers(1, head + 1))
    seqs = data.draw(st.lists(st.integers(1, last), max_size=40))
    merged = merge(history.window(first, head), [history.received(seq) for seq in seqs])
    end = merged.window.cursor.seq
    assert history.agrees(merged.window, first, end)
    later = [seq for seq in seqs if seq > head]
    if merged.whole:
        assert end == max([head, *later])
    elif later:
        assert end < max(later)


def test_a_hole_filled_later_is_closed() -> None:
    """Received out of order and again: whole, once nothing is missing."""
    events = [
        Event(seq, EventType.FEED, seq, Subject.feed(""), b"%d" % seq)
        for seq in (1, 2, 3)
    ]
    history = History(events)
    for seqs, whole in (((3, 2, 3), True), ((3, 2), False), ((3,), False)):
        received = [history.received(seq) for seq in seqs]
        assert merge(history.window(1, 1), received).whole is whole


@given(histories(), st.data())
def test_a_withdrawn_post_leaves_no_text(history: History, data: st.DataObject) -> None:
    """Whether its withdrawal was read or received."""
    last = len(history.events)
    head = data.draw(st.integers(0, last))
    received = [history.received(seq) for seq in range(head + 1, last + 1)]
    window = merge(history.window(1, head), received).window
    gone = {post for post, body in history.now(last).items() if body is None}
    for event in window.events:
        if event.subject.id in gone:
            assert (event.type, event.body) == (EventType.WITHDRAWN, b"")


@given(histories(), st.data())
def test_epochs_are_never_mixed(history: History, data: st.DataObject) -> None:
    """An event of another epoch causes a new read."""
    last = len(history.events)
    head = data.draw(st.integers(0, last))
    received = [history.received(seq) for seq in range(head + 1, last + 1)]
    stranger = PubSubMessage(
        Cursor("zzzz", head + 1), history.events[0]._replace(seq=head + 1)
    )
    at = data.draw(st.integers(0, len(received)))
    received.insert(at, stranger)
    merged = merge(history.window(1, head), received)
    assert not merged.whole
    assert history.agrees(merged.window, 1, last)


@given(st.sets(st.integers(1, 40)), st.integers(0, 45))
def test_contiguous_is_the_longest_tail_up_to_the_head(
    seqs: set[int], head: int
) -> None:
    """Without the head it is empty."""
    events = [
        Event(seq, EventType.FEED, 0, Subject.feed(""), b"f") for seq in sorted(seqs)
    ]
    tail = [event.seq for event in contiguous(events, head)]
    if head not in seqs or max(seqs) != head:
        assert tail == []
    else:
        assert tail == list(range(tail[0], head + 1))
        assert tail[0] - 1 not in seqs


@given(st.lists(st.integers(1, 6), max_size=5), st.integers(0, 6))
def test_follows_is_one_after_the_other(seqs: list[int], seq: int) -> None:
    """Beginning with the next seq."""
    events = [Event(one, EventType.FEED, 0, Subject.feed(""), b"f") for one in seqs]
    assert follows(events, seq) == (seqs == list(range(seq + 1, seq + 1 + len(seqs))))

"""What passes between the desk and the log."""

from __future__ import annotations

from stoppress.domain import store_requests_and_results
from stoppress.domain.cursor import Cursor
from stoppress.domain.event import Event, EventType, Subject
from stoppress.domain.store_requests_and_results import Change, Write, Written

EVENT = Event(1, EventType.PUBLISHED, 0, Subject.post("p"), b"{}")


def test_a_change_asks_for_no_more_than_it_must() -> None:
    """No order and no external id, unless they are given."""
    change = Change(EventType.WITHDRAWN, Subject.post("p"), 3, 4, b"")
    assert (change.order, change.external_id) == (0, None)


def test_a_write_has_no_key_unless_it_is_given_one() -> None:
    assert Write("x", (), 0, "", "").idempotency is None
    assert not Written("p", Cursor("e", 1)).repeated


def test_the_first_event_of_a_window_is_counted_back_from_its_head() -> None:
    """Of an empty one it is the event that will come next."""
    window = next(
        kind
        for name, kind in vars(store_requests_and_results).items()
        if name.endswith("Window")  # of the log
    )
    cursor = Cursor("e", 9)
    assert window(cursor, (EVENT,) * 4, b"{}").first == 6
    assert window(cursor, (), b"{}").first == 10

"""An event as Redis holds it: known, of a later release, or damaged."""

from __future__ import annotations

import pytest

from stoppress.domain.event import NO_SUBJECT, Event, EventType, Subject
from stoppress.log.event_record import LATEST_MS, read_event, recorded_post


def test_reads_what_was_written() -> None:
    """A post by its id, the feed by its slug; and back to what is written."""
    post = read_event("x", 7, "post.updated", "12", "p")
    feed = read_event("x", 8, "feed.updated", "0", "")
    assert post == Event(7, EventType.UPDATED, 12, Subject.post("p"), b"")
    assert feed == Event(8, EventType.FEED, 0, Subject.feed("x"), b"")
    assert (recorded_post(post.subject), recorded_post(feed.subject)) == ("p", "")


@pytest.mark.parametrize("post", ["", "p", "any thing"])
def test_a_later_type_has_no_subject(post: str) -> None:
    """Whatever it is about there."""
    found = read_event("x", 7, "later.noted", "12", post)
    assert found == Event(7, EventType("later.noted"), 12, NO_SUBJECT, b"")


@pytest.mark.parametrize(
    ("seq", "kind", "at", "post"),
    [
        (0, "post.updated", "12", "p"),
        (2**53, "post.updated", "12", "p"),
        (7, "", "12", "p"),
        (7, "beat", "12", "p"),
        (7, "post.updated", "", "p"),
        (7, "post.updated", "-1", "p"),
        (7, "post.updated", " 1", "p"),
        (7, "post.updated", str(LATEST_MS + 1), "p"),
        (7, "post.updated", "9" * 30, "p"),
        (7, "post.updated", "12", ""),
        (7, "feed.updated", "12", "p"),
    ],
)
def test_a_damaged_record_is_no_event(seq: int, kind: str, at: str, post: str) -> None:
    """It is told from what is only new."""
    assert read_event("x", seq, kind, at, post) is None

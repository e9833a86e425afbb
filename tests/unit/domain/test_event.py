"""An event as a replay shows it: as the post is now, not as it was."""

from __future__ import annotations

from stoppress.domain.event import Event, EventType, as_it_is_now

PUBLISHED = Event(7, EventType.PUBLISHED, 1000, "p1", b'{"id":"p1","rev":1}')


def test_a_replayed_event_has_the_text_of_now() -> None:
    """Its place, kind and time stay what they were."""
    now = as_it_is_now(PUBLISHED, b'{"id":"p1","rev":2}')
    assert now == PUBLISHED._replace(body=b'{"id":"p1","rev":2}')


def test_of_a_withdrawn_post_only_that_is_told() -> None:
    """At the seq of the event, so that no seq is missing; no word of the text."""
    now = as_it_is_now(PUBLISHED, None)
    assert now == Event(7, EventType.WITHDRAWN, 1000, "p1", b"")


def test_types_are_what_the_line_calls_them() -> None:
    """They go out as they are: their text is part of the contract."""
    assert {f"{one}" for one in EventType} >= {
        *("post.published", "post.updated", "post.withdrawn", "feed.updated"),
    }

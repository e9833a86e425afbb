"""Which Accept headers ask for an event stream."""

from __future__ import annotations

import pytest

from stoppress.web.line.accepts_event_stream import accepts_event_stream


@pytest.mark.parametrize(
    "accept",
    [
        ["text/event-stream"],
        ["Text/Event-Stream"],
        ["TEXT/EVENT-STREAM;Q=0.5"],
        ["text/event-stream; charset=utf-8"],
        ["application/json", "text/event-stream"],
        ["application/json, text/event-stream"],
        ["text/event-stream, */*;q=0.1"],
        ["*/*;q=0.8,text/event-stream"],
        ["text/event-stream;q=0.4, */*;q=0.3"],
        ["text/*"],
        ["text/event-stream;v=1;q=1.0"],
    ],
)
def test_asks_for_a_stream(accept: list[str]) -> None:
    """In any case, in several headers, with parameters and weights."""
    assert accepts_event_stream(accept)


@pytest.mark.parametrize(
    "accept",
    [
        [],
        [""],
        ["*/*"],
        ["application/json"],
        ["text/html, application/xhtml+xml, */*;q=0.8"],
        ["text/event-stream;q=0"],
        ["text/event-stream; q=0.000"],
        ["text/event-stream;q=0, */*"],
        ["text/event-stream;q=none"],
        ["application/json, text/event-stream;q=0.5"],
        ["application/*;q=0.9, text/event-stream;q=0.8"],
        ["text/event-streams"],
        ["xtext/event-stream"],
        ["text/*;q=0"],
    ],
)
def test_asks_for_a_poll(accept: list[str]) -> None:
    """A stream is not named, is ruled out, or is liked less than JSON."""
    assert not accepts_event_stream(accept)

"""The first messages of a follow: encoded once for those at the same position."""

from __future__ import annotations

import json

from stoppress.domain.cursor import Cursor
from stoppress.hub.hello_and_reset import HelloAndReset
from stoppress.wire.wire_formats import WireFormat
from tests.unit.hub.benches import Bench

LINES = WireFormat.LINES


def test_follows_at_one_position_share_their_hello() -> None:
    """Another position, format, second or kind of start gets its own."""
    now_s = [1_795_900_000.25]
    messages = HelloAndReset("x", Bench(), lambda: now_s[0])
    first = messages.hello(LINES, True, Cursor("k3v9", 3))
    assert messages.hello(LINES, True, Cursor("k3v9", 3)) is first
    assert json.loads(first)["cursor"] == "k3v9-3"
    assert json.loads(first)["at"] == "2026-11-28T21:06:40.250Z"
    now_s[0] += 0.5
    assert messages.hello(LINES, True, Cursor("k3v9", 3)) is first
    now_s[0] += 0.5
    assert messages.hello(LINES, True, Cursor("k3v9", 3)) != first
    assert messages.hello(LINES, True, Cursor("k3v9", 4)) != first
    assert messages.hello(LINES, False, Cursor("k3v9", 3)) != first
    assert messages.hello(WireFormat.STREAM, True, Cursor("k3v9", 3)) != first


def test_a_reset_says_over_how_long_to_spread_the_requests() -> None:
    messages = HelloAndReset("x", Bench(reset_spread_ms=700))
    reset = json.loads(messages.reset(LINES, Cursor("k3v9", 3), 1000))
    assert (reset["type"], reset["cursor"], reset["retry_ms"]) == (
        "reset",
        "k3v9-3",
        messages.reset_spread_ms(1000),
    )

"""What the live line knows of a feed."""

from __future__ import annotations

import json

from stoppress.domain.timestamps import instant
from stoppress.hub.feed_status_and_access import ANYONE, ENDS_AFTER_MS, FeedState
from stoppress.wire.close_codes import CloseCode

CLOSED = 1_795_339_800_000


def feed_state(**more: object) -> FeedState:
    """The facts of a public feed."""
    kept = {"status": "live", "visibility": "public", "show_readers": False}
    return FeedState.of(json.dumps(kept | {"closed_at": None} | more).encode())


def test_a_closed_feeds_line_ends_an_hour_after_closing() -> None:
    """Whatever was changed since: only opening it again keeps the line."""
    changed = CLOSED + ENDS_AFTER_MS // 2
    closed = feed_state(
        status="closed", closed_at=instant(CLOSED), updated_at=instant(changed)
    )
    last = CLOSED + ENDS_AFTER_MS - 1
    assert closed.refusal("x", ANYONE, last) is None
    assert closed.refusal("x", ANYONE, last + 1) is CloseCode.ENDED
    assert feed_state().refusal("x", ANYONE, last + 1) is None

"""How to read from and publish to one kind of server."""

from __future__ import annotations

import json

import pytest

from stoppress.bench.requests_per_server_kind import STOP_PRESS
from stoppress.bench.run_plan_and_result import MARK
from tests.unit.bench.test_many_readers_in_one_process import plan

PLAN = plan(("127.0.0.1", 8000))._replace(feed="load", token="sp_t")


def test_a_post_of_ours_has_its_mark_and_its_size() -> None:
    """The mark stands in the headline, where a reader's message has it."""
    post = json.loads(STOP_PRESS.post(7, 300))
    assert post["headline"] == f"{MARK.decode()} 7"
    assert 290 <= len(post["body"]) <= 300


def test_a_peer_gets_a_message_of_that_size() -> None:
    """With the same mark in it."""
    message = STOP_PRESS._replace(is_ours=False).post(7, 300)
    assert message.startswith(MARK + b" 7 ") and len(message) == 300


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_a_reader_asks_as_a_browser_does(transport: str) -> None:
    """With the token where it may be needed; a peer never sees it."""
    one = PLAN._replace(transport=transport)  # type: ignore[arg-type]
    request = STOP_PRESS.request(one).decode()
    first, *lines = request.split("\r\n")
    assert (
        "load" in first and first.endswith("HTTP/1.1") and request.endswith("\r\n\r\n")
    )
    assert "Authorization: Bearer sp_t" in lines
    assert ("Upgrade: websocket" in lines) is (transport == "websocket")
    assert "sp_t" not in STOP_PRESS._replace(is_ours=False).request(one).decode()


def test_compression_is_offered_where_it_is_asked_for() -> None:
    assert b"permessage-deflate" not in STOP_PRESS.request(PLAN)
    assert b"permessage-deflate" in STOP_PRESS.request(PLAN._replace(deflate=True))

"""The desk as a whole: its parts write to one store, by one clock."""

from __future__ import annotations

import json

import pytest

from stoppress.desk.desk import Desk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from tests.memory_store import MemoryStore

ME = Requester("me")


@pytest.mark.asyncio
async def test_its_parts_share_store_and_clock() -> None:
    """A feed made by one part takes the posts of the next, each at the clock's time."""
    store = MemoryStore()
    desk = Desk(store, clock=lambda: 1_795_000_000_000)
    given = read_new_feed(b'{"slug":"quay","title":"Quay"}')
    feed = json.loads((await desk.feeds.make(given, ME)).body)
    made = await desk.posts.publish("quay", b'{"headline":"x"}', ME)
    post = json.loads(made.body)
    assert feed["created_at"] == post["published_at"]
    left = json.dumps({"id": made.post, "rev": 1}).encode()
    assert await desk.imports.put_withdrawn("quay", made.post, left, ME) is not None
    assert await desk.posts.withdraw("quay", made.post, None, ME) is None

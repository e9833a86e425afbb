"""Publishing drafts where several hands meet; the routes' tests say the rest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.drafts import DraftDesk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.draft_errors import (
    NoDraft,
)
from stoppress.domain.errors import (
    StaleRevision,
)
from stoppress.domain.store_requests_and_results import Change, Write, Written
from stoppress.domain.timestamps import instant
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

EDITOR = Caller(id="e", name="Eve", kind="session", scopes=("publish",))
ME = Requester("e")
FEED = b'{"slug":"x","title":"X"}'


class Raced(MemoryStore):
    """Somebody else is a step ahead of the first publication."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: Any = None

    async def publish_draft(self, write: Write, draft: Change) -> Written:
        """Let the other go first."""
        ahead, self.ahead = self.ahead, None
        if ahead is not None:
            await ahead()
        return await super().publish_draft(write, draft)


async def desk_of(store: MemoryStore) -> tuple[DraftDesk, str]:
    """A desk, and a draft there."""
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(FEED), ME)
    made = await desk.drafts.create("x", b'{"headline":"H"}', EDITOR, ME)
    return desk.drafts, made.post


async def test_concurrent_publications_make_one_post() -> None:
    """The second gets the first one's post."""
    store = Raced()
    drafts, name = await desk_of(store)
    store.ahead = lambda: drafts.publish("x", name, None, Requester("other"))
    done = await drafts.publish("x", name, None, ME)
    assert (done.post, done.repeated, done.rev) == (name, True, 1)
    assert len(store.kept["x"].events) == 1
    kinds = [event.type.name for event in store.kept["x/desk"].events]
    assert kinds == ["draft.created", "draft.published"]


async def test_words_saved_meanwhile_are_published_or_refused() -> None:
    """Without If-Match the newest words go out; with it nothing does."""
    store = Raced()
    drafts, name = await desk_of(store)

    async def save() -> None:
        await drafts.put("x", name, b'{"headline":"New"}', None, EDITOR, ME)

    store.ahead = save
    with pytest.raises(StaleRevision) as stale:
        await drafts.publish("x", name, frozenset({1}), ME)
    assert stale.value.rev == 2
    store.ahead = None
    done = await drafts.publish("x", name, None, ME)
    assert msgspec.json.decode(done.body)["headline"] == "New"


async def test_a_draft_that_is_no_longer_due_is_not_published() -> None:
    """The index says no more than "look there"."""
    store = MemoryStore()
    store.clock = lambda: 1_000_000
    drafts, name = await desk_of(store)
    with pytest.raises(NoDraft):
        await drafts.publish("x", name, None, ME, due=2_000_000, at=2_000_100)
    given = {"headline": "H", "state": "scheduled", "publish_at": instant(2_000_000)}
    await drafts.put("x", name, msgspec.json.encode(given), None, EDITOR, ME)
    with pytest.raises(NoDraft):
        await drafts.publish("x", name, None, ME, due=1_500_000, at=2_000_100)
    done = await drafts.publish("x", name, None, ME, due=2_000_000, at=2_000_100)
    assert msgspec.json.decode(done.body)["published_at"] == instant(2_000_000)
    assert store.kept["x"].events[-1].at == 2_000_100

"""The commands for drafts; the routes' tests say the rest."""

from __future__ import annotations

import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.drafts import DraftDesk
from stoppress.desk.feeds import read_new_feed
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.domain.draft_errors import (
    DraftGone,
    NoDraft,
)
from stoppress.domain.errors import (
    NotFound,
)
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

EDITOR = Caller(id="e", name="Eve", kind="session", scopes=("publish",))
ME = Requester("e")
FEED = b'{"slug":"x","title":"X"}'


async def desk_of(store: MemoryStore) -> tuple[DraftDesk, str]:
    """A desk, and a draft there."""
    desk = Desk(store)
    await desk.feeds.make(read_new_feed(FEED), ME)
    made = await desk.drafts.create("x", b'{"headline":"H"}', EDITOR, ME)
    return desk.drafts, made.post


async def test_a_draft_that_is_gone() -> None:
    """Deleted is not published; both are told apart."""
    store = MemoryStore()
    drafts, name = await desk_of(store)
    await drafts.delete("x", name, None, EDITOR, ME)
    await drafts.delete("x", name, None, EDITOR, ME)
    with pytest.raises(DraftGone, match="deleted"):
        await drafts.publish("x", name, None, ME)
    with pytest.raises(NoDraft):
        await drafts.publish("x", "none", None, ME)
    with pytest.raises(NotFound):
        await drafts.read("none", name, EDITOR)

"""Drafts in the store: what a removal is, and what became of one that is gone."""

from __future__ import annotations

import pytest

from stoppress.desk.read_and_save_drafts import removal
from stoppress.domain.draft_errors import (
    DraftGone,
    NoDraft,
)
from stoppress.domain.event import EventType
from stoppress.domain.keep_unknown_members import STORED_DRAFTS
from tests.memory_store import MemoryStore
from tests.unit.desk.test_draft_publishing import ME, desk_of

pytestmark = pytest.mark.asyncio


async def test_a_removal_replaces_the_revision_that_was_read() -> None:
    """So that words saved meanwhile are not lost."""
    store = MemoryStore()
    _, name = await desk_of(store)
    body = await store.post("x/desk", name)
    change = removal(EventType.DRAFT_DELETED, STORED_DRAFTS.read(body), body)
    assert (change.expected, change.rev, change.body, change.before) == (
        *(1, 2, b""),
        body,
    )


async def test_a_missing_draft_is_unknown_or_published() -> None:
    """Published ones name their post; others were never there, or are deleted."""
    store = MemoryStore()
    drafts, name = await desk_of(store)
    with pytest.raises(NoDraft):
        await drafts._body("x", "none")
    await drafts.publish("x", name, None, ME)
    with pytest.raises(DraftGone) as gone:
        await drafts._body("x", name)
    assert gone.value.published == name

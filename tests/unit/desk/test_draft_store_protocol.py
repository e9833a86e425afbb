"""The interface of the store for drafts."""

from __future__ import annotations

from stoppress.desk.draft_store_protocol import DraftStore, DueDraft
from stoppress.log.store import RedisStore
from tests.memory_store import MemoryStore


def test_both_stores_have_every_method() -> None:
    """mypy compares the types; the contract suite compares what they do."""
    names = {name for name in vars(DraftStore) if not name.startswith("_")}
    assert {"open_desk_log", "publish_draft", "schedule"} <= names
    for store in (MemoryStore, RedisStore):
        assert all(hasattr(store, name) for name in names)


def test_due_drafts_sort_by_feed() -> None:
    """A plain tuple."""
    assert DueDraft("a", "d", 2) < DueDraft("b", "d", 1)

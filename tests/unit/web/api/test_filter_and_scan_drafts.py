"""Which drafts are listed, and to whom."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.stored_draft_from_input_and_to_post import new_draft
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.draft import DraftInput, Person
from stoppress.domain.errors import Invalid
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import Change, Write
from stoppress.web.api.filter_and_scan_drafts import (
    DraftFilter,
    filtered_drafts,
    mark_in,
)
from tests.memory_store import MemoryStore

EDITOR = Caller(id="e", name="e", kind="session", scopes=("publish",))
WRITER = Caller(id="w", name="w", kind="session", scopes=("draft",))


def test_a_contributor_lists_only_its_own_drafts() -> None:
    """Whatever filter it sends."""
    assert DraftFilter.of({"owner": "e"}, WRITER, "x").owner == "w"
    assert DraftFilter.of({"owner": "w"}, EDITOR, "x").owner == "w"
    assert DraftFilter.of({"owner": "me"}, EDITOR, "x").owner == "e"
    assert DraftFilter.of({}, EDITOR, "x") == DraftFilter()


@pytest.mark.parametrize("query", [{"state": "x"}, {"text": "x" * 201}])
def test_an_invalid_filter_is_refused(query: dict[str, str]) -> None:
    """The error names the filter."""
    with pytest.raises(Invalid, match=next(iter(query))):
        DraftFilter.of(query, EDITOR, "x")
    with pytest.raises(Invalid):
        mark_in({"before": "!"})


@pytest.mark.asyncio
async def test_drafts_scanned_per_page_are_limited() -> None:
    """A page may hold fewer than asked for, and its `next` leads on."""
    store = MemoryStore()
    await store.make_feed("x", b"{}", 1, None)
    await store.open_desk_log("x")
    for n in range(1100):
        draft = new_draft(DraftInput(headline=f"H{n}"), f"d{n:04}", Person("e"), n)
        change = Change(
            EventType.DRAFT_CREATED,
            Subject.draft(draft.id),
            *(0, 1, msgspec.json.encode(draft)),
            n,
        )
        await store.write(Write(desk_log_of("x"), (change,), n, "", ""))
    choice = DraftFilter(text="h5")
    found, mark = await filtered_drafts(store, "x", choice, None, 500)
    assert mark is not None and len(found) == 100
    rest, end = await filtered_drafts(store, "x", choice, mark, 500)
    assert end is None and len(rest) == 11

"""A draft has a post's fields, and its own."""

from __future__ import annotations

import msgspec

from stoppress.domain.draft import Draft, DraftInput, Person
from stoppress.domain.keep_unknown_members import STORED_DRAFTS
from stoppress.domain.post import PostInput


def test_a_draft_has_every_field_of_a_post() -> None:
    """So that nothing is lost when it is published."""
    assert set(PostInput.__struct_fields__) < set(DraftInput.__struct_fields__)
    assert set(DraftInput.__struct_fields__) < set(Draft.__struct_fields__)


def test_its_state_is_always_stored() -> None:
    """Also the first one, which input may leave out."""
    person = Person("p")
    draft = Draft(
        id="d",
        state="draft",
        owner=person,
        edited_by=person,
        created_at="a",
        updated_at="a",
        rev=1,
    )
    assert b'"state":"draft"' in msgspec.json.encode(draft)


def test_members_of_a_later_release_survive() -> None:
    """As in posts."""
    kept = (
        b'{"id":"d","state":"draft","owner":{"id":"p","desk":"Sport"},"mood":1,'
        b'"edited_by":{"id":"p"},"created_at":"a","updated_at":"a","rev":1}'
    )
    draft = STORED_DRAFTS.read(kept)
    after = STORED_DRAFTS.written(msgspec.structs.replace(draft, rev=2), kept)
    assert msgspec.json.decode(after)["mood"] == 1
    assert msgspec.json.decode(after)["owner"] == {"id": "p", "desk": "Sport"}

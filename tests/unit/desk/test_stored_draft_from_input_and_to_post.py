"""What is sent becomes a stored draft, and that a post."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.stored_draft_from_input_and_to_post import (
    check_draft_input,
    commented_draft,
    due_ms,
    edited_draft,
    equal_revs,
    new_draft,
    person_behind,
    post_input,
    refused_draft,
    same_input,
    uncommented_draft,
)
from stoppress.domain.draft import MAX_COMMENTS, DraftInput, Person
from stoppress.domain.errors import Invalid

ADA, BO = Person("ada"), Person("bo")
WORDS = DraftInput(headline="H", tags=("a", "a"))


def test_a_program_is_marked() -> None:
    """What a token saves is what a program proposes."""
    made = Caller(id="t", name="CMS", kind="token", scopes=("draft",))
    assert person_behind(made) == Person("t", "CMS", True)
    assert person_behind(msgspec.structs.replace(made, kind="session")).program is False


def test_input_is_normalized_and_checked() -> None:
    """As a post's; a time and the state scheduled go together."""
    assert check_draft_input(WORDS).tags == ("a",)
    assert check_draft_input(DraftInput()) == DraftInput()
    due = msgspec.structs.replace(
        WORDS, state="scheduled", publish_at="2030-01-01T01:00:00+01:00"
    )
    assert check_draft_input(due).publish_at == "2030-01-01T00:00:00.000Z"
    for wrong in (
        DraftInput(state="submitted"),
        msgspec.structs.replace(WORDS, state="scheduled"),
        msgspec.structs.replace(due, state="draft"),
        DraftInput(external_id=".."),
    ):
        with pytest.raises(Invalid):
            check_draft_input(wrong)


def test_a_draft_keeps_an_external_id_from_before() -> None:
    """One that new drafts may not have."""
    before = new_draft(DraftInput(external_id=".."), "d", ADA, 1000)
    kept = DraftInput(headline="H", external_id="..")
    assert check_draft_input(kept, before) == kept


def test_author_and_approver_are_recorded() -> None:
    """An edit removes the approval, unless its author approves it."""
    draft = new_draft(WORDS, "d", ADA, 1000)
    assert (draft.owner, draft.edited_by, draft.approved_by) == (ADA, ADA, None)
    approved = msgspec.structs.replace(WORDS, state="approved")
    by_bo = edited_draft(draft, approved, BO, 2000)
    assert (by_bo.edited_by, by_bo.approved_by, by_bo.rev) == (ADA, BO, 2)
    still = edited_draft(by_bo, msgspec.structs.replace(approved, notes="n"), ADA, 3000)
    assert (still.edited_by, still.approved_by) == (ADA, BO)
    other = msgspec.structs.replace(approved, headline="Other")
    assert edited_draft(by_bo, other, ADA, 3000).approved_by == ADA
    assert edited_draft(by_bo, WORDS, ADA, 3000).approved_by is None


def test_the_same_input_again_is_no_change() -> None:
    """So it makes no event."""
    draft = new_draft(WORDS, "d", ADA, 1000)
    assert same_input(draft, WORDS)
    assert not same_input(draft, msgspec.structs.replace(WORDS, notes="n"))


def test_comments_have_a_bound() -> None:
    """The one too many is refused."""
    draft = new_draft(WORDS, "d", ADA, 1000)
    for n in range(MAX_COMMENTS):
        draft = commented_draft(draft, "c", f"c{n}", BO, 2000)
    assert draft.rev == MAX_COMMENTS + 1 and draft.comments[0].by == BO
    with pytest.raises(Invalid):
        commented_draft(draft, "c", "c", BO, 2000)


def test_a_draft_that_was_refused_at_its_time_has_the_reason() -> None:
    """It is approved again, and the next change takes the reason away."""
    due = msgspec.structs.replace(
        WORDS, state="scheduled", publish_at="2030-01-01T00:00:00.000Z"
    )
    draft = new_draft(due, "d", ADA, 1000)
    assert due_ms(draft) == 1_893_456_000_000
    refused = refused_draft(draft, "x" * 900, 2000)
    assert (refused.state, due_ms(refused)) == ("approved", None)
    assert refused.refusal == "x" * 500
    assert edited_draft(refused, WORDS, ADA, 3000).refusal is None


def test_the_post_of_a_draft() -> None:
    """Its words alone; an empty one has none."""
    draft = new_draft(msgspec.structs.replace(WORDS, notes="n"), "d", ADA, 1000)
    assert post_input(draft).headline == "H"
    with pytest.raises(Invalid):
        post_input(new_draft(DraftInput(), "d", ADA, 1000))


def test_comments_leave_the_text_as_it_is() -> None:
    """Revisions that differ in comments alone count as one, until the text changes."""
    draft = new_draft(WORDS, "d", ADA, 1000)
    assert list(equal_revs(draft)) == [1]
    said = commented_draft(draft, "Who says so?", "c1", BO, 2000)
    said = commented_draft(said, "The harbour master.", "c2", ADA, 3000)
    assert list(equal_revs(said)) == [1, 2, 3]
    less = uncommented_draft(said, "c1", 4000)
    assert ([one.id for one in less.comments], less.rev) == (["c2"], 4)
    assert list(equal_revs(less)) == [1, 2, 3, 4]
    other = msgspec.structs.replace(WORDS, headline="Other")
    edited = edited_draft(less, other, BO, 5000)
    assert (list(equal_revs(edited)), edited.commented_revs) == ([5], None)
    # An earlier release changed the text, and left the member as it was.
    earlier = msgspec.structs.replace(less, headline="Other", rev=5)
    assert list(equal_revs(earlier)) == [5]
    assert list(equal_revs(commented_draft(earlier, "x", "c3", BO, 6000))) == [5, 6]

"""Who may do what with a draft."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.desk import draft_permissions
from stoppress.desk.caller import Caller, Scope
from stoppress.domain.draft import Comment, Draft, DraftInput, DraftState, Person
from stoppress.domain.draft_errors import (
    NoComment,
    NoDraft,
    OnlyForEditors,
    SecondPersonNeeded,
)


def caller(name: str, scope: Scope, *feeds: str) -> Caller:
    """Somebody."""
    return Caller(
        id=name, name=name, kind="token", scopes=(scope,), feeds=feeds or None
    )


def draft(owner: str, state: DraftState = "draft", approved_by: str = "") -> Draft:
    """A draft of somebody."""
    return Draft(
        id="d",
        state=state,
        owner=Person(owner),
        edited_by=Person(owner),
        approved_by=Person(approved_by) if approved_by else None,
        created_at="a",
        updated_at="a",
        rev=1,
    )


def test_a_draft_is_visible_to_its_owner_and_publishers() -> None:
    """Publishers of that feed."""
    draft_permissions.check_may_see(caller("a", "draft"), "x", draft("a"))
    draft_permissions.check_may_see(caller("b", "publish", "x"), "x", draft("a"))
    for other in (caller("b", "draft"), caller("b", "publish", "y")):
        with pytest.raises(NoDraft):
            draft_permissions.check_may_see(other, "x", draft("a"))


@pytest.mark.parametrize("state", ["approved", "scheduled"])
def test_a_contributor_changes_only_what_is_open(state: DraftState) -> None:
    """And approves nothing; an editor does both."""
    mine, given = caller("a", "draft"), DraftInput(headline="H", state="submitted")
    draft_permissions.check_may_change(mine, "x", draft("a"), given)
    draft_permissions.check_may_change(mine, "x", draft("a", "submitted"), None)
    with pytest.raises(OnlyForEditors, match="ask an editor"):
        draft_permissions.check_may_change(mine, "x", draft("a", state), given)
    with pytest.raises(OnlyForEditors, match="submit it"):
        draft_permissions.check_may_change(mine, "x", None, DraftInput(state=state))
    editor = caller("b", "publish")
    draft_permissions.check_may_change(editor, "x", draft("a", state), given)
    draft_permissions.check_may_change(editor, "x", draft("a"), DraftInput(state=state))


def test_a_comment_is_removed_by_its_author_or_a_publisher() -> None:
    """A publisher of that feed."""
    said = Comment("c", Person("b"), "2026-11-28T12:00:00.000Z", "Who says so?")
    kept = msgspec.structs.replace(draft("a"), comments=(said,))
    draft_permissions.check_may_remove(caller("b", "draft"), "x", kept, "c")
    draft_permissions.check_may_remove(caller("e", "publish", "x"), "x", kept, "c")
    with pytest.raises(OnlyForEditors, match="another person's"):
        draft_permissions.check_may_remove(caller("a", "draft"), "x", kept, "c")
    with pytest.raises(NoComment):
        draft_permissions.check_may_remove(caller("e", "publish"), "x", kept, "other")


@pytest.mark.parametrize(
    ("author", "approver", "publisher", "is_enough"),
    [
        ("a", "", "a", False),
        ("a", "a", "a", False),
        ("a", "", "b", True),
        ("a", "b", "a", True),
        ("a", "b", "b", True),
        ("a", "a", "b", True),
    ],
)
def test_the_two_person_rule_counts_author_approver_and_publisher(
    author: str, approver: str, publisher: str, is_enough: bool
) -> None:
    """They must not all be the same person."""
    made = draft(author, "approved", approver)
    if is_enough:
        draft_permissions.check_two_people(made, publisher)
        return
    with pytest.raises(SecondPersonNeeded):
        draft_permissions.check_two_people(made, publisher)

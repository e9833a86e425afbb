"""The permissions for drafts, as pure functions.

Rules:
- Editors (who may publish) see and change everybody's drafts.
- Contributors (who may only draft) see their own drafts, and change them until an
  editor approves them. They can submit a draft and take it back, but not approve,
  schedule or publish it.
- A comment is removed by its author or by an editor.
- If a feed requires two people for a breaking post, the person who approves or
  publishes it must not be the last to have changed its text.
"""

from __future__ import annotations

from stoppress.desk.caller import Caller
from stoppress.domain.draft import Draft, DraftInput
from stoppress.domain.draft_errors import (
    NoComment,
    NoDraft,
    OnlyForEditors,
    SecondPersonNeeded,
)

_OPEN = ("draft", "submitted")


def check_may_see(caller: Caller, feed: str, draft: Draft) -> None:
    """Raises NoDraft if the caller may not see the draft."""
    if caller.id != draft.owner.id and not caller.may("publish", feed):
        raise NoDraft(feed, draft.id)


def check_may_change(
    caller: Caller, feed: str, before: Draft | None, given: DraftInput | None
) -> None:
    """Raises NoDraft, OnlyForEditors. `given` is None if the draft is deleted."""
    if before is not None:
        check_may_see(caller, feed, before)
    if caller.may("publish", feed):
        return
    if before is not None and before.state not in _OPEN:
        raise OnlyForEditors(
            f"the draft is {before.state}: ask an editor to take it back", feed
        )
    if given is not None and given.state not in _OPEN:
        word = "approve" if given.state == "approved" else "schedule"
        raise OnlyForEditors(f"a contributor can't {word}: submit it", feed)


def check_may_remove(caller: Caller, feed: str, draft: Draft, comment: str) -> None:
    """Raises NoComment, OnlyForEditors if the caller may not remove the comment."""
    author = next((one.by.id for one in draft.comments if one.id == comment), None)
    if author is None:
        raise NoComment(feed, comment)
    if caller.id != author and not caller.may("publish", feed):
        raise OnlyForEditors("the comment is another person's: ask them", feed)


def check_two_people(draft: Draft, publisher: str) -> None:
    """Raises SecondPersonNeeded if one person both wrote the draft and approved it."""
    author = draft.edited_by.id
    approver = draft.approved_by.id if draft.approved_by is not None else author
    if publisher == author == approver:
        raise SecondPersonNeeded

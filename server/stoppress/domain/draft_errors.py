"""Errors of drafts and of posts that need a second person; part of errors.py's tree.

NotFound
├── NoDraft
└── NoComment            or it was removed
Gone
└── DraftGone            the draft was deleted or published
Conflict
└── TooManyDrafts        the feed has as many as it may have
MissingScope
└── OnlyForEditors
Refused
└── SecondPersonNeeded   a breaking post needs two people
"""

from __future__ import annotations

from stoppress.domain.errors import Conflict, Gone, MissingScope, NotFound, Refused


class NoDraft(NotFound):
    """The draft does not exist, or the caller may not see it."""

    def __str__(self) -> str:
        return f"there is no draft {self.post!r} of the feed {self.feed!r}"


class NoComment(NotFound):
    """The draft has no such comment, or it was removed."""

    def __str__(self) -> str:
        return f"there is no comment {self.post!r} on the draft"


class DraftGone(Gone):
    """The draft was deleted or published; `published` is the post, if it was."""

    def __init__(self, feed: str, post: str, rev: int, published: str = "") -> None:
        super().__init__(feed, post, rev)
        self.published = published

    def __str__(self) -> str:
        if self.published:
            return f"the draft {self.post!r} was published as post {self.published!r}"
        return f"the draft {self.post!r} was deleted"


class TooManyDrafts(Conflict):
    """The feed has as many drafts as it may have; waiting changes nothing."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __str__(self) -> str:
        return (
            f"the feed has {self.most} drafts, as many as it may have: publish or "
            "delete some"
        )


class OnlyForEditors(MissingScope):
    """The caller may draft, but `what` needs the scope `publish`."""

    def __init__(self, what: str, feed: str) -> None:
        super().__init__("publish", feed)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what}: that needs the scope 'publish' on the feed {self.feed!r}"


class SecondPersonNeeded(Refused):
    """The feed requires two people for a breaking post."""

    def __str__(self) -> str:
        return (
            "a breaking post of this feed needs two people: save it as a draft, and "
            "have somebody else approve or publish it"
        )

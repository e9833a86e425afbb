"""Filters a feed's drafts by state, owner and text, page by page, newest change first.

The store has no index of them: drafts are scanned, at most MAX_SCANNED_RECORDS per
page. A contributor (who may only draft) gets only its own drafts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, get_args
from urllib.parse import urlencode

from stoppress.desk.caller import Caller
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.draft import Draft, DraftState
from stoppress.domain.errors import Invalid
from stoppress.domain.keep_unknown_members import STORED_DRAFTS
from stoppress.domain.store_requests_and_results import PageMark
from stoppress.domain.timestamps import parse_instant
from stoppress.web.paginate_posts_as_json import mark_text, parse_mark, scan

if TYPE_CHECKING:
    from stoppress.desk.store_protocol import Store

MAX_TEXT = 200
"""Limit of the text to search for, in characters."""

STATES: tuple[str, ...] = get_args(DraftState)


class DraftFilter(NamedTuple):
    """Drafts in one of `states` (none: any), of an owner, with a text ("": any)."""

    states: tuple[str, ...] = ()
    owner: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str], caller: Caller, feed: str) -> DraftFilter:
        """Parse the filter from a query. Raises Invalid."""
        states = tuple(filter(None, query.get("state", "").split(",")))
        for state in states:
            if state not in STATES:
                words = f"{state[:40]!r} is invalid: use {', '.join(STATES)}"
                raise Invalid("state", words)
        text, owner = query.get("text", ""), query.get("owner", "")
        if len(text) > MAX_TEXT:
            raise Invalid("text", f"is too long: use {MAX_TEXT} characters or less")
        if owner == "me" or not caller.may("publish", feed):
            owner = caller.id
        return cls(states, owner, text.casefold())

    def fits(self, draft: Draft) -> bool:
        """Whether a draft is one of these."""
        if self.states and draft.state not in self.states:
            return False
        if self.owner and draft.owner.id != self.owner:
            return False
        return not self.text or any(self.text in word.casefold() for word in _in(draft))


def _in(draft: Draft) -> tuple[str, ...]:
    """The text that is searched."""
    names = (author.name for author in draft.authors)
    return (draft.headline or "", draft.body, draft.notes, *draft.tags, *names)


async def filtered_drafts(
    store: Store, feed: str, choice: DraftFilter, mark: PageMark | None, limit: int
) -> tuple[list[bytes], PageMark | None]:
    """Up to `limit` matching drafts, and the mark of the next page."""

    def mark_if_it_fits(body: bytes) -> PageMark | None:
        draft = STORED_DRAFTS.read(body)
        if not choice.fits(draft):
            return None
        return PageMark(parse_instant(draft.updated_at), draft.id)

    read = partial(store.page, desk_log_of(feed))
    return await scan(read, mark_if_it_fits, mark, limit)


def mark_in(query: Mapping[str, str]) -> PageMark | None:
    """The mark in a query, None for the first page. Raises Invalid."""
    text = query.get("before", "")
    return parse_mark(text) if text else None


def next_path(feed: str, mark: PageMark, query: Mapping[str, str]) -> str:
    """The API path of the drafts after the mark, with the same filters."""
    kept = {
        name: query[name]
        for name in ("limit", "state", "owner", "text")
        if query.get(name)
    }
    return f"/v1/feeds/{feed}/drafts?" + urlencode({"before": mark_text(mark), **kept})

"""The reducer: a reader's state after a snapshot and the events that follow it.

`fold` is pure and total: the same snapshot and events give the same state in
every language (`client_demo/stop-press/fold.js` is the JavaScript version; both
are tested against `tests/fixtures/fold.json`).

Rules:
- An event at or before the cursor changes nothing (a repeat is harmless).
- An event that skips a seq, or has another epoch, raises Gap.
- The state holds every post from the newest down to `floor`, the last post of
  the oldest page loaded; without a floor it holds all. Posts that sort below the
  floor are left out: they come with the next page.
- Order is `published_at` descending, then id descending (times are canonical
  text, so texts compare as instants).
- The pinned post is stored separately, whether it sorts above the floor or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gap
from stoppress.domain.event import KNOWN_TYPES

Json = Mapping[str, object]
Place = tuple[str, str]
"""The sort key of a post: its `published_at` and its id."""


@dataclass(frozen=True, slots=True)
class ReaderState:
    """A reader's state of one feed. Posts are the JSON objects as received."""

    feed: Json
    cursor: Cursor
    posts: Mapping[str, Json] = field(default_factory=dict)
    pinned: Json | None = None
    floor: Place | None = None

    def ordered(self) -> list[Json]:
        """The posts, newest first."""
        return sorted(self.posts.values(), key=place, reverse=True)


def place(post: Json) -> Place:
    """The sort key of `post` in its feed."""
    return cast(str, post["published_at"]), cast(str, post["id"])


def from_snapshot(snapshot: Json) -> ReaderState:
    """The state made from a snapshot (`GET /v1/feeds/{feed}`)."""
    empty = ReaderState(
        feed=cast(Json, snapshot["feed"]),
        cursor=Cursor.parse(cast(str, snapshot["cursor"])),
        pinned=cast("Json | None", snapshot.get("pinned")),
    )
    return with_page(empty, snapshot)


def with_page(state: ReaderState, page: Json) -> ReaderState:
    """The state after an older page (`{posts, next}`) has been loaded."""
    posts = cast(Sequence[Json], page["posts"])
    merged = {cast(str, post["id"]): post for post in posts} | dict(state.posts)
    floor = place(posts[-1]) if page.get("next") is not None and posts else None
    return replace(state, posts=merged, floor=floor)


def fold(state: ReaderState, message: Json) -> ReaderState:
    """The state after one event message. Raises Gap if it does not follow."""
    cursor = Cursor.parse(cast(str, message["cursor"]))
    if cursor.epoch != state.cursor.epoch or cursor.seq > state.cursor.seq + 1:
        raise Gap(str(state.cursor), str(cursor))
    if cursor.seq <= state.cursor.seq:
        return state
    kind = KNOWN_TYPES.get(cast(str, message["type"]))
    if kind is None:
        # An event type of a later release: it has its seq and changes nothing.
        return replace(state, cursor=cursor)
    subject = cast(Json, message.get(kind.subject.value))
    if kind.shows_feed:
        return replace(state, cursor=cursor, feed=subject)
    if kind.shows_post:
        return _with(state, cursor, subject)
    if kind.removes_post:
        return _without(state, cursor, cast(str, subject["id"]))
    return replace(state, cursor=cursor)


def _with(state: ReaderState, cursor: Cursor, post: Json) -> ReaderState:
    name = cast(str, post["id"])
    posts = {**state.posts, name: post}
    if state.floor is not None and place(post) < state.floor:
        del posts[name]
    pinned = state.pinned
    if post.get("pinned"):
        pinned = post
    elif pinned is not None and pinned["id"] == name:
        pinned = None
    return replace(state, cursor=cursor, posts=posts, pinned=pinned)


def _without(state: ReaderState, cursor: Cursor, name: str) -> ReaderState:
    posts = {key: post for key, post in state.posts.items() if key != name}
    pinned = state.pinned
    if pinned is not None and pinned["id"] == name:
        pinned = None
    return replace(state, cursor=cursor, posts=posts, pinned=pinned)

"""A reader that checks what the line sends against the protocol.

Pure: messages go in, faults come out; it knows no socket and no clock. One judge
follows one feed, does what docs/protocol.md asks of a reader, and notes a fault
wherever the server does not keep its side:

- on one line, after `hello` or `reset`, every seq comes once and in order;
- `hello` answers a cursor with that very cursor, or a `reset` comes instead;
- a `reset` never leads back within an epoch (unless the line `may_lag` by more
  than the server waits for it; then the snapshot has to make up for it);
- a beat names the cursor the reader is at;
- of a post that was withdrawn before the line began, nothing is shown any more.

It folds with the one reducer (`stoppress.domain.fold`), so that at the end what
it holds can be compared with what the server shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gap
from stoppress.domain.fold import (
    Json,
    ReaderState,
    fold,
    from_snapshot,
    place,
    with_page,
)


class Fault(NamedTuple):
    """Something the server did and should not have."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Heard(NamedTuple):
    """One event as it came over the line; `post` is "" for the feed's own."""

    cursor: Cursor
    kind: str
    post: str


class Judge:
    """One feed, as one reader sees it over all its lines."""

    def __init__(self, feed: str, name: str = "", may_lag: bool = False) -> None:
        self.feed = feed
        self.name = name
        self._may_lag = may_lag
        self.state: ReaderState | None = None
        self.received: list[Heard] = []
        self.faults: list[Fault] = []
        self.resets: list[tuple[Cursor | None, Cursor]] = []
        self.snapshots: set[Cursor] = set()
        """The cursors of the snapshots it held: events up to there need not come."""

        # The line: what was asked of it, and where it is; None before its hello.
        self._asked: Cursor | None = None
        self._gone: frozenset[str] = frozenset()
        self._at: Cursor | None = None
        self.seeking = False
        # Whether a seek was answered by a reset, which may have been under way
        # before: then the answer proper, a hello, still comes.
        self._sought = False
        self._before_seek: Cursor | None = None
        # After a reset: where the line went on from, and what came since.
        self._reset: Cursor | None = None
        self._kept: list[Json] = []
        self.retry_ms = 0
        # While a page is fetched: the cursor it was asked at, and what came since.
        self._page_at: Cursor | None = None
        self._during: list[Json] = []

    # What a reader asks

    @property
    def position(self) -> Cursor | None:
        """The cursor to come back with; None: nothing is held yet."""
        if self._reset is not None:
            kept = self._kept
            return _cursor(kept[-1]) if kept else self._reset
        return None if self.state is None else self.state.cursor

    @property
    def wants_snapshot(self) -> Cursor | None:
        """The cursor that the next snapshot has to reach, if one is needed.

        It leads on from the reset, and not back from what is held.
        """
        reset = self._reset
        if reset is None or self.state is None:
            return reset
        held = self.state.cursor
        return max(reset, held) if held.epoch == reset.epoch else reset

    def opened(self, gone: frozenset[str] = frozenset()) -> Cursor | None:
        """A new line begins; what to ask of it. `gone`: posts withdrawn before."""
        self._asked = self.position
        self._gone = gone
        self._at = None
        self.seeking = self._sought = False
        return self._asked

    def seek(self) -> Cursor | None:
        """Our place is asked for on a line that is open; what to ask.

        Until the next hello or reset nothing of the feed counts. Not to be done
        while a snapshot is awaited.
        """
        self._asked = self.position
        if not self.seeking:
            self._before_seek = self._at
        self.seeking = True
        return self._asked

    @property
    def paging(self) -> bool:
        """Whether a page that was asked for may still be taken."""
        return self._page_at is not None

    # What comes

    def take(self, message: Json) -> None:
        """Hear one message of the line, and judge it."""
        kind = message["type"]
        if self.seeking:
            if kind not in ("hello", "reset"):
                return
            self.seeking = False
            self._at = None
            self._sought = kind == "reset"
        if "." in cast(str, kind):  # an event, also of a type that is not known
            self._event(message)
        elif kind == "hello":
            self._hello(message)
        elif kind == "reset":
            self._reset_line(message)
        elif kind == "beat" and self._at is not None:
            if _cursor(message) != self._at:
                self.fault("beat", f"at {self._at} came {message['cursor']}")

    def _hello(self, message: Json) -> None:
        cursor = _cursor(message)
        if self._at is not None and self._sought and cursor == self._asked:
            # What was held when it was asked goes on, whatever the reset said.
            self._reset = None
            self._kept = []
        elif self._at is not None:
            self.fault("hello", f"a second one, at {self._at}: {cursor}")
        self._sought = False
        if self._asked is None:
            if message["resumed"]:
                self.fault("hello", "resumed, though no cursor was asked for")
            self._begin(cursor)
        elif not message["resumed"] or cursor != self._asked:
            self.fault("hello", f"asked {self._asked}, got {dict(message)}")
            self._begin(cursor)
        self._at = cursor

    def _reset_line(self, message: Json) -> None:
        cursor = _cursor(message)
        # Against what was asked, not against what a snapshot brought since; after a
        # seek, which may ask for what a snapshot brought, against the line's place:
        # this reset may have been under way.
        held = self._at or (self._sought and self._before_seek) or self._asked
        self.resets.append((held, cursor))
        leads_back = held is not None and held > cursor and held.epoch == cursor.epoch
        if leads_back and not self._may_lag:
            self.fault("back", f"reset from {held} to {cursor}")
        self.retry_ms = cast(int, message["retry_ms"])
        if held is None or held.epoch != cursor.epoch:
            self._gone = frozenset()  # what took them back may have been lost
        self._begin(cursor)
        self._at = cursor

    def _begin(self, cursor: Cursor) -> None:
        self._reset = cursor
        self._kept = []
        self._page_at = None

    def _event(self, message: Json) -> None:
        cursor = _cursor(message)
        if message["feed"] != self.feed:
            self.fault("stray", f"of feed {message['feed']!r}: {cursor}")
            return
        if self._at is None:
            self.fault("early", f"{cursor} came before hello")
            return
        if cursor.epoch != self._at.epoch:
            self.fault("epoch", f"after {self._at} came {cursor} without a reset")
        elif cursor.seq <= self._at.seq:
            self.fault("repeat", f"after {self._at} came {cursor}")
            return
        elif cursor.seq > self._at.seq + 1:
            self.fault("gap", f"after {self._at} came {cursor}")
        self._at = cursor
        kind = cast(str, message["type"])
        name = cast("Mapping[str, str]", message.get("post", {})).get("id", "")
        self.received.append(Heard(cursor, kind, name))
        if name in self._gone and kind != "post.withdrawn":
            self.fault("leak", f"{cursor} shows {name}, which was withdrawn before")
        if self._reset is not None:
            self._kept.append(message)
        elif self.state is None:
            self.fault("early", f"{cursor} came though nothing is held")
        else:
            self.state = self._fold(self.state, message)
            if self._page_at is not None:
                self._during.append(message)

    # What is fetched

    def take_snapshot(self, snapshot: Json) -> bool:
        """Hold a snapshot; False if it does not reach the reset: fetch again."""
        cursor = _cursor(snapshot)
        wanted = self.wants_snapshot
        if wanted is not None and (
            cursor.epoch != wanted.epoch or cursor.seq < wanted.seq
        ):
            return False
        held = self.state
        if (
            held is not None
            and held.cursor.epoch == cursor.epoch
            and held.cursor.seq > cursor.seq
        ):
            self.fault("back", f"snapshot {cursor}, but {held.cursor} is held")
        state = from_snapshot(snapshot)
        for message in self._kept:
            state = self._fold(state, message)
        self.state = state
        self.snapshots.add(cursor)
        self._reset = None
        self._kept = []
        self._page_at = None
        return True

    def page_asked(self) -> None:
        """A page is being fetched: events that come meanwhile are kept for it."""
        if self.state is not None and self._reset is None:
            self._page_at = self.state.cursor
            self._during = []

    def take_page(self, page: Json) -> None:
        """Hold an older page.

        What came since it was asked for is folded over it once more: the page may
        show posts as they were before those events, which left them out then.
        """
        asked = self._page_at
        if asked is None or self.state is None:
            return
        state = replace(with_page(self.state, page), cursor=asked)
        for message in self._during:
            state = self._fold(state, message)
        self.state = state
        self._page_at = None

    # What is left at the end

    def compare(self, snapshot: Json, posts: Sequence[Json]) -> None:
        """Note a fault wherever what is held differs from what the server shows.

        `posts` are all posts of the feed, newest first, at the snapshot's cursor.
        """
        state = self.state
        if state is None or self._reset is not None:
            self.fault("lost", "no snapshot was held at the end")
            return
        if str(state.cursor) != snapshot["cursor"]:
            self.fault("lost", f"at {state.cursor}, the server {snapshot['cursor']}")
            return
        for name, held, shown in (
            ("feed", state.feed, snapshot["feed"]),
            ("pinned", state.pinned, snapshot["pinned"]),
        ):
            if held != shown:
                self.fault("differs", f"{name}: holds {held}, server {shown}")
        floor = state.floor
        there = [post for post in posts if floor is None or place(post) >= floor]
        self._compare_posts(state.ordered(), there)

    def _compare_posts(self, held: Sequence[Json], there: Sequence[Json]) -> None:
        mine = {cast(str, post["id"]): post for post in held}
        theirs = {cast(str, post["id"]): post for post in there}
        for name in mine.keys() - theirs.keys():
            self.fault("differs", f"holds {name}, which the server does not show")
        for name in theirs.keys() - mine.keys():
            self.fault("differs", f"lacks {name}")
        for name in mine.keys() & theirs.keys():
            if mine[name] != theirs[name]:
                self.fault("differs", f"{name}: {mine[name]} / {theirs[name]}")
        if not self.faults and list(mine) != list(theirs):
            self.fault("order", f"{list(mine)} / {list(theirs)}")

    def _fold(self, state: ReaderState, message: Json) -> ReaderState:
        try:
            return fold(state, message)
        except Gap as gap:
            self.fault("gap", f"folding: {gap}")
            return replace(state, cursor=_cursor(message))

    def fault(self, kind: str, text: str) -> None:
        """Note what the server should not have done."""
        self.faults.append(Fault(kind, f"{self.name} {self.feed}: {text}"))


def _cursor(message: Json) -> Cursor:
    return Cursor.parse(cast(str, message["cursor"]))

"""A newsroom without a server behind it: feeds and posts held in memory.

For tests of pages alone. Posts are what the desk would have made of a draft.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
from starlette.applications import Starlette

from stoppress.desk.hide_private_feeds import FeedDisclosure
from stoppress.desk.markdown import to_html
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Gone, NotFound
from stoppress.domain.feed import Visibility
from stoppress.domain.store_requests_and_results import PageMark, PostPage, Snapshot
from stoppress.domain.timestamps import instant, parse_instant
from stoppress.guard.limits import NO_LIMITS
from stoppress.hub.feed_status_and_access import FeedState
from stoppress.settings import Settings
from stoppress.web.encoded_snapshot import (
    EncodedSnapshot,
    encode_snapshot,
)
from stoppress.web.pages.page_routes import routes
from stoppress.web.services import Caches, Services
from stoppress.web.snapshot_cache import FeedListing
from stoppress.wire.encode_messages import public_feed, public_post

BASE = "https://live.example.org"
START = 1_795_339_800_000  # 2026-11-22T09:30:00Z


def feed(slug: str = "x", **more: Any) -> dict[str, Any]:
    """The kept JSON of a feed, decoded."""
    return {
        "slug": slug,
        "title": "Fire at the harbour",
        "standfirst": "The quay is closed.",
        "summary": None,
        "status": "live",
        "language": "en",
        "direction": "ltr",
        "timezone": "Europe/Berlin",
        "visibility": "public",
        "coverage_start": None,
        "coverage_end": None,
        "links": [],
        "share": [],
        "image": None,
        "show_readers": False,
        "rev": 1,
        "created_at": instant(START),
        "updated_at": instant(START),
        "closed_at": None,
        **more,
    }


def post(n: int, **more: Any) -> dict[str, Any]:
    """The kept JSON of the n-th post, `n` minutes after the start, decoded."""
    made = {
        "id": f"{n:014d}",
        "external_id": None,
        "headline": f"Headline {n}",
        "body": f"Text **{n}**.",
        "html": "",
        "language": None,
        "direction": None,
        "key": False,
        "breaking": False,
        "pinned": False,
        "tags": [],
        "authors": [],
        "source": None,
        "media": [],
        "published_at": instant(START + n * 60_000),
        "updated_at": instant(START + n * 60_000),
        "correction": None,
        "rev": 1,
        **more,
    }
    return {**made, "html": more.get("html", to_html(str(made["body"])))}


def shown_feed(slug: str = "x", **more: Any) -> dict[str, Any]:
    """A feed as readers get it."""
    kept = msgspec.json.encode(feed(slug, **more))
    shown: dict[str, Any] = msgspec.json.decode(public_feed(kept, BASE))
    return shown


def shown_post(n: int, **more: Any) -> dict[str, Any]:
    """The n-th post as readers get it."""
    kept = msgspec.json.encode(post(n, **more))
    shown: dict[str, Any] = msgspec.json.decode(
        public_post(kept, "x", BASE, with_verification=True)
    )
    return shown


@dataclass
class Stand:
    """Feeds by slug, posts by feed and id, and what pages ask of a newsroom."""

    feeds_held: dict[str, dict[str, Any]] = field(default_factory=dict)
    posts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    seq: int = 0
    reads: int = 0

    def put(self, kept: dict[str, Any], *posts: dict[str, Any]) -> None:
        """Keep a feed and some posts; the cursor moves."""
        self.feeds_held[kept["slug"]] = kept
        held = self.posts.setdefault(kept["slug"], {})
        held.update({one["id"]: one for one in posts})
        self.seq += 1

    def withdraw(self, slug: str, post: str) -> None:
        """Take a post back; the cursor moves."""
        del self.posts[slug][post]
        self.withdrawn.add(post)
        self.seq += 1

    # What Store has

    async def post(self, slug: str, post: str) -> bytes:
        """One post."""
        self.reads += 1
        if post in self.withdrawn:
            raise Gone(slug, post, 2)
        if post not in self.posts[slug]:
            raise NotFound(slug, post)
        return msgspec.json.encode(self.posts[slug][post])

    async def page(
        self, slug: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        """A page of posts."""
        self.reads += 1
        return self._page(slug, mark, limit, rising)

    def _page(
        self, slug: str, mark: PageMark | None, limit: int, rising: bool = False
    ) -> PostPage:
        def place(one: dict[str, Any]) -> tuple[int, str]:
            return parse_instant(one["published_at"]), one["id"]

        ordered = sorted(self.posts[slug].values(), key=place, reverse=not rising)
        after = [
            one
            for one in ordered
            if mark is None or (mark < place(one) if rising else place(one) < mark)
        ]
        shown = after[:limit]
        rest = PageMark(*place(shown[-1])) if len(after) > limit else None
        return PostPage(tuple(msgspec.json.encode(one) for one in shown), rest)

    async def feed_body(self, slug: str) -> bytes | None:
        """A feed's kept JSON."""
        held = self.feeds_held.get(slug)
        return None if held is None else msgspec.json.encode(held)

    async def last_events_at(self, feeds: Sequence[str]) -> list[int | None]:
        """When each feed's newest post was published; None without one."""
        return [
            max(
                (parse_instant(one["published_at"]) for one in held.values()),
                default=None,
            )
            for held in (self.posts.get(feed, {}) for feed in feeds)
        ]

    # What Hub has

    def open_feed_state(self, slug: str) -> None:
        """No feed is open."""

    # What Snapshots has

    async def visibility(self, slug: str) -> Visibility:
        """The feed's visibility."""
        return (await self.state(slug)).visibility

    async def state(self, slug: str) -> FeedState:
        """The feed's state."""
        if slug not in self.feeds_held:
            raise NotFound(slug)
        return FeedState.of(msgspec.json.encode(self.feeds_held[slug]))

    async def snapshot(self, slug: str) -> EncodedSnapshot:
        """The feed's newest snapshot."""
        kept = msgspec.json.encode(self.feeds_held[slug])
        pinned = [one for one in self.posts[slug].values() if one["pinned"]]
        body = msgspec.json.encode(pinned[0]) if pinned else None
        page = self._page(slug, None, 20)
        return encode_snapshot(
            slug, Snapshot(kept, Cursor("k3v9", self.seq), page, body), BASE
        )

    async def events(
        self, slug: str, after: Cursor, until: Cursor
    ) -> list[bytes] | None:
        """None: no event is held."""
        return None

    async def feeds(self) -> FeedListing:
        """All feeds."""
        return FeedListing(
            [msgspec.json.encode(one) for one in self.feeds_held.values()], None
        )

    # What Tokens has

    async def check(self, secret: str) -> Any:
        """The token `sp_reader` reads everything; others are unknown."""
        if secret != "sp_reader":
            return None
        return SimpleNamespace(may=lambda scope, feed: scope == "read")

    def client(self, **settings: Any) -> httpx.AsyncClient:
        """A client of the pages."""
        given = Settings(public_url=BASE, **settings)
        parts = SimpleNamespace(
            settings=given,
            store=self,
            hub=self,
            feed_disclosure=FeedDisclosure(self),
            snapshots=self,
            callers=self,
            tickets=None,
            caches=Caches(),
            limits=NO_LIMITS,
        )
        app = Starlette(routes=routes(cast(Services, parts)))
        transport = httpx.ASGITransport(app=app)
        return httpx.AsyncClient(transport=transport, base_url=BASE)

"""Answers the pages that people read (feeds, a feed, a post, a frame) and their machine
forms.

Rules:
- Pages are made only from the snapshot, once per cursor: a page costs the same for a
  feed of 5,000 posts as for one of 50, and nothing while nothing changes.
- Pages are readable without JavaScript. A page contains its cursor, at which its live
  line begins. For an older page the cursor is read first: later events are sent again.
- Every answer is a page, refusals too, without inline script or style.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import Gone, Invalid, NotFound
from stoppress.domain.store_requests_and_results import PageMark
from stoppress.domain.timestamps import parse_instant
from stoppress.domain.web_address import address_fault
from stoppress.web import cache_control
from stoppress.web.authorization import caller_of, feed_of, visible
from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.filter_and_scan_posts import PostFilter, filtered_posts
from stoppress.web.pages.build_atom_and_json_feed import (
    SyndicatedPage,
    atom,
    json_feed,
)
from stoppress.web.pages.find_index_feeds import find_index_feeds
from stoppress.web.pages.find_key_moments import KeyMoments
from stoppress.web.pages.find_other_feeds import OtherFeeds
from stoppress.web.pages.oembed import HEIGHT, WIDTH, page_address, size
from stoppress.web.pages.page_policy import page_policy
from stoppress.web.pages.parse_page_start_time import moment_mark
from stoppress.web.pages.reader_template_values import PageViews, PostSelection
from stoppress.web.pages.sitemap import last_changes, sitemap
from stoppress.web.paginate_posts_as_json import (
    PAGE_POSTS,
    mark_text,
    next_path,
    posts_path,
    public_posts,
)
from stoppress.web.problems import Problem
from stoppress.web.problems import answer as problem
from stoppress.web.response_cache_and_compression import (
    CachedBody,
    Renderer,
    ResponseCache,
    send,
)
from stoppress.web.services import Services
from stoppress.wire.encode_messages import public_feed, public_post

FRAMES_BYTES = 4 << 20
"""Cached frames: each has the origin of the page around it in its name."""
_ORIGIN = re.compile(r"https?://[^/?#\s;,'\"<>]+(?=[/?#]|$)", re.IGNORECASE)
_ANY_PARENT = "https://parent-page.invalid"

HTML = "text/html; charset=utf-8"
_GUARDED = {
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
}


class Pages:
    """Answers for the pages of one site."""

    def __init__(self, services: Services, views: PageViews) -> None:
        self._services = services
        self._views = views
        self._responses = ResponseCache()
        self._frames = ResponseCache(FRAMES_BYTES)
        self._key_moments = KeyMoments(services)
        self._others = OtherFeeds(services)
        self._base = services.settings.base
        self._foreign = services.settings.foreign_content
        policy, framed = (page_policy(services.settings, by) for by in ("'self'", "*"))
        self._guarded = _GUARDED | {"content-security-policy": policy}
        self._framed = _GUARDED | {"content-security-policy": framed}
        services.caches.add(self)

    def forget(self, feed: str | None) -> None:
        """Drop all cached pages: pages of other feeds may show the feed's posts too."""
        self._responses.clear()
        self._frames.clear()
        self._key_moments.forget()

    async def index(self, request: Request) -> Response:
        """The public feeds."""
        feeds, age_s = await self._listed()
        groups = await find_index_feeds(self._services, feeds)

        async def render() -> bytes:
            return self._views.index(groups, demo=self._services.settings.demo)

        shown = "\n".join(one.mark for _, found in groups for one in found)
        body = await self._responses.get(("index", "", shown), render)
        return self._send(request, body, cache_control.PUBLIC, age_s)

    async def sitemap(self, request: Request) -> Response:
        """The public feeds, for search engines."""
        feeds, age_s = await self._listed()
        changed = await last_changes(self._services.store, feeds)
        body = CachedBody.of(sitemap(changed, self._base))
        return self._send(request, body, cache_control.PUBLIC, age_s, "application/xml")

    async def feed(self, request: Request) -> Response:
        """A feed: its newest posts, or a page of others that the query asks for."""
        snapshot = await self._snapshot(request)
        slug, query = snapshot.slug, request.query_params
        choice = PostFilter.of(query)
        mark = moment_mark(query, snapshot.feed["timezone"]) or choice.mark(query)
        if mark is None and choice == PostFilter():
            return await self._newest(request, snapshot, "live")

        async def render() -> bytes:
            store = self._services.store
            found, rest = await filtered_posts(store, slug, choice, mark, PAGE_POSTS)
            posts = self._public(snapshot, found)
            window = PostSelection(
                choice=choice,
                source=choice.path(slug, mark),
                next=rest and choice.path(slug, rest),
                home=choice.page(slug) if mark else None,
            )
            return self._views.listed(snapshot, posts, window)

        return await self._answer(request, snapshot, choice.path(slug, mark), render)

    async def post(self, request: Request) -> Response:
        """A post, with the posts before it."""
        return await self._single(request, framed=False)

    async def framed_post(self, request: Request) -> Response:
        """A post, for a frame of another page."""
        return await self._single(request, framed=True)

    async def _single(self, request: Request, *, framed: bool) -> Response:
        snapshot = await self._snapshot(request)
        name: str = request.path_params["post"]
        store = self._services.store

        async def render() -> bytes:
            post = await self._post(snapshot, name)
            mark = PageMark(parse_instant(post["published_at"]), name)
            page = await store.page(snapshot.slug, mark, PAGE_POSTS - 1)
            posts = [post, *self._public(snapshot, page.posts)]
            # A position just above the post's own.
            top = PageMark(mark.order, f"{name}0")
            window = PostSelection(
                source=posts_path(snapshot.slug, top),
                next=next_path(snapshot.slug, page.next),
                home=f"/live/{snapshot.slug}",
            )
            return self._views.single(snapshot, posts, window, framed=framed)

        kind, headers = ("framed", self._framed) if framed else ("post", self._guarded)
        return await self._answer(
            request, snapshot, f"{kind} {name}", render, headers=headers
        )

    async def frame(self, request: Request) -> Response:
        """A feed, for a frame of another page."""
        snapshot = await self._snapshot(request)
        parent = _origin(request.query_params.get("parent", ""))
        return await self._newest(request, snapshot, "frame", parent)

    async def others(self, request: Request) -> Response:
        """The newest posts of other feeds, to update a feed's page."""
        snapshot = await self._snapshot(request)
        others = await self._others.of(snapshot.slug)
        markup = self._views.others(snapshot.feed, others)
        body = CachedBody.of(msgspec.json.encode({"html": markup}))
        cache = cache_control.cache_control(snapshot.visibility)
        return self._send(request, body, cache, snapshot.age_s, "application/json")

    async def atom(self, request: Request) -> Response:
        """Posts as Atom."""
        kind = "application/atom+xml; charset=utf-8"
        return await self._syndicated(request, "atom", atom, kind)

    async def json_feed(self, request: Request) -> Response:
        """Posts as JSON Feed."""
        kind = "application/feed+json"
        return await self._syndicated(request, "json", json_feed, kind)

    async def _syndicated(
        self,
        request: Request,
        name: str,
        encode: Callable[[SyndicatedPage], bytes],
        kind: str,
    ) -> Response:
        """The newest posts, or those after the mark in the query."""
        snapshot = await self._snapshot(request)
        mark = PostFilter().mark(request.query_params)
        query = "" if mark is None else urlencode({"before": mark_text(mark)})

        async def render() -> bytes:
            posts, next = snapshot.posts, snapshot.next
            if mark is not None:
                store, slug = self._services.store, snapshot.slug
                page = await store.page(slug, mark, PAGE_POSTS)
                posts = self._public(snapshot, page.posts)
                next = next_path(slug, page.next)
            rest = next and urlsplit(next).query
            return encode(self._views.syndicated(snapshot, posts, query, rest))

        return await self._answer(request, snapshot, f"{name} {query}", render, kind)

    async def oembed(self, request: Request) -> Response:
        """The frame with which another page embeds a feed."""
        query = request.query_params
        if query.get("format", "json") != "json":
            raise Problem(
                501,
                "no-format",
                "Format not available",
                "use format=json, or leave it out",
            )
        settings = self._services.settings
        # Without a known address the site's address is the request's.
        own_host = "" if settings.public_url else request.url.netloc
        named = page_address(query.get("url", ""), self._base, own_host)
        request.path_params["feed"] = named.feed
        snapshot = await self._snapshot(request)
        if snapshot.visibility != "public":
            raise NotFound(named.feed)
        post = await self._post(snapshot, named.post) if named.post else None
        body = self._views.oembed(
            snapshot.feed,
            post,
            width=size(query.get("maxwidth", ""), WIDTH),
            height=size(query.get("maxheight", ""), HEIGHT),
        )
        headers = {"cache-control": cache_control.cache_control(snapshot.visibility)}
        return send(request, CachedBody.of(body), "application/json", headers)

    async def _listed(self) -> tuple[list[Any], int | None]:
        listing = await self._services.snapshots.feeds()
        feeds = [
            msgspec.json.decode(public_feed(body, self._base, self._foreign))
            for body in listing.bodies
        ]
        return [one for one in feeds if one["visibility"] == "public"], listing.age_s

    async def _snapshot(self, request: Request) -> EncodedSnapshot:
        feed = feed_of(request)
        caller = await caller_of(self._services, request)
        await visible(self._services, caller, feed)
        return await self._services.snapshots.snapshot(feed)

    async def _newest(
        self, request: Request, snapshot: EncodedSnapshot, kind: str, parent: str = ""
    ) -> Response:
        """The page or the frame with a feed's newest posts."""
        framed = kind == "frame"
        placed = _ANY_PARENT if parent else ""
        key_moments = await self._key_moments.of(snapshot)
        others = [] if framed else await self._others.of(snapshot.slug)

        async def render() -> bytes:
            return self._views.newest(
                snapshot, key_moments or (), others, framed=framed, parent=placed
            )

        # Key moments that could not be read are read again for the next request.
        name = (
            f"{kind} {placed}" if key_moments is not None else f"bare {kind} {placed}"
        )
        for feed, post, _ in others:
            name += f" {feed['slug']} {feed['rev']} {post['id']} {post['rev']}"
        headers = self._framed if framed else self._guarded
        if not parent:
            return await self._answer(request, snapshot, name, render, headers=headers)
        about = (snapshot.slug, snapshot.etag)
        frame = await self._responses.get((name, *about), render)

        async def place() -> bytes:
            # Clients choose this value: a cached page for each cost 5 ms and an entry
            # of the cache.
            named = html.escape(parent, quote=True).encode()
            return frame.plain.replace(_ANY_PARENT.encode(), named, 1)

        body = await self._frames.get((parent, name, *about), place, fast=True)
        cache = cache_control.cache_control(snapshot.visibility)
        return self._send(request, body, cache, snapshot.age_s, HTML, headers)

    async def _post(self, snapshot: EncodedSnapshot, name: str) -> Any:
        """One post in the readers' form. Raises NotFound, Gone."""
        if not (name.isascii() and name.isalnum() and len(name) <= 64):
            raise NotFound(snapshot.slug, name[:100])
        kept = await self._services.store.post(snapshot.slug, name)
        return msgspec.json.decode(
            public_post(
                *(kept, snapshot.slug, self._base, self._foreign),
                with_verification=snapshot.shows_verification,
            )
        )

    def _public(self, snapshot: EncodedSnapshot, bodies: Iterable[bytes]) -> list[Any]:
        made = public_posts(
            *(bodies, snapshot.slug, self._base, self._foreign),
            with_verification=snapshot.shows_verification,
        )
        posts: list[Any] = msgspec.json.decode(made)
        return posts

    async def _answer(
        self,
        request: Request,
        snapshot: EncodedSnapshot,
        name: str,
        render: Renderer,
        kind: str = HTML,
        headers: dict[str, str] | None = None,
    ) -> Response:
        body = await self._responses.get((name, snapshot.slug, snapshot.etag), render)
        cache = cache_control.cache_control(snapshot.visibility)
        return self._send(request, body, cache, snapshot.age_s, kind, headers)

    def _send(
        self,
        request: Request,
        body: CachedBody,
        cache: str,
        age_s: int | None,
        kind: str = HTML,
        headers: dict[str, str] | None = None,
    ) -> Response:
        headers = {**(headers or self._guarded), "cache-control": cache}
        if age_s is not None:
            headers["age"] = str(age_s)
        return send(request, body, kind, headers)

    def refusal(self, request: Request, error: Exception) -> Response:
        """A page that says what is wrong."""
        plain = problem(error, self._base, request.path_params.get("feed"))
        reported = msgspec.json.decode(plain.body)
        feed = request.path_params.get("feed")
        body = self._views.message(
            plain.status_code,
            reported["title"],
            reported["detail"],
            f"/live/{feed}" if isinstance(error, Gone) else "/",
        )
        headers = {**self._guarded, "cache-control": "no-store"}
        for name in ("retry-after", "www-authenticate"):
            if name in plain.headers:
                headers[name] = plain.headers[name]
        return Response(body, plain.status_code, headers, HTML)


def _origin(text: str) -> str:
    """The origin to which a frame may report its height. Raises Invalid."""
    if not text:
        return ""
    found = _ORIGIN.match(text)
    if found is None or address_fault(found[0]) is not None:
        raise Invalid(
            "parent", f"{text[:100]!r} is no origin such as https://a.example"
        )
    return found[0].lower()

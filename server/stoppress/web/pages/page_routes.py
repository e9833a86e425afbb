"""The pages people read: feeds, a feed, a post, a frame; and the same for machines.

Rules:
- Made from the snapshot alone, once a cursor: a page costs the same for a feed of
  5,000 posts as for one of 50, and nothing while nothing changes.
- Readable without JavaScript; carries the cursor it was made at, where its live
  line begins. Older pages read the cursor first: what came since is sent again.
- Every answer is a page, refusals too, and none holds an inline script or style.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stoppress.domain.errors import Gone, Invalid, NotFound
from stoppress.domain.store_records import PageMark
from stoppress.domain.timestamps import parse_instant
from stoppress.web import cache_headers
from stoppress.web.authorization import feed_of, token_of, visible
from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.endpoint import Resource
from stoppress.web.pages import syndication
from stoppress.web.pages.browser_files import BrowserFiles
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.key_moments import KeyMoments
from stoppress.web.pages.other_feeds import OtherFeeds
from stoppress.web.pages.templating import Templates
from stoppress.web.pages.views import PageViews, PostSelection
from stoppress.web.pagination import PAGE_POSTS, next_path, posts_path, public_posts
from stoppress.web.post_filter import PostFilter, filtered_posts
from stoppress.web.problems import answer as problem
from stoppress.web.response_cache import CachedBody, Renderer, ResponseCache, send
from stoppress.web.services import Services
from stoppress.web.site_address import below

HTML = "text/html; charset=utf-8"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src * data:; media-src *; frame-src *; form-action 'none'; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)
_GUARDED = {
    "content-security-policy": _POLICY.format(ancestors="'self'"),
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
}
_FRAMED = {
    **_GUARDED,
    "content-security-policy": _POLICY.format(ancestors="*"),
}


class Pages:
    """Answers for the pages of one newsroom."""

    def __init__(self, services: Services, views: PageViews) -> None:
        self._services = services
        self._views = views
        self._responses = ResponseCache()
        self._key_moments = KeyMoments(services)
        self._others = OtherFeeds(services)
        self._base = services.settings.base

    async def index(self, request: Request) -> Response:
        """The public feeds."""
        feeds, age_s = await self._listed()
        body = CachedBody.of(
            self._views.index(feeds, demo=self._services.settings.demo)
        )
        return self._send(request, body, cache_headers.PUBLIC, age_s)

    async def sitemap(self, request: Request) -> Response:
        """The public feeds, for search engines."""
        feeds, age_s = await self._listed()
        body = CachedBody.of(syndication.sitemap(feeds, self._base))
        return self._send(request, body, cache_headers.PUBLIC, age_s, "application/xml")

    async def feed(self, request: Request) -> Response:
        """A feed: its newest posts, or a page of others that the query asks for."""
        snapshot = await self._snapshot(request)
        slug, query = snapshot.slug, request.query_params
        choice = PostFilter.of(query)
        mark = choice.mark(query)
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
        """A post, and those that came before it."""
        snapshot = await self._snapshot(request)
        name: str = request.path_params["post"]
        if not (name.isascii() and name.isalnum() and len(name) <= 64):
            raise NotFound(snapshot.slug, name[:100])
        store = self._services.store

        async def render() -> bytes:
            (post,) = self._public(snapshot, (await store.post(snapshot.slug, name),))
            mark = PageMark(parse_instant(post["published_at"]), name)
            page = await store.page(snapshot.slug, mark, PAGE_POSTS - 1)
            posts = [post, *self._public(snapshot, page.posts)]
            # A place just above the post's own.
            top = PageMark(mark.order, f"{name}0")
            window = PostSelection(
                source=posts_path(snapshot.slug, top),
                next=next_path(snapshot.slug, page.next),
                home=f"/live/{snapshot.slug}",
            )
            return self._views.single(snapshot, posts, window)

        return await self._answer(request, snapshot, f"post {name}", render)

    async def frame(self, request: Request) -> Response:
        """A feed alone, to stand in a frame of another page."""
        snapshot = await self._snapshot(request)
        parent = _origin(request.query_params.get("parent", ""))
        return await self._newest(request, snapshot, "frame", parent)

    async def others(self, request: Request) -> Response:
        """What a feed's page tells of other feeds, to bring it up to date."""
        snapshot = await self._snapshot(request)
        others = await self._others.of(snapshot.slug)
        markup = self._views.others(snapshot.feed, others)
        body = CachedBody.of(msgspec.json.encode({"html": markup}))
        cache = cache_headers.cache_control(snapshot.visibility)
        return self._send(request, body, cache, snapshot.age_s, "application/json")

    async def atom(self, request: Request) -> Response:
        """The newest posts as Atom."""
        snapshot = await self._snapshot(request)

        async def render() -> bytes:
            return syndication.atom(snapshot.feed, snapshot.posts, self._base)

        kind = "application/atom+xml; charset=utf-8"
        return await self._answer(request, snapshot, "atom", render, kind)

    async def json_feed(self, request: Request) -> Response:
        """The newest posts as JSON Feed."""
        snapshot = await self._snapshot(request)

        async def render() -> bytes:
            return syndication.json_feed(snapshot.feed, snapshot.posts, self._base)

        kind = "application/feed+json"
        return await self._answer(request, snapshot, "json", render, kind)

    async def oembed(self, request: Request) -> Response:
        """How to put a feed into another page."""
        query = request.query_params
        if query.get("format", "json") != "json":
            return Response("only format=json is spoken here\n", 501)
        named = below(urlsplit(query.get("url", "")).path, self._services.settings.root)
        parts = named.strip("/").split("/")
        if len(parts) not in (2, 3) or parts[0] not in ("live", "embed"):
            raise NotFound(query.get("url", "")[:100])
        request.path_params["feed"] = parts[1]
        snapshot = await self._snapshot(request)
        if snapshot.visibility != "public":
            raise NotFound(parts[1])
        sizes = [
            int(text) if (text := query.get(name, "")[:6]).isdecimal() else None
            for name in ("maxwidth", "maxheight")
        ]
        publisher = self._services.settings.publisher
        body = syndication.oembed(snapshot.feed, self._base, publisher, *sizes)
        headers = {"cache-control": cache_headers.cache_control(snapshot.visibility)}
        return send(request, CachedBody.of(body), "application/json", headers)

    # Inside

    async def _listed(self) -> tuple[list[Any], int | None]:
        listing = await self._services.snapshots.feeds()
        feeds = [msgspec.json.decode(body) for body in listing.bodies]
        return [one for one in feeds if one["visibility"] == "public"], listing.age_s

    async def _snapshot(self, request: Request) -> EncodedSnapshot:
        feed = feed_of(request)
        token = await token_of(self._services, request)
        await visible(self._services, token, feed)
        return await self._services.snapshots.snapshot(feed)

    async def _newest(
        self, request: Request, snapshot: EncodedSnapshot, kind: str, parent: str = ""
    ) -> Response:
        """The page or the frame with a feed's newest posts."""
        framed = kind == "frame"
        key_moments = await self._key_moments.of(snapshot)
        others = [] if framed else await self._others.of(snapshot.slug)

        async def render() -> bytes:
            return self._views.newest(
                snapshot, key_moments or (), others, framed=framed, parent=parent
            )

        # Key moments that could not be had are asked for again, event or none.
        name = (
            f"{kind} {parent}" if key_moments is not None else f"bare {kind} {parent}"
        )
        for feed, post, _ in others:
            name += f" {feed['slug']} {feed['rev']} {post['id']} {post['rev']}"
        headers = _FRAMED if framed else _GUARDED
        return await self._answer(request, snapshot, name, render, headers=headers)

    def _public(self, snapshot: EncodedSnapshot, bodies: Iterable[bytes]) -> list[Any]:
        made = public_posts(bodies, snapshot.slug, self._base)
        posts: list[Any] = msgspec.json.decode(made)
        return posts

    async def _answer(
        self,
        request: Request,
        snapshot: EncodedSnapshot,
        name: str,
        render: Renderer,
        kind: str = HTML,
        headers: dict[str, str] = _GUARDED,
    ) -> Response:
        body = await self._responses.get((name, snapshot.slug, snapshot.etag), render)
        cache = cache_headers.cache_control(snapshot.visibility)
        return self._send(request, body, cache, snapshot.age_s, kind, headers)

    def _send(
        self,
        request: Request,
        body: CachedBody,
        cache: str,
        age_s: int | None,
        kind: str = HTML,
        headers: dict[str, str] = _GUARDED,
    ) -> Response:
        headers = {**headers, "cache-control": cache}
        if age_s is not None:
            headers["age"] = str(age_s)
        return send(request, body, kind, headers)

    def refusal(self, request: Request, error: Exception) -> Response:
        """A page that says what is wrong."""
        plain = problem(error, self._base, request.path_params.get("feed"))
        told = msgspec.json.decode(plain.body)
        feed = request.path_params.get("feed")
        body = self._views.message(
            plain.status_code,
            told["title"],
            told["detail"],
            f"/live/{feed}" if isinstance(error, Gone) else "/",
        )
        headers = {**_GUARDED, "cache-control": "no-store"}
        for name in ("retry-after", "www-authenticate"):
            if name in plain.headers:
                headers[name] = plain.headers[name]
        return Response(body, plain.status_code, headers, HTML)


_Page = Callable[[Pages, Request], Awaitable[Response]]


class _Address:
    """One page's address as an ASGI application: what is refused is a page too."""

    def __init__(self, pages: Pages, page: _Page) -> None:
        self._pages = pages
        self._page = page

    async def __call__(self, services: Services, request: Request) -> Response:
        try:
            return await self._page(self._pages, request)
        except Exception as error:
            return self._pages.refusal(request, error)


# Made once, whatever number of addresses the site has.
_files = cache(BrowserFiles)


def routes(services: Services) -> list[BaseRoute]:
    """The readers' pages and files."""
    folder = browser_folder()
    settings = services.settings
    files = _files(folder, tuple(settings.shared))
    views = PageViews(
        Templates(folder, settings.shared, settings.root),
        files.addresses,
        settings.base,
        settings.publisher,
        settings.publisher_logo,
        settings.pages,
    )
    pages = Pages(services, views)
    table: dict[str, _Page] = {
        "/": Pages.index,
        "/oembed": Pages.oembed,
        "/sitemap.xml": Pages.sitemap,
        "/live/{feed}": Pages.feed,
        "/live/{feed}/atom.xml": Pages.atom,
        "/live/{feed}/feed.json": Pages.json_feed,
        "/live/{feed}/others.json": Pages.others,
        "/live/{feed}/{post}": Pages.post,
        "/embed/{feed}": Pages.frame,
    }
    shared = ("/oembed", "/live/{feed}/atom.xml", "/live/{feed}/feed.json")
    made = [
        Route(
            path,
            Resource(services, {"GET": _Address(pages, page)}, shared=path in shared),
        )
        for path, page in table.items()
    ]
    words = "/stop-press/words/{language}.json"
    return [
        *made,
        *(
            Route(path, Resource(services, {"GET": files.file}, shared=True))
            for path in files.paths
        ),
        Route(words, Resource(services, {"GET": files.words}, shared=True)),
    ]


def _origin(text: str) -> str:
    """The origin a frame may tell its height to. Raises Invalid."""
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Invalid(
            "parent", f"{text[:100]!r} is no origin such as https://a.example"
        )
    return f"{parts.scheme}://{parts.netloc}"

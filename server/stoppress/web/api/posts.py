"""The post routes: publish, list, read, edit, withdraw."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.write_outcome import WriteOutcome
from stoppress.domain.errors import NotFound
from stoppress.web import cache_headers, json_responses, request_parsing
from stoppress.web.authorization import admit, feed_of, may_publish, token_of, visible
from stoppress.web.pagination import (
    MAX_PAGE_POSTS,
    PAGE_POSTS,
    full_posts,
    public_posts,
)
from stoppress.web.post_filter import PostFilter, filtered_posts
from stoppress.web.problems import Problem
from stoppress.web.services import Services
from stoppress.wire.messages import full_post, public_post

MAX_ID = 64


class _Rev(msgspec.Struct):
    rev: int


_rev = msgspec.json.Decoder(_Rev)


async def publish(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/posts."""
    feed = feed_of(request)
    token = await admit(services, request, "write", feed)
    requester = request_parsing.requester(request.headers, token.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.desk.posts.publish(feed, raw, requester)
    services.snapshots.record_write(feed, made.cursor)
    return json_responses.written(
        outcome(services, feed, made),
        rev=made.rev,
        location=f"{services.settings.root}/v1/feeds/{feed}/posts/{made.post}",
        status=200 if made.repeated else 201,
        cache=cache_headers.FULL,
    )


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/posts?before=&limit=&tag=&key=true&order=&after=."""
    feed = feed_of(request)
    token = await token_of(services, request)
    visibility = await visible(services, token, feed)
    limit = request_parsing.whole_number(request, "limit", PAGE_POSTS, MAX_PAGE_POSTS)
    query = request.query_params
    choice = PostFilter.of(query)
    mark = choice.mark(query)
    posts, rest = await filtered_posts(services.store, feed, choice, mark, limit)
    next = rest and choice.path(feed, rest, query.get("limit", ""))
    full = may_publish(token, feed)
    show = full_posts if full else public_posts
    body = b'{"posts":%b,"next":%b}' % (
        show(posts, feed, services.settings.base),
        msgspec.json.encode(next),
    )
    tag = json_responses.content_tag(body, cache_headers.FULL_FORM if full else b"")
    cache = cache_headers.FULL if full else cache_headers.shown(visibility)
    return json_responses.read(request, body, tag, cache)


async def show(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/posts/{id}."""
    feed, name = feed_of(request), post_of(request)
    token = await token_of(services, request)
    visibility = await visible(services, token, feed)
    kept = await services.store.post(feed, name)
    tag, base = f'"{_rev.decode(kept).rev}"', services.settings.base
    if may_publish(token, feed):
        # Never 304: the tag, which is the revision, is the same for the readers' form,
        # which the client may have cached.
        headers = {"etag": tag, **cache_headers.FULL}
        body = full_post(kept, feed, base)
        return Response(body, 200, headers, json_responses.JSON)
    body = public_post(kept, feed, base)
    return json_responses.read(request, body, tag, cache_headers.shown(visibility))


async def edit(services: Services, request: Request) -> Response:
    """PATCH /v1/feeds/{feed}/posts/{id}: RFC 7396, with If-Match."""
    feed, name = feed_of(request), post_of(request)
    token = await admit(services, request, "write", feed)
    requester = request_parsing.requester(request.headers, token.id)
    if "if-match" not in request.headers:
        rev = _rev.decode(await services.store.post(feed, name)).rev
        raise Problem(
            428,
            "no-revision",
            "If-Match is needed",
            "send the revision that the change replaces, as "
            f'`If-Match: "{rev}"` (the newest), or `If-Match: *` for any',
            headers={"etag": f'"{rev}"'},
        )
    expected = request_parsing.expected(request.headers)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.desk.posts.edit(feed, name, raw, expected, requester)
    services.snapshots.record_write(feed, made.cursor)
    body = outcome(services, feed, made)
    return json_responses.written(body, rev=made.rev, cache=cache_headers.FULL)


async def withdraw(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/posts/{id}; If-Match is optional."""
    feed, name = feed_of(request), post_of(request)
    token = await admit(services, request, "write", feed)
    requester = request_parsing.requester(request.headers, token.id)
    expected = request_parsing.expected(request.headers)
    cursor = await services.desk.posts.withdraw(feed, name, expected, requester)
    if cursor is not None:
        services.snapshots.record_write(feed, cursor)
    return json_responses.done()


def post_of(request: Request) -> str:
    """The post id in the path. Raises NotFound if it is not a valid id."""
    name: str = request.path_params["post"]
    if len(name) > MAX_ID or not (name.isascii() and name.isalnum()):
        raise NotFound(request.path_params["feed"], name[:100])
    return name


def outcome(services: Services, feed: str, made: WriteOutcome) -> bytes:
    """The answer to a write of a post: the post and the cursor."""
    if made.body:
        post = full_post(made.body, feed, services.settings.base)
    else:
        post = msgspec.json.encode({"id": made.post, "withdrawn": True})
    return b'{"post":%b,"cursor":"%b"}' % (post, str(made.cursor).encode())

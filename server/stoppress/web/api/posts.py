"""The post routes: publish, list, read, edit, withdraw."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.caller import Caller
from stoppress.desk.write_outcome_and_checks import WriteOutcome
from stoppress.domain.errors import Gone, NotFound
from stoppress.domain.feed import Visibility
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import admit, caller_of, feed_of, may_publish, visible
from stoppress.web.filter_and_scan_posts import PostFilter, filtered_posts
from stoppress.web.paginate_posts_as_json import (
    MAX_PAGE_POSTS,
    PAGE_POSTS,
    full_posts,
    public_posts,
)
from stoppress.web.problems import Problem, problem
from stoppress.web.response_cache_and_compression import CachedBody
from stoppress.web.services import Services
from stoppress.wire.encode_messages import full_post, public_post

MAX_ID = 64


class _Rev(msgspec.Struct):
    rev: int
    verification: str | None = None


_rev = msgspec.json.Decoder(_Rev)


async def publish(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/posts."""
    feed = feed_of(request)
    caller = await admit(services, request, "publish", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.desk.posts.publish(feed, raw, requester)
    services.snapshots.record_write(feed, made.cursor)
    return successful_json_answers.written(
        outcome(services, feed, made),
        rev=made.rev,
        location=f"{services.settings.root}/v1/feeds/{feed}/posts/{made.post}",
        status=200 if made.repeated else 201,
        cache=cache_control.FULL,
    )


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/posts?before=&limit=&tag=&key=true&order=&after=."""
    feed = feed_of(request)
    caller = await caller_of(services, request)
    visibility = await visible(services, caller, feed)
    limit = request_parsing.whole_number(request, "limit", PAGE_POSTS, MAX_PAGE_POSTS)
    query = request.query_params
    choice = PostFilter.of(query)
    mark = choice.mark(query)
    full = may_publish(caller, feed)

    async def render() -> bytes:
        posts, rest = await filtered_posts(services.store, feed, choice, mark, limit)
        next = rest and choice.path(feed, rest, query.get("limit", ""))
        base, foreign = services.settings.base, services.settings.foreign_content
        if snapshot is None:
            listed = full_posts(posts, feed, base)
        else:
            listed = public_posts(
                *(posts, feed, base, foreign),
                with_verification=snapshot.shows_verification,
            )
        return b'{"posts":%b,"next":%b}' % (listed, msgspec.json.encode(next))

    body: bytes | CachedBody
    # Many clients request the same pages: all share one body in memory.
    snapshot = None if full else await services.snapshots.snapshot(feed)
    if snapshot is None or snapshot.age_s is not None:
        plain = await render()
        form = cache_control.FULL_FORM if full else b""
        tag = successful_json_answers.content_tag(plain, form)
        body = plain if full else CachedBody.of(plain)
    else:
        path = choice.path(feed, mark, str(limit))
        name = (services.settings.base, path, query.get("limit", ""), snapshot.etag)
        body = await services.post_lists.get(name, render)
        tag = body.etag
    cache = cache_control.FULL if full else cache_control.shown(visibility)
    return successful_json_answers.read(request, body, tag, cache)


async def show(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/posts/{id}."""
    feed, name = feed_of(request), post_of(request)
    caller = await caller_of(services, request)
    visibility = await visible(services, caller, feed)
    return await shown(services, request, caller, visibility, name)


async def shown(
    services: Services,
    request: Request,
    caller: Caller | None,
    visibility: Visibility,
    name: str,
) -> Response:
    """The answer with one post, in the form that the caller may read."""
    feed = feed_of(request)
    try:
        kept = await services.store.post(feed, name)
    except Gone as gone:
        if may_publish(caller, feed):
            raise withdrawn(gone) from None
        raise
    head, base = _rev.decode(kept), services.settings.base
    tag = f'"{head.rev}"'
    if may_publish(caller, feed):
        # Never 304: the ETag, which is the revision, is the same as of the readers'
        # form, which the client may have cached.
        headers = {"etag": tag, **cache_control.FULL}
        body = full_post(kept, feed, base)
        return Response(body, 200, headers, successful_json_answers.JSON)
    state = await services.snapshots.state(feed)
    body = public_post(
        *(kept, feed, base, services.settings.foreign_content),
        with_verification=state.show_verification,
    )
    cache = cache_control.shown(visibility)
    if head.verification:
        # Never 304 here either: the feed's setting may have changed, but not the
        # revision.
        return Response(body, 200, {"etag": tag, **cache}, successful_json_answers.JSON)
    return successful_json_answers.read(request, body, tag, cache)


async def edit(services: Services, request: Request) -> Response:
    """PATCH /v1/feeds/{feed}/posts/{id}: RFC 7396, with If-Match."""
    feed, name = feed_of(request), post_of(request)
    caller = await admit(services, request, "publish", feed)
    requester = request_parsing.requester(request.headers, caller.id)
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
    return successful_json_answers.written(body, rev=made.rev, cache=cache_control.FULL)


async def withdraw(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/posts/{id}; If-Match is optional."""
    feed, name = feed_of(request), post_of(request)
    caller = await admit(services, request, "publish", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    expected = request_parsing.expected(request.headers)
    cursor = await services.desk.posts.withdraw(feed, name, expected, requester)
    if cursor is not None:
        services.snapshots.record_write(feed, cursor)
        services.purge(feed, name)
    return successful_json_answers.done()


def withdrawn(gone: Gone) -> Problem:
    """410 with id and revision, for callers that may publish."""
    reported = problem(gone, "")
    reported.headers |= {"etag": f'"{gone.rev}"', **cache_control.FULL}
    reported.more |= {"rev": gone.rev, "post": {"id": gone.post, "withdrawn": True}}
    return reported


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

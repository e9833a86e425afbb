"""The feed routes: create, list, read (the snapshot), edit, delete."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.caller import Caller
from stoppress.desk.feeds import read_new_feed
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import MissingScope, NotFound, Unauthenticated, Unavailable
from stoppress.domain.feed import Visibility
from stoppress.domain.store_requests_and_results import PAGE_BYTES, PageMark
from stoppress.domain.timestamps import parse_instant
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.authorization import (
    admit,
    caller_of,
    check_known,
    check_write_rate,
    feed_of,
    may_publish,
    may_read,
    signed_in,
)
from stoppress.web.encoded_snapshot import EncodedSnapshot, full_body
from stoppress.web.paginate_posts_as_json import feeds_path, parse_mark
from stoppress.web.response_cache_and_compression import CachedBody
from stoppress.web.services import Services
from stoppress.wire.encode_messages import public_feed

MAX_PAGE_FEEDS = 100


class _Listed(msgspec.Struct):
    slug: str
    visibility: Visibility
    created_at: str

    @property
    def mark(self) -> PageMark:
        """Its position in the list: by creation time, then by slug."""
        return PageMark(parse_instant(self.created_at), self.slug)


_listed = msgspec.json.Decoder(_Listed)


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds: the public feeds; with `all=true`, those the caller may read.

    All of them, or page by page with `limit`.
    """
    caller = await caller_of(services, request)
    everything = request_parsing.flag(request, "all")
    if everything and caller is None:
        raise Unauthenticated(
            "all=true needs a token: it lists the feeds that the token may read"
        )
    limit = request_parsing.whole_number(request, "limit", 0, MAX_PAGE_FEEDS)
    before = request.query_params.get("before", "")
    mark = parse_mark(before) if before else None
    listing = await services.snapshots.feeds()
    base, foreign = services.settings.base, services.settings.foreign_content
    found = [
        (body, feed)
        for body, feed in ((body, _listed.decode(body)) for body in listing.bodies)
        if _is_listed(caller if everything else None, feed)
        and (mark is None or feed.mark < mark)
    ]
    shown: list[bytes] = []
    size = 0
    for body, _ in found[: limit or None]:
        if size >= PAGE_BYTES:
            break
        shown.append(public_feed(body, base, foreign))
        size += len(body)
    rest = None
    if len(shown) < len(found):
        filters = {"all": "true"} if everything else {}
        if limit:
            filters["limit"] = str(limit)
        rest = feeds_path(found[len(shown) - 1][1].mark, **filters)
    answer = b'{"feeds":[%b],"next":%b}' % (
        b",".join(shown),
        msgspec.json.encode(rest),
    )
    cache = cache_control.PRIVATE if everything else cache_control.PUBLIC
    tag = successful_json_answers.content_tag(answer)
    headers = {"cache-control": cache}
    return successful_json_answers.read(
        request, CachedBody.of(answer), tag, headers, listing.age_s
    )


def _is_listed(caller: Caller | None, feed: _Listed) -> bool:
    if feed.visibility == "public":
        return True
    return caller is not None and caller.may("read", feed.slug)


async def create(services: Services, request: Request) -> Response:
    """POST /v1/feeds."""
    caller = await signed_in(services, request)
    if not caller.has("manage"):
        raise MissingScope("manage")
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    given = read_new_feed(raw)
    slug = given.slug
    if not caller.may("manage", slug):
        raise MissingScope("manage", slug)
    check_write_rate(services, caller.id, None)
    made = await services.desk.feeds.make(given, requester)
    services.snapshots.record_write(slug, made.cursor, listed=True)
    return successful_json_answers.written(
        public_feed(made.body, services.settings.base),
        rev=made.rev,
        location=f"{services.settings.root}/v1/feeds/{slug}",
        status=200 if made.repeated else 201,
    )


async def show(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}: the snapshot; with `at`, at that cursor or later."""
    feed = feed_of(request)
    caller = await caller_of(services, request)
    at = request.query_params.get("at")
    cursor = Cursor.parse(at) if at else None
    await check_known(services, caller, feed)
    snapshot = await services.snapshots.snapshot(feed)
    if not may_read(caller, snapshot.visibility, feed):
        raise NotFound(feed)
    if cursor is not None:
        snapshot = await services.snapshots.at(feed, cursor)
        if not may_read(caller, snapshot.visibility, feed):
            raise NotFound(feed)
    if may_publish(caller, feed):
        return _full(services, request, snapshot)
    cache = cache_control.shown(snapshot.visibility)
    return successful_json_answers.read(
        request, snapshot.answer, snapshot.etag, cache, snapshot.age_s
    )


def _full(services: Services, request: Request, snapshot: EncodedSnapshot) -> Response:
    """The snapshot for callers that may publish; not cached, as they are few."""
    if snapshot.kept is None:
        raise Unavailable(
            "the store does not answer, and the cache lacks private members"
        )
    body = full_body(snapshot.slug, snapshot.kept, services.settings.base)
    tag = successful_json_answers.content_tag(body, cache_control.FULL_FORM)
    tag = f'"{snapshot.cursor}.{tag[1:]}'
    return successful_json_answers.read(
        request, body, tag, cache_control.FULL, snapshot.age_s
    )


async def change(services: Services, request: Request) -> Response:
    """PATCH /v1/feeds/{feed}: RFC 7396; If-Match is optional."""
    feed = feed_of(request)
    caller = await admit(services, request, "manage", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    expected = request_parsing.expected(request.headers)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.desk.feeds.edit(feed, raw, expected, requester)
    services.snapshots.record_write(feed, made.cursor, listed=True)
    body = public_feed(made.body, services.settings.base)
    return successful_json_answers.written(body, rev=made.rev)


async def delete(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}: with all its posts; If-Match is optional."""
    feed = feed_of(request)
    caller = await admit(services, request, "manage", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    expected = request_parsing.expected(request.headers)
    await services.desk.feeds.drop(feed, expected, requester)
    services.snapshots.record_deletion(feed)
    await services.desk.pictures.remove_feed(feed)
    return successful_json_answers.done()

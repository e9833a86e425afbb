"""The draft routes: list, save, comment, delete, publish.

Every answer is private. Readers never get a draft.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.desk.write_outcome_and_checks import Expected, WriteOutcome
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.draft_errors import (
    NoDraft,
    TooManyDrafts,
)
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.api.filter_and_scan_drafts import (
    DraftFilter,
    filtered_drafts,
    mark_in,
    next_path,
)
from stoppress.web.api.posts import MAX_ID, outcome
from stoppress.web.authorization import admit, feed_of
from stoppress.web.paginate_posts_as_json import MAX_PAGE_POSTS, PAGE_POSTS
from stoppress.web.problems import Problem
from stoppress.web.services import Services
from stoppress.wire.encode_messages import full_draft


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/drafts?state=&owner=&text=&before=&limit=."""
    feed = feed_of(request)
    caller = await admit(services, request, "draft", feed)
    query = request.query_params
    limit = request_parsing.whole_number(request, "limit", PAGE_POSTS, MAX_PAGE_POSTS)
    choice, mark = DraftFilter.of(query, caller, feed), mark_in(query)
    await services.desk.drafts.open(feed)
    # The cursor first: drafts saved during this read then arrive on the live line.
    cursor = (await services.store.feed(desk_log_of(feed))).cursor
    found, rest = await filtered_drafts(services.store, feed, choice, mark, limit)
    body = b'{"drafts":[%b],"next":%b,"cursor":"%b"}' % (
        b",".join(map(full_draft, found)),
        msgspec.json.encode(rest and next_path(feed, rest, query)),
        str(cursor).encode(),
    )
    return Response(body, 200, cache_control.FULL, successful_json_answers.JSON)


async def create(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/drafts."""
    feed = feed_of(request)
    caller = await admit(services, request, "draft", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    try:
        made = await services.desk.drafts.create(feed, raw, caller, requester)
    except TooManyDrafts:
        services.limits.refused_draft()
        raise
    return successful_json_answers.written(
        _draft(made),
        rev=made.rev,
        location=f"{services.settings.root}/v1/feeds/{feed}/drafts/{made.post}",
        status=200 if made.repeated else 201,
        cache=cache_control.FULL,
    )


async def show(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/drafts/{draft}."""
    feed, name = feed_of(request), draft_of(request)
    caller = await admit(services, request, "draft", feed)
    body, draft = await services.desk.drafts.read(feed, name, caller)
    headers = {"etag": f'"{draft.rev}"', **cache_control.FULL}
    return Response(full_draft(body), 200, headers, successful_json_answers.JSON)


async def put(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/drafts/{draft}, with If-Match: replaces it."""
    feed, name = feed_of(request), draft_of(request)
    caller = await admit(services, request, "draft", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    if "if-match" not in request.headers:
        _, draft = await services.desk.drafts.read(feed, name, caller)
        raise Problem(
            428,
            "no-revision",
            "If-Match is needed",
            "send the revision that the change replaces, as "
            f'`If-Match: "{draft.rev}"` (the newest), or `If-Match: *` for any',
            headers={"etag": f'"{draft.rev}"'},
        )
    expected = request_parsing.expected(request.headers)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.desk.drafts.put(feed, name, raw, expected, caller, requester)
    return successful_json_answers.written(
        _draft(made), rev=made.rev, cache=cache_control.FULL
    )


async def comment(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/drafts/{draft}/comments."""
    feed, name = feed_of(request), draft_of(request)
    caller = await admit(services, request, "draft", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    made = await services.desk.drafts.comment(feed, name, raw, caller, requester)
    status = 200 if made.repeated else 201
    return successful_json_answers.written(
        _draft(made), rev=made.rev, status=status, cache=cache_control.FULL
    )


async def remove_comment(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/drafts/{draft}/comments/{comment}."""
    feed, name = feed_of(request), draft_of(request)
    caller = await admit(services, request, "draft", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    comment: str = request.path_params["comment"][:MAX_ID]
    made = await services.desk.drafts.remove_comment(
        feed, name, comment, caller, requester
    )
    return successful_json_answers.written(
        _draft(made), rev=made.rev, cache=cache_control.FULL
    )


async def delete(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/drafts/{draft}; If-Match is optional."""
    feed, name = feed_of(request), draft_of(request)
    caller = await admit(services, request, "draft", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    expected = request_parsing.expected(request.headers)
    await services.desk.drafts.delete(feed, name, expected, caller, requester)
    return successful_json_answers.done()


async def publish(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/drafts/{draft}/publish; If-Match is optional."""
    feed, name = feed_of(request), draft_of(request)
    caller = await admit(services, request, "publish", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    expected: Expected = request_parsing.expected(request.headers)
    made = await services.desk.drafts.publish(feed, name, expected, requester)
    services.snapshots.record_write(feed, made.cursor)
    return successful_json_answers.written(
        outcome(services, feed, made),
        rev=made.rev,
        location=f"{services.settings.root}/v1/feeds/{feed}/posts/{made.post}",
        status=201 if made.created else 200,
        cache=cache_control.FULL,
    )


def draft_of(request: Request) -> str:
    """The draft id in the path. Raises NoDraft if it is not a valid id."""
    name: str = request.path_params["draft"]
    if len(name) > MAX_ID or not (name.isascii() and name.isalnum()):
        raise NoDraft(request.path_params["feed"], name[:100])
    return name


def _draft(made: WriteOutcome) -> bytes:
    """The answer to a write of a draft: the draft and the desk log's cursor."""
    if made.body:
        draft = full_draft(made.body)
    else:
        draft = msgspec.json.encode({"id": made.post, "gone": True})
    return b'{"draft":%b,"cursor":"%b"}' % (draft, str(made.cursor).encode())

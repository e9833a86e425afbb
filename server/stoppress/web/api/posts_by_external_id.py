"""The routes of posts by external id: read, create or update, withdraw."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import Gone, Invalid, NotFound
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.api.posts import outcome, shown
from stoppress.web.api.posts import withdrawn as withdrawn_post
from stoppress.web.authorization import admit, caller_of, feed_of, visible
from stoppress.web.problems import Problem
from stoppress.web.services import Services


async def show(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/external/{external_id}."""
    feed = feed_of(request)
    caller = await caller_of(services, request)
    visibility = await visible(services, caller, feed)
    name = await services.desk.external_posts.find(feed, external_id_of(request))
    return await shown(services, request, caller, visibility, name)


async def put(services: Services, request: Request) -> Response:
    """PUT /v1/feeds/{feed}/external/{external_id}; If-Match is optional."""
    feed = feed_of(request)
    caller = await admit(services, request, "publish", feed)
    external_id = external_id_of(request)
    requester = request_parsing.requester(request.headers, caller.id)
    expected = request_parsing.expected(request.headers)
    must_exist = "if-match" in request.headers
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    try:
        made = await services.desk.external_posts.put(
            feed, external_id, raw, expected, requester, must_exist=must_exist
        )
    except Gone as gone:
        raise withdrawn_post(gone) from None
    except NotFound as absent:
        if absent.post is None:
            raise
        raise Problem(
            412,
            "stale-revision",
            "Revision not current",
            f"{absent}: send it without If-Match to create it",
        ) from None
    services.snapshots.record_write(feed, made.cursor)
    created = made.created
    return successful_json_answers.written(
        outcome(services, feed, made),
        rev=made.rev,
        location=f"{services.settings.root}/v1/feeds/{feed}/posts/{made.post}"
        if created
        else None,
        status=201 if created else 200,
        cache=cache_control.FULL,
    )


async def withdraw(services: Services, request: Request) -> Response:
    """DELETE /v1/feeds/{feed}/external/{external_id}; If-Match is optional."""
    feed = feed_of(request)
    caller = await admit(services, request, "publish", feed)
    external_id = external_id_of(request)
    requester = request_parsing.requester(request.headers, caller.id)
    expected = request_parsing.expected(request.headers)
    cursor = await services.desk.external_posts.withdraw(
        feed, external_id, expected, requester
    )
    if cursor is not None:
        services.snapshots.record_write(feed, cursor)
        post = await services.desk.external_posts.find(feed, external_id)
        services.purge(feed, post)
    return successful_json_answers.done()


def external_id_of(request: Request) -> str:
    """The external id in the path. Raises Invalid if it is not UTF-8, or was cut."""
    if request.url.query and request.method in ("PUT", "DELETE"):
        # The ids `a?1` and `a?2`, if not encoded, would name the same post.
        raise Invalid(
            "external_id", "is followed by a query: write `?` in an id as `%3F`"
        )
    external_id: str = request.path_params["external_id"]
    if "\ufffd" in external_id:
        # The web server replaces undecodable bytes by this character, which an id may
        # also contain.
        try:
            unquote_to_bytes(request.scope["raw_path"]).decode()
        except UnicodeDecodeError:
            raise Invalid(
                "external_id", "is not UTF-8: percent-encode the bytes of its UTF-8"
            ) from None
    return external_id

"""The routes of a post's earlier states: revisions, restoring, takedown.

Rules: revisions are for callers that may publish on the feed; no cache stores them.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.keep_unknown_members import STORED_POSTS
from stoppress.domain.store_requests_and_results import Revision
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.api.posts import outcome, post_of
from stoppress.web.authorization import admit, feed_of
from stoppress.web.services import Services
from stoppress.wire.encode_messages import full_post


async def index(services: Services, request: Request) -> Response:
    """GET /v1/feeds/{feed}/posts/{id}/revisions: newest first."""
    feed, name = feed_of(request), post_of(request)
    await admit(services, request, "publish", feed)
    history = await services.desk.revisions.history(feed, name)
    base = services.settings.base
    shown = [_shown(one, feed, base) for one in history.revisions]
    body = msgspec.json.encode({"revisions": shown})
    return Response(body, 200, cache_control.FULL, successful_json_answers.JSON)


async def take_down(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/posts/{id}/takedown: erase a post for good."""
    feed, name = feed_of(request), post_of(request)
    caller = await admit(services, request, "manage", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    raw = await request_parsing.body(request, services.settings.max_body_bytes)
    done = await services.desk.takedowns.take_down(feed, name, raw, requester)
    if done.cursor is not None:
        services.snapshots.record_write(feed, done.cursor)
    body = msgspec.json.encode(done.receipt)
    return Response(body, 200, cache_control.FULL, successful_json_answers.JSON)


async def restore(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/posts/{id}/restore: publish a withdrawn post again."""
    feed, name = feed_of(request), post_of(request)
    caller = await admit(services, request, "publish", feed)
    requester = request_parsing.requester(request.headers, caller.id)
    made = await services.desk.revisions.restore(feed, name, requester)
    services.snapshots.record_write(feed, made.cursor)
    body = outcome(services, feed, made)
    return successful_json_answers.written(body, rev=made.rev, cache=cache_control.FULL)


def _shown(revision: Revision, feed: str, base: str) -> dict[str, object]:
    """One revision in the form of answers."""
    made: dict[str, object] = {"by": None, "note": None}
    if revision.about:
        made |= msgspec.json.decode(revision.about)
    else:
        # A release without revisions made this state.
        post = STORED_POSTS.read(revision.body)
        made["at"] = post.updated_at or post.published_at
    return {
        "rev": revision.rev,
        **{name: made.get(name) for name in ("at", "by", "note")},
        "post": msgspec.Raw(full_post(revision.body, feed, base)),
    }

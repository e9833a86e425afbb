"""The upload of a picture, for callers that may draft on the feed."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.errors import TooMany
from stoppress.web import cache_control, request_parsing, successful_json_answers
from stoppress.web.api.upload_body import received
from stoppress.web.authorization import admit, feed_of, visible
from stoppress.web.services import Services


async def upload(services: Services, request: Request) -> Response:
    """POST /v1/feeds/{feed}/media: the picture itself, or a form's field `file`."""
    feed = feed_of(request)
    caller = await admit(services, request, "draft", feed)
    await visible(services, caller, feed)
    requester = request_parsing.requester(request.headers, caller.id)
    limits = services.limits
    if wait_s := limits.upload(caller.id):
        raise TooMany("uploads", wait_s)
    file = await received(request, services.settings.media_bytes)
    try:
        size = file.seek(0, 2)
        if wait_s := limits.uploaded(caller.id, size):
            raise TooMany("bytes uploaded", wait_s)
        made = await services.desk.pictures.upload(feed, file, requester)
    finally:
        file.close()
    shown = made.shown(services.settings.base)
    return successful_json_answers.written(
        msgspec.json.encode(shown),
        rev=0,
        location=f"{services.settings.root}{made.picture.path}",
        status=200 if made.repeated else 201,
        cache=cache_control.FULL,
    )

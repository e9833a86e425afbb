"""Serves the files of uploaded pictures.

Rules:
- A file never changes under its address: caches and browsers keep it for a year. Shared
  caches do not store a private feed's files, and browsers ask again each time, so that
  a caller without the right to read the feed any more gets nothing.
- A caller that may not read the feed gets 404, as everywhere.
- No file can act as a page: its type is sent and not guessed, and its
  Content-Security-Policy grants nothing.
- A GET may ask for one range of bytes; a HEAD may not (RFC 9110, 14.2).
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain.picture_address import TYPES, UploadedPicture
from stoppress.web.authorization import caller_of, feed_of, visible
from stoppress.web.problems import Problem
from stoppress.web.request_parsing import is_unchanged
from stoppress.web.services import Services

IMMUTABLE = "public, max-age=31536000, immutable"
PRIVATE = "private, no-cache"
GUARDS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "accept-ranges": "bytes",
}
_WIDTH = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


async def show(services: Services, request: Request) -> Response:
    """GET /media/{feed}/{name}, or a variant of it: /media/{feed}/{name}/{width}."""
    feed, name = feed_of(request), request.path_params["name"]
    caller = await caller_of(services, request)
    visibility = await visible(services, caller, feed)
    picture = UploadedPicture.of(feed, name)
    width: str | None = request.path_params.get("width")
    is_width = width is None or _WIDTH.fullmatch(width) is not None
    name = picture and is_width and picture.file(None if width is None else int(width))
    data = name and await services.desk.pictures.file(feed, name)
    if not name or not data:
        raise Problem(
            404, "not-found", "Not Found", "there is no picture at this address"
        )
    is_private = visibility == "private"
    tag = f'"{name.partition(".")[0]}"'
    headers = {
        **GUARDS,
        "etag": tag,
        "cache-control": PRIVATE if is_private else IMMUTABLE,
        # Pages of any site may show a public feed's pictures, as the widget does.
        "cross-origin-resource-policy": "same-origin" if is_private else "cross-origin",
    }
    if is_private:
        headers["vary"] = "Authorization, Cookie"
    if is_unchanged(request.headers, tag):
        return Response(status_code=304, headers=headers)
    kind = TYPES[name.rpartition(".")[2]]
    span = _span(request, tag, len(data))
    if span is None:
        return Response(data, 200, headers, kind)
    first, last = span
    if first > last:
        headers["content-range"] = f"bytes */{len(data)}"
        return Response(status_code=416, headers=headers)
    headers["content-range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, headers, kind)


def _span(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """The first and last byte requested; None: the whole file."""
    if request.method != "GET":
        return None
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if asked is None or request.headers.get("if-range", tag) != tag:
        return None
    first, last = asked.groups()
    if first:
        return int(first), min(int(last), size - 1) if last else size - 1
    # A suffix: the last bytes of the file.
    return (max(0, size - int(last)), size - 1) if last else None

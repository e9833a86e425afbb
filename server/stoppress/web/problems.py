"""Maps errors to problem documents (RFC 9457), for all routes.

Rules: `title` is the same for every problem of a `type`; `detail` says what is wrong,
with which value, and what to do. Further members are `field`, `line` and `column`,
`scope`, `current` or `post` (their current state; with private members, since only
callers that may write get them). An internal error contains only a reference to look
up in the log. Caches must not store a refusal.
"""

from __future__ import annotations

import http
import logging
import secrets
from collections.abc import Callable, Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stoppress.domain import errors
from stoppress.web.cache_headers import FULL
from stoppress.wire.messages import full_post, public_feed

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("stoppress.web")


class Problem(Exception):
    """A refusal that has no domain error, such as 405 or 413."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> Response:
        """The response with this problem document."""
        document = {
            "type": f"urn:stop-press:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return Response(
            msgspec.json.encode(document),
            self.status,
            {"cache-control": "no-store", **self.headers},
            MEDIA_TYPE,
        )


def answer(error: Exception, base: str, feed: str | None = None) -> Response:
    """The answer to a request that failed with `error`.

    `base` is the site's address; `feed` is the feed the request was about.
    """
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, errors.NewsError):
        return problem(error, base, feed).response()
    if isinstance(error, HTTPException):
        return _of_http(error).response()
    reference = secrets.token_hex(4)
    _log.error("request failed (reference %s)", reference, exc_info=error)
    return Problem(
        500,
        "fault",
        "Internal server error",
        "the server failed, not the request: look up the reference in the server's log",
        reference=reference,
    ).response()


def problem(error: errors.NewsError, base: str, feed: str | None = None) -> Problem:
    """The problem document of a domain error."""
    for kind in type(error).__mro__:
        make = _MAKERS.get(kind)
        if make is not None:
            return make(error, base, feed or "")
    raise error


def exception_handlers(
    base: str,
) -> dict[type[Exception] | int, Callable[[Request, Exception], Response]]:
    """Exception handlers of the application, which answer with problem documents."""

    def handle(request: Request, error: Exception) -> Response:
        return answer(error, base, request.path_params.get("feed"))

    return {errors.NewsError: handle, HTTPException: handle, Exception: handle}


def _of_http(error: HTTPException) -> Problem:
    status = http.HTTPStatus(error.status_code)
    detail = error.detail
    if status is http.HTTPStatus.NOT_FOUND:
        detail = "there is nothing at this address: /openapi.json lists the addresses"
    return Problem(
        error.status_code,
        status.phrase.lower().replace(" ", "-"),
        status.phrase,
        detail,
        headers=error.headers,
    )


_Maker = Callable[[errors.NewsError, str, str], Problem]


def _plain(status: int, kind: str, title: str, *fields: str) -> _Maker:
    """A maker of problems with the named attributes of the error as members."""

    def make(error: errors.NewsError, base: str, feed: str) -> Problem:
        more = {name: getattr(error, name) for name in fields}
        return Problem(status, kind, title, str(error), **more)

    return make


def _stale(error: errors.NewsError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.StaleRevision)
    current = _current(error.current, feed, base)
    return Problem(
        412,
        "stale-revision",
        "Revision not current",
        str(error),
        headers={"etag": f'"{error.rev}"', **FULL},
        current=msgspec.Raw(current),
    )


def _external_id(error: errors.NewsError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.ExternalIdTaken)
    if error.current is None:
        post = msgspec.json.encode({"id": error.post, "withdrawn": True})
    else:
        post = _current(error.current, feed, base)
    return Problem(
        409,
        "external-id-taken",
        "external_id is taken",
        str(error),
        headers=FULL,
        post=msgspec.Raw(post),
    )


def _unauthenticated(error: errors.NewsError, base: str, feed: str) -> Problem:
    return Problem(
        401,
        "no-token",
        "A token is needed",
        str(error),
        headers={"www-authenticate": 'Bearer realm="stop-press"'},
    )


def _unavailable(error: errors.NewsError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.Unavailable)
    return Problem(
        503,
        "unavailable",
        "Temporarily unavailable",
        f"{error}; the outcome of a write is unknown: repeat it with the same "
        "Idempotency-Key",
        headers={"retry-after": str(error.retry_after_s)},
    )


def _not_permitted(error: errors.NewsError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.NotPermitted)
    # Which right it is concerns operators: it is in the log, and at /readyz.
    return Problem(
        503,
        "unavailable",
        "Not available now",
        "the server is not set up to do this now, and nothing was changed; its "
        "operators find the reason in its log. Repeat it then with the same "
        "Idempotency-Key",
        headers={"retry-after": str(error.retry_after_s)},
    )


class _Named(msgspec.Struct):
    slug: str = ""


_named = msgspec.json.Decoder(_Named)


def _current(body: bytes, feed: str, base: str) -> bytes:
    if _named.decode(body).slug:
        return public_feed(body, base)
    return full_post(body, feed, base)


_MAKERS: dict[type, _Maker] = {
    errors.BrokenJson: _plain(400, "broken-json", "Invalid JSON", "line", "column"),
    errors.MalformedCursor: _plain(400, "malformed-cursor", "Malformed cursor"),
    errors.Invalid: _plain(422, "invalid", "Invalid field", "field"),
    errors.Malformed: _plain(400, "malformed", "Malformed request"),
    errors.NotFound: _plain(404, "not-found", "Not Found"),
    errors.Gone: _plain(410, "withdrawn", "Withdrawn"),
    errors.SlugTaken: _plain(409, "slug-taken", "The slug is taken"),
    errors.ExternalIdTaken: _external_id,
    errors.IdempotencyKeyReused: _plain(
        422, "key-reused", "Idempotency-Key used before"
    ),
    errors.StaleRevision: _stale,
    errors.Conflict: _plain(409, "conflict", "Conflict"),
    errors.Unauthenticated: _unauthenticated,
    errors.MissingScope: _plain(403, "missing-scope", "Scope missing", "scope"),
    errors.Refused: _plain(403, "refused", "Refused"),
    errors.NotPermitted: _not_permitted,
    errors.Unavailable: _unavailable,
    errors.NewsError: _plain(500, "fault", "Internal server error"),
}

"""Maps errors to problem documents (RFC 9457), for all routes.

Rules: `title` is the same for every problem of a `type`; `detail` says what is wrong,
with which value, and what to do. Further members are `field`, `line` and `column`,
`scope`, `current` or `post` (their current state; with private members, since only
callers that may write get them), and `request_id`, by which operators find the refusal
in the log. A problem of an internal error contains nothing else. Input is validated
before it is used, so JSON that can't be decoded when an answer is made is stored JSON:
the feed is damaged. Caches must not store a refusal.
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

from stoppress.domain import draft_errors, errors
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.guard.request_context import CURRENT
from stoppress.web.cache_control import FULL
from stoppress.wire.encode_messages import full_draft, full_post, public_feed

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
        document: dict[str, object] = {
            "type": f"urn:stop-press:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        context = CURRENT.get()
        if context is not None:
            document["request_id"] = context.id
            context.reason = self.kind
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
    context = CURRENT.get()
    if isinstance(error, errors.Unavailable) and context is not None:
        context.detail = str(error)
    if isinstance(error, Problem):
        return error.response()
    if isinstance(error, UNDECODABLE):
        error = _damaged_by(error, feed)
    if isinstance(error, errors.StopPressError):
        try:
            return problem(error, base, feed).response()
        except UNDECODABLE as undecodable:
            # The current state, which the answer should contain, is damaged too.
            return problem(_damaged_by(undecodable, feed), base, feed).response()
    if isinstance(error, HTTPException):
        return _of_http(error).response()
    reference = secrets.token_hex(4) if context is None else context.id
    _log.error("request failed (reference %s)", reference, exc_info=error)
    return Problem(
        500,
        "fault",
        "Internal server error",
        "the server failed, not the request: look up the reference in the server's log",
        reference=reference,
    ).response()


def _damaged_by(undecodable: Exception, feed: str | None) -> errors.Damaged:
    """The error of a feed whose stored JSON can't be decoded."""
    damaged = errors.Damaged(feed or "", str(undecodable))
    damaged.__cause__ = undecodable
    return damaged


def problem(
    error: errors.StopPressError, base: str, feed: str | None = None
) -> Problem:
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

    return {errors.StopPressError: handle, HTTPException: handle, Exception: handle}


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


_Maker = Callable[[errors.StopPressError, str, str], Problem]


def _plain(status: int, kind: str, title: str, *fields: str) -> _Maker:
    """A maker of problems with the named attributes of the error as members."""

    def make(error: errors.StopPressError, base: str, feed: str) -> Problem:
        more = {name: getattr(error, name) for name in fields}
        return Problem(status, kind, title, str(error), **more)

    return make


def _stale(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.StaleRevision)  # noqa: S101 (for the type checker)
    current = _current(error.current, feed, base)
    return Problem(
        412,
        "stale-revision",
        "Revision not current",
        str(error),
        headers={"etag": f'"{error.rev}"', **FULL},
        current=msgspec.Raw(current),
    )


def _stale_notes(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.StaleNotes)  # noqa: S101 (for the type checker)
    return Problem(
        412,
        "stale-notes",
        "Notes changed meanwhile",
        str(error),
        headers={"etag": f'"{error.tag}"', **FULL},
        current=msgspec.Raw(error.current),
    )


def _external_id(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.ExternalIdTaken)  # noqa: S101 (for the type checker)
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


def _shown_once(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.SecretShownOnce)  # noqa: S101 (for the type checker)
    return Problem(
        409,
        "secret-shown-once",
        "The secret was shown once",
        str(error),
        token=msgspec.Raw(error.token),
    )


def _unauthenticated(error: errors.StopPressError, base: str, feed: str) -> Problem:
    return Problem(
        401,
        "no-token",
        "A token is needed",
        str(error),
        headers={"www-authenticate": 'Bearer realm="stop-press"'},
    )


def _too_many(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.TooMany)  # noqa: S101 (for the type checker)
    return Problem(
        429,
        "too-many",
        "Too many requests",
        str(error),
        headers={"retry-after": str(error.retry_after_s)},
    )


def _unfit_picture(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.UnfitPicture)  # noqa: S101 (for the type checker)
    if error.reason == "kind":
        return Problem(415, "no-picture", "Unsupported media type", str(error))
    return Problem(
        422, f"picture-{error.reason}", "Unusable picture", str(error), field="file"
    )


def _unavailable(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.Unavailable)  # noqa: S101 (for the type checker)
    context = CURRENT.get()
    if context is not None and context.method in ("GET", "HEAD"):
        what_to_do = ": try again later"
    else:
        what_to_do = (
            "; the outcome of a write is unknown: repeat it with the same "
            "Idempotency-Key"
        )
    return Problem(
        503,
        "unavailable",
        "Temporarily unavailable",
        f"{error}{what_to_do}",
        headers={"retry-after": str(error.retry_after_s)},
    )


def _not_permitted(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.NotPermitted)  # noqa: S101 (for the type checker)
    # The missing right concerns operators: it is in the log, and at /readyz.
    return Problem(
        503,
        "unavailable",
        "Not available now",
        "the server is not set up to do this now, and nothing was changed; the reason "
        "is in the server's log. Repeat the request later with the same "
        "Idempotency-Key",
        headers={"retry-after": str(error.retry_after_s)},
    )


def _damaged(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, errors.Damaged)  # noqa: S101 (for the type checker)
    _log.error("%s: %s", error, error.reason)
    return Problem(
        503,
        "unavailable",
        "Not available now",
        f"{error}: the reason is in the server's log",
        headers={"retry-after": str(error.retry_after_s)},
    )


def _draft_gone(error: errors.StopPressError, base: str, feed: str) -> Problem:
    assert isinstance(error, draft_errors.DraftGone)  # noqa: S101 (for the type checker)
    more = {"post": {"id": error.published}} if error.published else {}
    kind = "published" if error.published else "draft-deleted"
    headers = FULL if more else None
    return Problem(410, kind, "No draft any more", str(error), headers=headers, **more)


class _Named(msgspec.Struct):
    slug: str = ""
    owner: msgspec.Raw = msgspec.Raw()
    """Problems of drafts."""


_named = msgspec.json.Decoder(_Named)


def _current(body: bytes, feed: str, base: str) -> bytes:
    named = _named.decode(body)
    if named.slug:
        return public_feed(body, base)
    if named.owner:
        return full_draft(body)
    return full_post(body, feed, base)


_MAKERS: dict[type, _Maker] = {
    errors.BrokenJson: _plain(400, "broken-json", "Invalid JSON", "line", "column"),
    errors.MalformedCursor: _plain(400, "malformed-cursor", "Malformed cursor"),
    errors.Invalid: _plain(422, "invalid", "Invalid field", "field"),
    errors.Malformed: _plain(400, "malformed", "Malformed request"),
    errors.UnfitPicture: _unfit_picture,
    errors.NotFound: _plain(404, "not-found", "Not Found"),
    errors.Gone: _plain(410, "withdrawn", "Withdrawn"),
    errors.TakenDown: _plain(410, "taken-down", "Taken down"),
    draft_errors.DraftGone: _draft_gone,
    errors.SlugTaken: _plain(409, "slug-taken", "The slug is taken"),
    errors.ExternalIdTaken: _external_id,
    errors.IdempotencyKeyReused: _plain(
        422, "key-reused", "Idempotency-Key used before"
    ),
    errors.SecretShownOnce: _shown_once,
    errors.DeletedSince: _plain(410, "deleted-since", "Deleted since"),
    errors.StaleRevision: _stale,
    errors.StaleNotes: _stale_notes,
    errors.NothingToRestore: _plain(409, "nothing-to-restore", "Nothing to restore"),
    draft_errors.TooManyDrafts: _plain(409, "too-many-drafts", "Too many drafts"),
    errors.Conflict: _plain(409, "conflict", "Conflict"),
    errors.Unauthenticated: _unauthenticated,
    errors.MissingScope: _plain(403, "missing-scope", "Scope missing", "scope"),
    draft_errors.SecondPersonNeeded: _plain(
        403, "second-person", "Two people are needed"
    ),
    errors.Refused: _plain(403, "refused", "Refused"),
    errors.TooMany: _too_many,
    errors.NotPermitted: _not_permitted,
    errors.Damaged: _damaged,
    errors.Unavailable: _unavailable,
    errors.StopPressError: _plain(500, "fault", "Internal server error"),
}

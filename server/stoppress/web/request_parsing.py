"""Reads and validates a request's body, query and headers.

Rules:
- Every body is limited in bytes and in time, with and without a Content-Length; the
  refusal of an invalid value names it.
- ASGI passes body and answer in messages, each of which is an await through every
  layer. By an extension of the scope, WHOLE, a body that has arrived is taken at once,
  and an answer leaves in one write. Without it, and where it declines, there are
  messages.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive

from stoppress.desk.post_ids_and_idempotency_keys import (
    Requester,
    check_idempotency_key,
)
from stoppress.desk.write_outcome_and_checks import Expected
from stoppress.domain.errors import Invalid, Malformed
from stoppress.web.problems import Problem

MAX_DIGITS = 9
"""Digits of a number in a query: Python refuses to read thousands."""
MAX_REVISION_DIGITS = 16
"""Those of the highest revision that an import may bring."""
BODY_TIMEOUT_S = 30.0
"""How long a body may take to arrive; nginx allows 60 s between two reads."""
DRAINED_BYTES = 1 << 20
"""How much of a body that is too long is read and dropped, so that the client gets the
answer instead of a broken connection.
"""

_CODING = re.compile(
    # caddy, Apache and CloudFront "-gzip"; Jetty "--gzip"; LiteSpeed ";gz".
    r"(?:--?|[;:_])(?:x-)?(?:gzip|gz|br|brotli|zstd|deflate|compress|dcb|dcz)$",
    re.IGNORECASE,
)
"""The suffix that a compressing proxy adds to a tag. No tag of this server ends like
this: tags are numbers, cursors with a build, and hexadecimal digests."""
MAX_CODINGS = 4
"""Suffixes removed from one tag: as many compressing proxies may follow each other."""
_TAGS = re.compile(r'[\s,]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,[\s,]*|$)')
"""A tag of a list, which may have empty members (RFC 9110, section 5.6.1)."""
_JSON_TYPES = re.compile(
    r"(application|text)/([\w.+-]+\+)?json"
    # What curl -d and a script's fetch() send by default.
    r"|application/x-www-form-urlencoded|text/plain",
    re.IGNORECASE,
)


WHOLE = "stop_press.whole_messages"
"""The name of the extension in the ASGI scope."""

RawHeaders = list[tuple[bytes, bytes]]
FinishHeaders = Callable[[int, RawHeaders], RawHeaders]
"""Makes the headers that an answer is sent with, from its status and its headers."""


class WholeMessages(Protocol):
    """The body and the answer of one request, in one piece each."""

    finish_headers: FinishHeaders | None
    """Called with what `answer` sends."""

    def body(self) -> bytes | None:
        """The body, if it has arrived as a whole; None: receive it by messages."""

    def answer(self, status: int, headers: RawHeaders, body: bytes) -> bool:
        """Send the whole answer; False: nothing was sent, send it by messages."""


def whole_messages(scope: Mapping[str, Any]) -> WholeMessages | None:
    """The extension of a request, if its server has it."""
    extensions = scope.get("extensions")
    found: WholeMessages | None = extensions.get(WHOLE) if extensions else None
    return found


class ClientDisconnected(Exception):
    """The client disconnected before the request was complete."""


async def body(request: Request, limit: int) -> bytes:
    """Read the request's body. Raises Problem 413, 415 or 408."""
    headers = request.headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            415, "encoded", "Unsupported encoding", "send the body uncompressed"
        )
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if kind and not _JSON_TYPES.fullmatch(kind):
        raise Problem(
            415,
            "not-json",
            "Unsupported media type",
            f"the type {kind[:100]!r} is invalid: send JSON, as application/json",
        )
    whole = whole_messages(request.scope)
    data = None if whole is None else whole.body()
    if data is None:
        _refuse_announced(headers, limit)
        data = await _receive_in_time(request.receive, limit)
    elif limit and len(data) > limit:
        raise _too_long(limit, is_cut_off=False)
    # RFC 8259 (8.1) allows it: Windows' tools begin a UTF-8 file with it.
    return data.removeprefix(codecs.BOM_UTF8)


async def _receive_in_time(receive: Receive, limit: int) -> bytes:
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _receive(receive, limit)
    except TimeoutError:
        raise Problem(
            408,
            "slow-body",
            "Request timeout",
            f"the body did not arrive within {BODY_TIMEOUT_S:g} s",
            headers={"connection": "close"},
        ) from None


def _refuse_announced(headers: Headers, limit: int) -> None:
    """Refuse a body that is too long, if the sender asks before sending it."""
    announced = headers.get("content-length", "")
    if (
        limit
        and announced.isdecimal()
        and int(announced) > limit
        and headers.get("expect", "").lower() == "100-continue"
    ):
        raise _too_long(limit, is_cut_off=True)


def _too_long(limit: int, *, is_cut_off: bool) -> Problem:
    return Problem(
        413,
        "too-long",
        "Body too long",
        f"the body is longer than {limit} bytes: send less",
        headers={"connection": "close"} if is_cut_off else None,
        limit=limit,
    )


async def _receive(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        more = message.get("more_body", False)
        if limit and size > limit:
            parts.clear()
            if more and size < limit + DRAINED_BYTES:
                continue
            raise _too_long(limit, is_cut_off=more)
        parts.append(part)
        if not more:
            return parts[0] if len(parts) == 1 else b"".join(parts)


def requester(headers: Headers, owner: str) -> Requester:
    """The requester with its Idempotency-Key, if any. Raises Malformed."""
    given = set(headers.getlist("idempotency-key"))
    if len(given) > 1:
        raise Malformed("Idempotency-Key is there more than once: send one")
    key = check_idempotency_key(given.pop()) if given else None
    return Requester(owner, key)


def joined_lines(headers: Headers, name: str) -> str | None:
    """A list's header in one line; several lines are one list (RFC 9110, 5.3)."""
    return ",".join(headers.getlist(name)) if name in headers else None


def entity_tags(text: str) -> list[tuple[bool, str]] | None:
    """Parse If-Match or If-None-Match: `(weak, tag)` pairs, None for `*`.

    A tag that a cache or a compressing proxy changed counts as the original tag:
    `W/"3"` by nginx, `"3-gzip"` by Caddy, `"3--gzip"` by Jetty. Raises Malformed.
    """
    if text.strip() == "*":
        return None
    tags: list[tuple[bool, str]] = []
    at = 0
    while at < len(text) or not tags:
        match = _TAGS.match(text, at)
        if match is None:
            raise Malformed(
                f"{text[:100]!r} is invalid as an entity tag: send the ETag as it was "
                'received, in quotes, such as "3"'
            )
        tag = match[2]
        for _ in range(MAX_CODINGS):
            tag = _CODING.sub("", tag)
        tags.append((match[1] is not None, tag))
        at = match.end()
    return tags


def expected(headers: Headers) -> Expected:
    """The revisions in If-Match; None if any is accepted. Raises Malformed.

    A weak tag counts too, unlike in RFC 9110 (13.1.1): compressing proxies make tags
    weak, and a revision names the post's content, not its bytes.
    """
    tags = expected_tags(headers)
    if tags is None:
        return None
    revisions = set()
    for tag in tags:
        if not (tag.isascii() and tag.isdecimal()):
            continue
        if tag[0] == "0":
            # A tag is compared character by character: "01" is not "1".
            raise Malformed(
                f'"{tag[:40]}" is invalid as a revision, which has no leading zero: '
                "send the ETag as it was received"
            )
        if len(tag) <= MAX_REVISION_DIGITS:
            revisions.add(int(tag))
    return frozenset(revisions)


def expected_tags(headers: Headers) -> frozenset[str] | None:
    """The tags in If-Match, weak or not; None if any is accepted. Raises Malformed."""
    given = joined_lines(headers, "if-match")
    tags = None if given is None else entity_tags(given)
    return None if tags is None else frozenset(tag for _, tag in tags)


def is_unchanged(headers: Headers, etag: str) -> bool:
    """Whether If-None-Match names `etag` (a proxy may have made it weak)."""
    given = joined_lines(headers, "if-none-match")
    if given is None:
        return False
    try:
        tags = entity_tags(given)
    except Malformed:
        return False
    return tags is None or any(f'"{tag}"' == etag for _, tag in tags)


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """The query parameter `name` as a number from 1 to `most`. Raises Invalid."""
    text = request.query_params.get(name)
    if text is None:
        return default
    number = decimal(text)
    if number is not None and 1 <= number <= most:
        return number
    raise Invalid(
        name, f"{text[:40]!r} is invalid: use a whole number from 1 to {most}"
    )


def decimal(text: str) -> int | None:
    """A text of up to MAX_DIGITS decimal digits as a number; None for any other."""
    if len(text) > MAX_DIGITS or not text.isascii() or not text.isdecimal():
        return None
    return int(text)


def flag(request: Request, name: str) -> bool:
    """The query parameter `name` as a boolean. Raises Invalid."""
    text = request.query_params.get(name, "false")
    if text in ("false", "true"):
        return text == "true"
    raise Invalid(name, f"{text[:40]!r} is invalid: use true or false")

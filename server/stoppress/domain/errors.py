"""All errors of the package, as one hierarchy of exceptions.

    NewsError
    ├── Malformed            the input can't be read or is invalid
    │   ├── MalformedCursor
    │   ├── BrokenJson       with line and column
    │   └── Invalid          one field is invalid, by name
    ├── NotFound             no such feed or post
    ├── Gone                 the post was withdrawn
    ├── Conflict
    │   ├── SlugTaken
    │   ├── ExternalIdTaken
    │   ├── IdempotencyKeyReused   by a request with another body
    │   ├── StaleRevision
    │   └── PinMoved         another post was pinned concurrently; the desk retries
    ├── Refused              the token does not allow it
    │   ├── Unauthenticated
    │   └── MissingScope
    ├── Gap                  an event is missing between the last one and the next
    └── Unavailable          the store does not answer; the write's outcome is unknown
        └── NotPermitted     the store's user lacks a right; nothing happened

Each carries its data; the text says what happened, with which value, and what to
do. The web layer maps them to problem documents and close codes, in one module.
"""

from __future__ import annotations


class NewsError(Exception):
    """Base class of every error that this package raises intentionally."""


class Malformed(NewsError):
    """The input can't be parsed or is invalid."""


class MalformedCursor(Malformed):
    """The text is not a valid cursor."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return (
            f"cursor {self.text[:80]!r} is invalid: use one as it was received, "
            "such as k3v9-120"
        )


class BrokenJson(Malformed):
    """The input is not valid JSON. `line` and `column` (in characters) start at 1."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        self.reason = reason
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"invalid JSON at line {self.line}, column {self.column}: {self.reason}"


class Invalid(Malformed):
    """One field of the input is unknown, ill-typed or not allowed.

    `field` is its path, such as `authors[0].url`, or "" for the whole input.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class NotFound(NewsError):
    """The feed does not exist, or the post does not exist in it."""

    def __init__(self, feed: str, post: str | None = None) -> None:
        self.feed = feed
        self.post = post

    def __str__(self) -> str:
        if self.post is None:
            return f"there is no feed {self.feed!r}"
        return f"there is no post {self.post!r} in the feed {self.feed!r}"


class Gone(NewsError):
    """The post was withdrawn."""

    def __init__(self, feed: str, post: str) -> None:
        self.feed = feed
        self.post = post

    def __str__(self) -> str:
        return f"the post {self.post!r} was withdrawn from the feed {self.feed!r}"


class Conflict(NewsError):
    """The write contradicts the stored state."""


class SlugTaken(Conflict):
    """A feed with this slug exists."""

    def __init__(self, slug: str) -> None:
        self.slug = slug

    def __str__(self) -> str:
        return f"the slug {self.slug!r} is taken: use another"


class ExternalIdTaken(Conflict):
    """The external id belongs to another post: `post` is its id.

    `current` is that post's stored JSON, or None if it was withdrawn.
    """

    def __init__(self, external_id: str, post: str, current: bytes | None) -> None:
        self.external_id = external_id
        self.post = post
        self.current = current

    def __str__(self) -> str:
        state = "" if self.current is not None else ", which was withdrawn"
        return f"external_id {self.external_id!r} belongs to post {self.post!r}{state}"


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key was used before, for another request."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __str__(self) -> str:
        return (
            f"the Idempotency-Key {self.key!r} was used for a different request: "
            "use a new key for a new request"
        )


class StaleRevision(Conflict):
    """The write expects a revision that is no longer current.

    `current` is the stored JSON of the post (or feed) now.
    """

    def __init__(self, expected: int, rev: int, current: bytes) -> None:
        self.expected = expected
        self.rev = rev
        self.current = current

    def __str__(self) -> str:
        return (
            f"revision {self.expected} is no longer current: read revision {self.rev}, "
            "then send the change with that number"
        )


class PinMoved(Conflict):
    """Another post was pinned between the read and the write."""

    def __str__(self) -> str:
        return "another post was pinned meanwhile: try again"


class Refused(NewsError):
    """The requester is not allowed to do this."""


class Unauthenticated(Refused):
    """The request has no token, or an unknown one."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "a token is needed"


class MissingScope(Refused):
    """The token is valid but lacks a scope, such as `write` on feed `x`."""

    def __init__(self, scope: str, feed: str | None = None) -> None:
        self.scope = scope
        self.feed = feed

    def __str__(self) -> str:
        where = f" on the feed {self.feed!r}" if self.feed else ""
        return f"the token lacks the scope {self.scope!r}{where}"


class Gap(NewsError):
    """An event does not follow the last one: fetch a snapshot."""

    def __init__(self, cursor: str, received: str) -> None:
        self.cursor = cursor
        self.received = received

    def __str__(self) -> str:
        return f"{self.received} does not follow {self.cursor}: fetch a snapshot"


class Unavailable(NewsError):
    """The store does not answer, so the outcome of a write is unknown.

    Repeat the write with the same Idempotency-Key to learn it.
    """

    def __init__(self, reason: str, retry_after_s: int = 1) -> None:
        self.reason = reason
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.reason


class NotPermitted(Unavailable):
    """This server's user in the store lacks a right, and nothing was done.

    `reason` names the right, for operators. The same write works once it is granted.
    """

"""The errors of the package, as one hierarchy; those of drafts are in draft_errors.py.

    StopPressError
    ├── Malformed            the input can't be read or is invalid
    │   ├── MalformedCursor
    │   ├── BrokenJson       with line and column
    │   └── Invalid          one field is invalid, by name
    ├── UnfitPicture         the uploaded file can't become a picture
    ├── NotFound             no such feed or post
    │   ├── NoWebhook
    │   ├── NoTemplate
    │   └── NoDeadLetter     or it was delivered
    ├── Gone                 the post was withdrawn
    │   └── TakenDown        and erased: it can't be restored
    ├── DeletedSince         what the key made was deleted afterwards
    ├── Conflict
    │   ├── SlugTaken
    │   ├── ExternalIdTaken
    │   ├── IdempotencyKeyReused   by a request with another body
    │   ├── SecretShownOnce        the key made the token, by another credential
    │   ├── StaleRevision
    │   ├── StaleNotes             of a post
    │   ├── NothingToRestore the withdrawn post's last state was not kept
    │   └── PinMoved         another post was pinned concurrently; the desk retries
    ├── Refused              the token does not allow it
    │   ├── Unauthenticated
    │   └── MissingScope
    ├── TooMany              a limit is reached; try again later
    ├── Gap                  an event is missing between the last one and the next
    └── Unavailable          the store does not answer; the write's outcome is unknown
        ├── NotPermitted     the store's user lacks a right; nothing happened
        └── Damaged          what the store holds of one feed can't be read

Each carries its data; the text says what happened, with which value, and what to
do. The web layer maps them to problem documents and close codes, in one module.
"""

from __future__ import annotations

import math
from typing import Literal


class StopPressError(Exception):
    """Base class of every error that this package raises intentionally."""


class Malformed(StopPressError):
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


UnfitReason = Literal["kind", "broken", "pixels"]
"""Why an uploaded file can't become a picture: it is of another kind, can't be read, or
has too many pixels."""


class UnfitPicture(StopPressError):
    """The uploaded file can't become a picture; `text` says why, and what to do."""

    def __init__(self, reason: UnfitReason, text: str) -> None:
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        return self.text


class NotFound(StopPressError):
    """The feed does not exist, or the post does not exist in it."""

    def __init__(self, feed: str, post: str | None = None) -> None:
        self.feed = feed
        self.post = post

    def __str__(self) -> str:
        if self.post is None:
            return f"there is no feed {self.feed!r}"
        return f"there is no post {self.post!r} in the feed {self.feed!r}"


class NoWebhook(NotFound):
    """The webhook does not exist."""

    def __str__(self) -> str:
        return f"there is no webhook {self.post!r} of the feed {self.feed!r}"


class NoTemplate(NotFound):
    """The template does not exist."""

    def __init__(self, template: str) -> None:
        super().__init__("", template)

    def __str__(self) -> str:
        return f"there is no template {self.post!r}; GET /v1/templates lists them"


class NoDeadLetter(NotFound):
    """The dead letter does not exist, or not any more: it was delivered."""

    def __str__(self) -> str:
        return f"there is no dead letter {self.post!r} of the feed {self.feed!r}"


class Gone(StopPressError):
    """The post was withdrawn; `rev` is the revision of the withdrawal."""

    def __init__(self, feed: str, post: str, rev: int) -> None:
        self.feed = feed
        self.post = post
        self.rev = rev

    def __str__(self) -> str:
        return f"the post {self.post!r} was withdrawn from the feed {self.feed!r}"


class TakenDown(Gone):
    """The post was taken down: it is erased, and can't be put back."""

    def __str__(self) -> str:
        return (
            f"the post {self.post!r} was taken down from the feed {self.feed!r}: "
            "publish a new post instead"
        )


class Conflict(StopPressError):
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


class SecretShownOnce(Conflict):
    """The token was made with this Idempotency-Key, but by another credential.

    `token` is the token's JSON, without its secret.
    """

    def __init__(self, token: bytes) -> None:
        self.token = token

    def __str__(self) -> str:
        return (
            "this Idempotency-Key has made the token already. Its secret was shown "
            "once, and is shown again only to the session or token that asked for it: "
            "if it is lost, revoke the token and make another with a new key"
        )


class DeletedSince(StopPressError):
    """The object that was made with this Idempotency-Key was deleted afterwards."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        done = "revoked" if self.kind == "token" else "deleted"
        return (
            f"the {self.kind} {self.name!r}, made with this Idempotency-Key, was "
            f"{done} since: use a new key to make another"
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
        given = f"revision {self.expected} is no longer current"
        if not self.expected:
            given = "If-Match names no revision"
        return (
            f"{given}: read revision {self.rev}, then send the change with that number"
        )


class StaleNotes(Conflict):
    """The notes on a post are no longer those that the caller replaces.

    `current` is the JSON of the notes now, `tag` their tag.
    """

    def __init__(self, post: str, tag: str, current: bytes) -> None:
        self.post = post
        self.tag = tag
        self.current = current

    def __str__(self) -> str:
        return (
            f"the notes on post {self.post!r} were changed meanwhile: read those in "
            f'`current`, then send yours with `If-Match: "{self.tag}"`'
        )


class NothingToRestore(Conflict):
    """The withdrawn post's last state was not kept, so it can't be put back."""

    def __init__(self, post: str) -> None:
        self.post = post

    def __str__(self) -> str:
        return (
            f"no revision of the post {self.post!r} was kept when it was withdrawn: "
            "publish a new post instead"
        )


class PinMoved(Conflict):
    """Another post was pinned between the read and the write."""

    def __str__(self) -> str:
        return "another post was pinned meanwhile: try again"


class Refused(StopPressError):
    """The requester is not allowed to do this."""


class Unauthenticated(Refused):
    """The request has no token, or an unknown one."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "a token is needed"


class MissingScope(Refused):
    """The token is valid but lacks a scope, such as `publish` on feed `x`."""

    def __init__(self, scope: str, feed: str | None = None) -> None:
        self.scope = scope
        self.feed = feed

    def __str__(self) -> str:
        where = f" on the feed {self.feed!r}" if self.feed else ""
        return f"the token lacks the scope {self.scope!r}{where}"


class TooMany(StopPressError):
    """A limit is reached. `what` completes the message "too many …"."""

    def __init__(self, what: str, wait_s: float) -> None:
        self.what = what
        self.retry_after_s = min(max(1, math.ceil(wait_s)), 3600)

    def __str__(self) -> str:
        return f"too many {self.what}: try again in {self.retry_after_s} s"


class Gap(StopPressError):
    """An event does not follow the last one: fetch a snapshot."""

    def __init__(self, cursor: str, received: str) -> None:
        self.cursor = cursor
        self.received = received

    def __str__(self) -> str:
        return f"{self.received} does not follow {self.cursor}: fetch a snapshot"


class Unavailable(StopPressError):
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


class Damaged(Unavailable):
    """The stored data of one feed can't be read; other feeds are not affected.

    `reason` is only for operators: it may contain stored values.
    """

    def __init__(self, feed: str, reason: str) -> None:
        super().__init__(reason, retry_after_s=30)
        self.feed = feed

    def __str__(self) -> str:
        return f"the stored data of the feed {self.feed!r} is damaged"

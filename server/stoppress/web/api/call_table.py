"""The operations of the API as data: address, method, input and answers.

Only the OpenAPI document (`openapi.py`) uses it; the routes are in `routes.py` and
`line/live_routes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

MERGE_PATCH = "application/merge-patch+json"

RESPONSES = {
    "400": ("Malformed", "invalid JSON (with line and column), or an invalid cursor"),
    "401": ("NoToken", "the token is missing or unknown"),
    "403": ("Refused", "the token lacks a scope, which `scope` names"),
    "404": ("NotFound", "no such feed or post"),
    "408": ("SlowBody", "the body did not arrive in time"),
    "409": ("Conflict", "the slug or the external_id is taken"),
    "410": ("Withdrawn", "the post was withdrawn"),
    "412": ("StaleRevision", "If-Match is not the current revision; `current` is"),
    "413": ("TooLong", "the body is longer than 64 KiB"),
    "415": ("NotJson", "the body is not JSON, or compressed"),
    "422": ("Invalid", "a field is unknown or invalid (`field`), or a key reused"),
    "426": ("Upgrade", "this address needs a WebSocket upgrade"),
    "428": ("NoRevision", "If-Match is needed"),
    "503": ("Unavailable", "temporarily unavailable; retry after Retry-After"),
}
"""The refusals by status: name and description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """An operation: one method of one address."""

    name: str
    method: str
    path: str
    summary: str
    answers: dict[str, tuple[str, str]]
    """By status: what it means, and the schema (after its media type) or ""."""
    refusals: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    takes: str = ""
    takes_type: str = "application/json"
    scope: str = ""


_FEEDS, _FEED = "/v1/feeds", "/v1/feeds/{feed}"
_POSTS, _POST = "/v1/feeds/{feed}/posts", "/v1/feeds/{feed}/posts/{post}"
_WITHDRAWN = "/v1/feeds/{feed}/withdrawn"
_UNCHANGED = ("nothing changed since If-None-Match", "")
_READ = ("401", "404", "503")
_WRITE = ("400", "401", "403", "404", "422", "503")
_BODY = ("408", "413", "415")

CALLS = (
    ApiCall(
        name="listFeeds",
        method="GET",
        path=_FEEDS,
        summary="The public feeds, newest created first",
        parameters=("all", "before", "page", "IfNoneMatch"),
        answers={"200": ("the feeds", "Feeds"), "304": _UNCHANGED},
        refusals=("401", "422", "503"),
    ),
    ApiCall(
        name="makeFeed",
        method="POST",
        path=_FEEDS,
        summary="Create a feed",
        scope="write",
        parameters=("IdempotencyKey",),
        takes="NewFeed",
        answers={
            "201": ("the feed", "Feed"),
            "200": (
                "it was created before, with this key: the feed as it is now",
                "Feed",
            ),
        },
        refusals=("400", "401", "403", "409", "422", "503", *_BODY),
    ),
    ApiCall(
        name="readFeed",
        method="GET",
        path=_FEED,
        summary="The snapshot: a feed and its newest 20 posts, at a cursor",
        parameters=("at", "IfNoneMatch"),
        answers={"200": ("the snapshot", "Snapshot"), "304": _UNCHANGED},
        refusals=("400", *_READ),
    ),
    ApiCall(
        name="editFeed",
        method="PATCH",
        path=_FEED,
        summary="Change a feed; sends `feed.updated`",
        scope="write",
        parameters=("IfMatch", "IdempotencyKey"),
        takes="FeedPatch",
        takes_type=MERGE_PATCH,
        answers={"200": ("the feed as it is now", "Feed")},
        refusals=(*_WRITE, "412", *_BODY),
    ),
    ApiCall(
        name="putFeed",
        method="PUT",
        path=_FEED,
        summary="Import a copy of a feed: create it, or update it to that revision",
        scope="admin",
        parameters=("IdempotencyKey",),
        takes="FeedCopy",
        answers={
            "201": ("the feed was created, with a new epoch", "Feed"),
            "200": ("the feed as it is now", "Feed"),
        },
        refusals=(*_WRITE, "409", *_BODY),
    ),
    ApiCall(
        name="deleteFeed",
        method="DELETE",
        path=_FEED,
        summary="Delete a feed with all its posts; ends its readers (4410)",
        scope="write",
        parameters=("IfMatch", "IdempotencyKey"),
        answers={"204": ("the feed is deleted", "")},
        refusals=(*_WRITE, "412"),
    ),
    ApiCall(
        name="publish",
        method="POST",
        path=_POSTS,
        summary="Publish a post",
        scope="write",
        parameters=("IdempotencyKey",),
        takes="PostInput",
        answers={
            "201": ("the post, and the cursor of its event", "Published"),
            "200": ("it was published before, with this key", "Repeated"),
        },
        refusals=(*_WRITE, "409", *_BODY),
    ),
    ApiCall(
        name="listPosts",
        method="GET",
        path=_POSTS,
        summary="Posts in order, page by page",
        parameters=("before", "after", "limit", "tag", "key", "order", "IfNoneMatch"),
        answers={"200": ("the posts", "Posts"), "304": _UNCHANGED},
        refusals=("422", *_READ),
    ),
    ApiCall(
        name="readPost",
        method="GET",
        path=_POST,
        summary="One post",
        parameters=("IfNoneMatch",),
        answers={"200": ("the post", "Post"), "304": _UNCHANGED},
        refusals=("410", *_READ),
    ),
    ApiCall(
        name="editPost",
        method="PATCH",
        path=_POST,
        summary="Change a post; sends `post.updated` unless nothing changes",
        scope="write",
        parameters=("IfMatch", "IdempotencyKey"),
        takes="PostInputPatch",
        takes_type=MERGE_PATCH,
        answers={"200": ("the post as it is now, and the cursor", "Repeated")},
        refusals=(*_WRITE, "409", "410", "412", "428", *_BODY),
    ),
    ApiCall(
        name="putPost",
        method="PUT",
        path=_POST,
        summary="Import a copy of a post: create it, or update it to that revision",
        scope="admin",
        parameters=("IdempotencyKey",),
        takes="PostCopy",
        answers={
            "201": ("the post was created", "Published"),
            "200": ("the post as it is now, and the cursor", "Repeated"),
        },
        refusals=(*_WRITE, "409", "410", *_BODY),
    ),
    ApiCall(
        name="withdrawPost",
        method="DELETE",
        path=_POST,
        summary="Withdraw a post; again: the same answer, no second event",
        scope="write",
        parameters=("IfMatch", "IdempotencyKey"),
        answers={"204": ("it is withdrawn", "")},
        refusals=(*_WRITE, "412"),
    ),
    ApiCall(
        name="listWithdrawn",
        method="GET",
        path=_WITHDRAWN,
        summary="Withdrawn posts, unordered; one may occur twice",
        scope="admin",
        parameters=("after", "scan"),
        answers={"200": ("the withdrawn posts", "WithdrawnPosts")},
        refusals=("401", "403", "404", "422", "503"),
    ),
    ApiCall(
        name="putWithdrawn",
        method="PUT",
        path=f"{_WITHDRAWN}/{{post}}",
        summary="Import a withdrawal, of a post that exists here or not",
        scope="admin",
        parameters=("IdempotencyKey",),
        takes="WithdrawnCopy",
        answers={"204": ("it is withdrawn", "")},
        refusals=(*_WRITE, "409", *_BODY),
    ),
    ApiCall(
        name="readEvents",
        method="GET",
        path="/v1/feeds/{feed}/events",
        summary="Events after a cursor: long poll, or server-sent events",
        parameters=("since", "wait", "LastEventId"),
        answers={
            "200": ("the events, or a reset; with the SSE type, a stream", "Events"),
            "204": ("the feed has ended; do not reconnect", ""),
        },
        refusals=("400", "422", *_READ),
    ),
    ApiCall(
        name="live",
        method="GET",
        path="/v1/live",
        summary="The live line (WebSocket), 1 to 32 feeds",
        parameters=("follow",),
        answers={"101": ("the connection is a WebSocket", "")},
        refusals=("426",),
    ),
    ApiCall(
        name="listTokens",
        method="GET",
        path="/v1/tokens",
        summary="Every token, without its secret",
        scope="admin",
        answers={"200": ("the tokens", "Tokens")},
        refusals=("401", "403", "503"),
    ),
    ApiCall(
        name="makeToken",
        method="POST",
        path="/v1/tokens",
        summary="Create a token; its secret is shown only here",
        scope="admin",
        takes="TokenInput",
        answers={"201": ("the token and its secret", "NewToken")},
        refusals=("400", "401", "403", "422", "503", *_BODY),
    ),
    ApiCall(
        name="revokeToken",
        method="DELETE",
        path="/v1/tokens/{token}",
        summary="Revoke a token",
        scope="admin",
        answers={"204": ("the token is revoked", "")},
        refusals=("401", "403", "404", "503"),
    ),
    ApiCall(
        name="health",
        method="GET",
        path="/healthz",
        summary="This process can serve, at least from memory",
        answers={"200": ("it can serve", "Status")},
    ),
    ApiCall(
        name="readiness",
        method="GET",
        path="/readyz",
        summary="This process receives new events",
        answers={"200": ("it receives them", "Status")},
        refusals=("503",),
    ),
    ApiCall(
        name="metrics",
        method="GET",
        path="/metrics",
        summary="Metrics in Prometheus' text format",
        answers={"200": ("the metrics", "text/plain text")},
    ),
    ApiCall(
        name="describe",
        method="GET",
        path="/openapi.json",
        summary="This OpenAPI document",
        parameters=("IfNoneMatch",),
        answers={"200": ("the document", "Document"), "304": _UNCHANGED},
    ),
)

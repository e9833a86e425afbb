"""The path, query and header parameters of the API, as data.

Only the OpenAPI document (`openapi.py`) uses it.
"""

from __future__ import annotations

from typing import Any


def _query(name: str, text: str, **schema: object) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _header(name: str, text: str, **schema: object) -> dict[str, Any]:
    schema = {"type": "string", **schema}
    return {"name": name, "in": "header", "description": text, "schema": schema}


def _path(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": text,
        "schema": schema,
    }


_CURSOR = r"[a-z0-9]{1,32}-(0|[1-9][0-9]{0,14})"
_REVISION = r'(W/)?"[1-9][0-9]{0,14}"'
_IF_MATCH = {
    **_header(
        "If-Match",
        'the revision the change is for, `"3"`, or `*`',
        pattern=rf"^(\*|{_REVISION}(, ?{_REVISION})*)$",
    ),
    "example": "*",
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "feed": _path("feed", "the feed's slug"),
    "post": _path("post", "the post's id"),
    "external_id": _path(
        "external_id",
        "the post's id in your system, percent-encoded; it may contain `/`",
    ),
    "draft": _path("draft", "the draft's id, which its post will have"),
    "draftState": _query(
        "state", "only drafts in one of these states, comma-separated", type="string"
    ),
    "draftOwner": _query("owner", "only drafts of this id, or `me`", type="string"),
    "draftText": _query(
        "text", "only drafts with this text, in either case", type="string"
    ),
    "client": _path("client", "a name that the client gives itself: a tab, a program"),
    "subject": _path("subject", "the id of a post or draft"),
    "leaseClient": _query("client", "the client that holds it", type="string"),
    "webhook": _path("webhook", "the webhook's id"),
    "comment": _path("comment", "the comment's id"),
    "letter": _path("letter", "the dead letter's id"),
    "template": _path("template", "the template's id, chosen by its maker"),
    "token": _path("token", "the token's id"),
    "at": _query(
        "at",
        "a cursor: only there or later in its epoch",
        type="string",
        pattern=f"^({_CURSOR})?$",
    ),
    "all": _query("all", "every feed the token may read", type="boolean"),
    "before": _query("before", "the mark in `next`", type="string"),
    "after": _query("after", "the mark in `next`", type="string"),
    "scan": {
        **_query("limit", "posts scanned per page, about", type="integer"),
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 200},
    },
    "page": {
        **_query("limit", "feeds per page; without it, all feeds"),
        "schema": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "limit": _query(
        "limit", "posts per page", type="integer", minimum=1, maximum=100, default=20
    ),
    "auditFeed": _query(
        "feed",
        "only this feed's",
        type="string",
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        maxLength=80,
    ),
    "auditLimit": _query(
        "limit", "entries per page", type="integer", minimum=1, maximum=200, default=50
    ),
    "tag": _query("tag", "only posts with this tag", type="string"),
    "key": _query("key", "only key posts", type="boolean"),
    "order": {
        **_query("order", "newest (default) or oldest first", type="string"),
        "schema": {"type": "string", "enum": ["newest", "oldest"]},
    },
    "since": _query(
        "since", "a cursor: only later events", type="string", pattern=f"^{_CURSOR}$"
    ),
    "wait": _query(
        "wait",
        "seconds to wait for an event",
        type="integer",
        minimum=0,
        maximum=60,
        default=25,
    ),
    "follow": {
        "name": "feed",
        "in": "query",
        "description": "1 to 32 feeds, each `slug` or `slug@cursor`",
        "schema": {"type": "array", "items": {"type": "string"}},
        "explode": True,
    },
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "1 to 200 printable characters; a repeat changes nothing",
        pattern="^[!-~]([ -~]{0,198}[!-~])?$",
    ),
    "IfMatch": _IF_MATCH,
    "IfMatchRequired": {**_IF_MATCH, "required": True},
    "IfMatchNotes": {
        **_header(
            "If-Match",
            "the ETag of the notes that these replace, or `*`; absent: any",
            pattern=r'^(\*|(W/)?"[!#-~]*")$',
        ),
        "example": "*",
    },
    "IfNoneMatch": _header("If-None-Match", "an ETag: 304 if nothing changed"),
    "LastEventId": _header(
        "Last-Event-ID", "a cursor; beats `since`", pattern=f"^{_CURSOR}$"
    ),
}

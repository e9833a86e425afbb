"""The schemas of answers that have no struct, as data for the OpenAPI document."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Schema = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
"""The reference to a schema, by its name."""


def reference(name: str) -> Schema:
    """A reference to the schema of that name."""
    return {"$ref": REFERENCE.format(name=name)}


def schemas_without_struct(token: Schema) -> Schema:
    """By their names; `token` is the schema of a token."""
    cursor = {"type": "string", "description": "`<epoch>-<seq>`", "examples": ["k3-9"]}
    text = {"type": "string"}
    moment = {"type": "string", "format": "date-time"}
    posts = {"type": "array", "items": reference("Post")}
    next_path = {"type": ["string", "null"], "description": "the next page's path"}
    made = deepcopy(token)
    made["title"] = "NewToken"
    made["description"] = "A token with its secret, which is shown only here."
    made["properties"]["token"] = text
    made["required"].append("token")
    gone = _object(id=text, withdrawn={"const": True})
    pinned = {"anyOf": [reference("Post"), {"type": "null"}]}
    problem = _object(type=text, title=text, status={"type": "integer"}, detail=text)
    problem["properties"] |= {
        "field": {"type": "string", "description": "the path of the invalid field"},
        "line": {"type": "integer"},
        "column": {"type": "integer"},
        "scope": {"type": "string", "description": "the scope that is missing"},
        "limit": {"type": "integer", "description": "bytes that are allowed"},
        "current": {"description": "the post or feed as it is now"},
        "post": {"description": "the post that has the external_id"},
        "token": {"description": "the token that the key made, without its secret"},
        "rev": {"type": "integer", "description": "the withdrawn post's revision"},
        "request_id": {"type": "string", "description": "to look up in the log"},
        "reference": {"type": "string", "description": "to look up in the log"},
    }
    digests = {
        "type": "object",
        "additionalProperties": text,
        "description": "digests of the members that changed, by name",
    }
    names = {"type": "array", "items": text}
    webhook = _object(id=text, url=text, events=names, created_at=moment)
    person = _object(client=text, ttl_s={"type": "integer"}, who=reference("Person"))
    presence = _object(
        type={"const": "presence"},
        desk=text,
        people={"type": "array", "items": person},
        leases={"type": "array", "items": {**person, "description": "with `id`"}},
    )
    lease = deepcopy(presence)
    lease["properties"]["held"] = {"type": "boolean"}
    events = _object(
        cursor=cursor, events={"type": "array", "items": reference("Message")}
    )
    reset = _object(reset={"const": True}, cursor=cursor, retry_ms={"type": "integer"})
    return {
        "Problem": problem,
        "Feeds": _object(
            feeds={"type": "array", "items": reference("Feed")}, next=next_path
        ),
        "Snapshot": _object(
            feed=reference("Feed"),
            cursor=cursor,
            posts=posts,
            pinned=pinned,
            next=next_path,
        ),
        "Posts": _object(posts=posts, next=next_path),
        "WithdrawnPosts": _object(
            withdrawn={"type": "array", "items": reference("WithdrawnCopy")},
            next=next_path,
        ),
        "Receipt": _with_optional(
            "media",
            post=text,
            at=moment,
            store=moment,
            disk={"type": "string", "description": "the time, or `pending`"},
            media={
                "type": "array",
                "items": {"type": "object", "required": ["id"]},
                "description": (
                    "the pictures that it used, by `id`: removed (`at`, `addresses`), "
                    "or `kept`, and why; absent if it used none"
                ),
            },
            workers={
                "type": "array",
                "items": _object(
                    worker=text,
                    at={"type": ["string", "null"]},
                    readers={"type": "integer"},
                ),
            },
            readers={"type": "integer", "description": "readers that were told"},
            purge={
                "type": "array",
                "items": _object(
                    url=text, at=moment, status={"type": ["integer", "null"]}
                ),
            },
        ),
        "PictureForm": _object(
            file={"type": "string", "contentMediaType": "application/octet-stream"}
        ),
        "Revisions": _object(
            revisions={"type": "array", "items": reference("Revision")}
        ),
        "Revision": _object(
            rev={"type": "integer"},
            at={"type": "string", "format": "date-time"},
            by={"type": ["string", "null"], "description": "the token's id"},
            note={"type": ["string", "null"], "description": "a new correction's"},
            post=reference("Post"),
        ),
        "Drafts": _object(
            drafts={"type": "array", "items": reference("Draft")},
            next=next_path,
            cursor=cursor,
        ),
        "SavedDraft": _object(
            draft={
                "anyOf": [reference("Draft"), _object(id=text, gone={"const": True})]
            },
            cursor=cursor,
        ),
        "Templates": _object(
            templates={"type": "array", "items": reference("Template")}
        ),
        "Presence": presence,
        "Lease": lease,
        "DeskFeeds": _object(
            feeds={"type": "array", "items": reference("Feed")},
            scopes={"type": "object", "additionalProperties": text},
            makes={"type": "boolean", "description": "may create feeds"},
        ),
        "Preview": _object(html=text, language=text, direction=text),
        "Webhooks": _object(webhooks={"type": "array", "items": webhook}),
        "NewWebhook": {
            **webhook,
            "properties": {**webhook["properties"], "secret": text},
        },
        "DeadLetters": _object(
            dead_letters={"type": "array", "items": reference("DeadLetter")}
        ),
        "Resend": _object(
            queued={
                "type": "integer",
                "minimum": 0,
                "description": "dead letters that were not queued before",
            }
        ),
        "Published": _object(post=reference("Post"), cursor=cursor),
        "Repeated": _object(post={"anyOf": [reference("Post"), gone]}, cursor=cursor),
        "Tokens": _object(tokens={"type": "array", "items": reference("Token")}),
        "Audit": _object(
            entries={"type": "array", "items": reference("AuditEntry")}, next=next_path
        ),
        "AuditEntry": {
            **_object(
                at={"type": "string", "format": "date-time"},
                who={"type": "string", "description": "the id of a token or person"},
                what={"type": "string", "examples": ["post.updated"]},
                before=digests,
                after=digests,
                **{"from": {"type": "string", "description": "an address"}},
            ),
            "description": "Who did what; feed, subject, request_id where there are.",
        },
        "NewToken": made,
        "Status": _object(status=text),
        "Message": _object(type=text, feed=text, cursor=cursor),
        "Events": {"anyOf": [events, reset]},
        "Document": {"type": "object"},
    }


def _with_optional(optional: str, **properties: Schema) -> Schema:
    """An object of which one member may be absent."""
    made = _object(**properties)
    made["required"].remove(optional)
    return made


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }

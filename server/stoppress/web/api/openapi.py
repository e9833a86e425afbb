"""Generates the OpenAPI 3.1 document from the structs that validate input.

Rules: every address and method is in CALLS, once; a test compares them with the
routes. Schemas come from the structs; this module adds only what HTTP adds.
"""

from __future__ import annotations

import functools
from copy import deepcopy
from typing import Any

import msgspec

from stoppress import __version__
from stoppress.desk.feed_import import WithdrawnCopy
from stoppress.desk.feed_input import FeedCopy, NewFeed
from stoppress.desk.pictures import PictureAnswer
from stoppress.desk.post_input import PostCopy
from stoppress.desk.presence import LeaseInput, PresenceInput
from stoppress.desk.takedown import Takedown
from stoppress.desk.tickets import Ticket, TicketInput
from stoppress.desk.tokens import Token, TokenInput
from stoppress.desk.webhooks import DeadLetter, WebhookInput
from stoppress.domain.draft import CommentInput, Draft, DraftInput
from stoppress.domain.feed import SLUG_RULE, Feed, FeedInput
from stoppress.domain.post import PRIVATE, Post, PostInput
from stoppress.link_cards.link_cards import LinkCard, LinkCardInput
from stoppress.web.api.openapi_call import RESPONSES, ApiCall
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.openapi_parameters import PARAMETERS
from stoppress.wire.messages import DRAFT_BOOKKEEPING

Schema = dict[str, Any]

_TIMES = {
    *("published_at", "updated_at", "created_at", "closed_at"),
    *("coverage_start", "coverage_end", "expires_at", "last_used_at", "publish_at"),
}
_STRUCTS = (
    *(NewFeed, FeedInput, Feed, FeedCopy, PostInput, Post, PostCopy, WithdrawnCopy),
    *(DraftInput, Draft, CommentInput, PresenceInput, LeaseInput, Takedown),
    PictureAnswer,
    *(WebhookInput, DeadLetter),
    *(TokenInput, Token, TicketInput, Ticket, LinkCardInput, LinkCard),
)
_FOR_EDITORS = "only for callers that may publish on the feed"
_REF = "#/components/schemas/{name}"


@functools.cache
def document(base: str, address_from: str = "public_url") -> bytes:
    """The OpenAPI document as JSON; `address_from` says where `base` comes from."""
    paths: dict[str, Schema] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Stop Press",
                "version": __version__,
                "description": "A real-time push server for live blogs.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [{"url": base, "x-address-from": address_from}],
            "paths": paths,
            "components": {
                "schemas": _schemas(),
                "parameters": PARAMETERS,
                "responses": {
                    name: _refusal(status, text)
                    for status, (name, text) in RESPONSES.items()
                },
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": (
                            "A token, `sp_…`, or a JWT of a trusted issuer, with the "
                            "required scope."
                        ),
                    },
                    "desk": {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": "stoppress_desk",
                        "description": (
                            "A session begun at /desk; valid only on its own pages. "
                            "At an https address the name begins with `__Host-`, or "
                            "with `__Secure-` if the site is under a path."
                        ),
                    },
                },
            },
        }
    )


def _operation(call: ApiCall) -> Schema:
    operation: Schema = {"operationId": call.name, "summary": call.summary}
    names = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    parameters = [*names, *call.parameters]
    if parameters:
        operation["parameters"] = [
            {"$ref": f"#/components/parameters/{name}"} for name in parameters
        ]
    if call.takes:
        operation["requestBody"] = {
            "required": not call.may_be_empty,
            "content": {
                call.takes_type: _taken(call),
                **{kind: {} for kind in call.takes_bytes},
            },
        }
    operation["responses"] = _responses(call)
    if call.scope:
        operation["security"] = [{"bearer": []}, {"desk": []}]
        operation["description"] = f"Requires a token with the scope `{call.scope}`."
    elif "401" in operation["responses"]:
        operation["security"] = [{}, {"bearer": []}, {"desk": []}]
    return operation


def _taken(call: ApiCall) -> Schema:
    taken: Schema = {"schema": _ref(call.takes)}
    if call.takes_bytes:
        taken["encoding"] = {"file": {"contentType": ", ".join(call.takes_bytes)}}
    return taken


def _refusal(status: str, text: str) -> Schema:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    refusal: Schema = {"description": text, "content": content}
    if status in ("429", "503"):
        refusal["headers"] = {
            "Retry-After": {
                "required": True,
                "description": "seconds after which to ask again",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return refusal


def _responses(call: ApiCall) -> Schema:
    responses: Schema = {}
    for status, (text, gives) in call.answers.items():
        responses[status] = {"description": text}
        if gives:
            kind, _, name = gives.rpartition(" ")
            schema = {"type": "string"} if name == "text" else _ref(name)
            responses[status]["content"] = {
                kind or "application/json": {"schema": schema}
            }
    for status in call.refusals:
        name, _ = RESPONSES[status]
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    return responses


def _ref(name: str) -> Schema:
    return {"$ref": _REF.format(name=name)}


def _schemas() -> Schema:
    _, schemas = msgspec.json.schema_components(_STRUCTS, ref_template=_REF)
    for schema in schemas.values():
        schema["description"] = schema["description"].partition("\n")[0]
        for name in _TIMES & schema["properties"].keys():
            _say_time(schema["properties"][name])
    schemas["Picture"] = schemas.pop("PictureAnswer") | {"title": "Picture"}
    slug = {
        "type": "string",
        "maxLength": 80,
        "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
        "description": SLUG_RULE,
    }
    schemas["NewFeed"]["properties"]["slug"] = slug
    for name in DRAFT_BOOKKEEPING:
        del schemas["Draft"]["properties"][name]
    schemas["PostInputPatch"] = _patch(schemas["PostInput"])
    schemas["FeedPatch"] = _patch(schemas["FeedInput"])
    for name in ("Post", "Feed"):
        schemas[name]["properties"]["url"] = {"type": "string", "format": "uri"}
        schemas[name]["required"].append("url")
    for name in PRIVATE:
        schemas["Post"]["properties"][name]["description"] = _FOR_EDITORS
    return schemas | _shapes(schemas["Token"])


def _say_time(schema: Schema) -> None:
    for choice in schema.get("anyOf", [schema]):
        if choice.get("type") == "string":
            choice["format"] = "date-time"


def _patch(draft: Schema) -> Schema:
    """The schema of a merge patch of `draft`: nothing required, null removes."""
    patch = deepcopy(draft)
    patch.pop("required", None)
    patch["title"] += "Patch"
    patch["description"] = "An RFC 7396 merge patch: only the given fields change."
    for name, schema in patch["properties"].items():
        schema.pop("default", None)
        if {"type": "null"} not in schema.get("anyOf", []):
            patch["properties"][name] = {"anyOf": [schema, {"type": "null"}]}
    return patch


def _shapes(token: Schema) -> Schema:
    """The schemas of answers that have no struct."""
    cursor = {"type": "string", "description": "`<epoch>-<seq>`", "examples": ["k3-9"]}
    text = {"type": "string"}
    moment = {"type": "string", "format": "date-time"}
    posts = {"type": "array", "items": _ref("Post")}
    next_path = {"type": ["string", "null"], "description": "the next page's path"}
    made = deepcopy(token)
    made["title"] = "NewToken"
    made["description"] = "A token with its secret, which is shown only here."
    made["properties"]["token"] = text
    made["required"].append("token")
    gone = _object(id=text, withdrawn={"const": True})
    pinned = {"anyOf": [_ref("Post"), {"type": "null"}]}
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
    person = _object(client=text, ttl_s={"type": "integer"}, who=_ref("Person"))
    presence = _object(
        type={"const": "presence"},
        desk=text,
        people={"type": "array", "items": person},
        leases={"type": "array", "items": {**person, "description": "with `id`"}},
    )
    lease = deepcopy(presence)
    lease["properties"]["held"] = {"type": "boolean"}
    events = _object(cursor=cursor, events={"type": "array", "items": _ref("Message")})
    reset = _object(reset={"const": True}, cursor=cursor, retry_ms={"type": "integer"})
    return {
        "Problem": problem,
        "Feeds": _object(
            feeds={"type": "array", "items": _ref("Feed")}, next=next_path
        ),
        "Snapshot": _object(
            feed=_ref("Feed"),
            cursor=cursor,
            posts=posts,
            pinned=pinned,
            next=next_path,
        ),
        "Posts": _object(posts=posts, next=next_path),
        "WithdrawnPosts": _object(
            withdrawn={"type": "array", "items": _ref("WithdrawnCopy")},
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
        "Revisions": _object(revisions={"type": "array", "items": _ref("Revision")}),
        "Revision": _object(
            rev={"type": "integer"},
            at={"type": "string", "format": "date-time"},
            by={"type": ["string", "null"], "description": "the token's id"},
            note={"type": ["string", "null"], "description": "a new correction's"},
            post=_ref("Post"),
        ),
        "Drafts": _object(
            drafts={"type": "array", "items": _ref("Draft")},
            next=next_path,
            cursor=cursor,
        ),
        "SavedDraft": _object(
            draft={"anyOf": [_ref("Draft"), _object(id=text, gone={"const": True})]},
            cursor=cursor,
        ),
        "Presence": presence,
        "Lease": lease,
        "DeskFeeds": _object(
            feeds={"type": "array", "items": _ref("Feed")},
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
            dead_letters={"type": "array", "items": _ref("DeadLetter")}
        ),
        "Resend": _object(
            queued={
                "type": "integer",
                "minimum": 0,
                "description": "dead letters that were not queued before",
            }
        ),
        "Published": _object(post=_ref("Post"), cursor=cursor),
        "Repeated": _object(post={"anyOf": [_ref("Post"), gone]}, cursor=cursor),
        "Tokens": _object(tokens={"type": "array", "items": _ref("Token")}),
        "Audit": _object(
            entries={"type": "array", "items": _ref("AuditEntry")}, next=next_path
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

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
from stoppress.desk.post_input import PostCopy
from stoppress.desk.tokens import Token, TokenInput
from stoppress.domain.feed import SLUG_RULE, Feed, FeedInput
from stoppress.domain.post import PRIVATE, Post, PostInput
from stoppress.web.api.call_table import CALLS, RESPONSES, ApiCall
from stoppress.web.api.parameters import PARAMETERS

Schema = dict[str, Any]

_TIMES = {
    *("published_at", "updated_at", "created_at", "closed_at"),
    *("coverage_start", "coverage_end"),
}
_STRUCTS = (
    *(NewFeed, FeedInput, Feed, FeedCopy, PostInput, Post, PostCopy, WithdrawnCopy),
    *(TokenInput, Token),
)
_FOR_EDITORS = "only for callers that may publish on the feed"
_REF = "#/components/schemas/{name}"


@functools.cache
def document(base: str, address_from: str = "public_url") -> bytes:
    """The OpenAPI document as JSON; `address_from` tells where `base` comes from."""
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
                    name: {
                        "description": text,
                        "content": {
                            "application/problem+json": {"schema": _ref("Problem")}
                        },
                    }
                    for name, text in RESPONSES.values()
                },
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "A token, `sp_…`, with the required scope.",
                    },
                    "desk": {
                        "type": "apiKey",
                        "in": "cookie",
                        "name": "stoppress_desk",
                        "description": "Set by /desk; valid only on its own pages.",
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
            "required": True,
            "content": {call.takes_type: {"schema": _ref(call.takes)}},
        }
    operation["responses"] = _responses(call)
    if call.scope:
        operation["security"] = [{"bearer": []}, {"desk": []}]
        operation["description"] = f"Requires a token with the scope `{call.scope}`."
    elif "401" in operation["responses"]:
        operation["security"] = [{}, {"bearer": []}, {"desk": []}]
    return operation


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
    slug = {
        "type": "string",
        "maxLength": 80,
        "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
        "description": SLUG_RULE,
    }
    schemas["NewFeed"]["properties"]["slug"] = slug
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
    """The schemas of answers, besides those of the structs."""
    cursor = {"type": "string", "description": "`<epoch>-<seq>`", "examples": ["k3-9"]}
    text = {"type": "string"}
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
        "reference": {"type": "string", "description": "to look up in the log"},
    }
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
        "Published": _object(post=_ref("Post"), cursor=cursor),
        "Repeated": _object(post={"anyOf": [_ref("Post"), gone]}, cursor=cursor),
        "Tokens": _object(tokens={"type": "array", "items": _ref("Token")}),
        "NewToken": made,
        "Status": _object(status=text),
        "Message": _object(type=text, feed=text, cursor=cursor),
        "Events": {"anyOf": [events, reset]},
        "Document": {"type": "object"},
    }


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }

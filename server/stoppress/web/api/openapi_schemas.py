"""The schemas of the OpenAPI document, made from the structs of inputs and answers.

Rules: a schema comes from the struct that validates or encodes; this module adds only
what the struct does not say, such as the format of times. Answers without a struct are
in `openapi_schemas_without_struct.py`.
"""

from __future__ import annotations

from copy import deepcopy

import msgspec

from stoppress.desk.feed_from_and_to_input import FeedCopy, NewFeed
from stoppress.desk.feed_import import WithdrawnCopy
from stoppress.desk.post_from_and_to_input import PostCopy
from stoppress.desk.presence_and_leases import LeaseInput, PresenceInput
from stoppress.desk.private_feed_read_tickets import Ticket, TicketInput
from stoppress.desk.takedown import Takedown
from stoppress.desk.templates_and_post_notes import (
    NotesInput,
    PostNotes,
    Template,
    TemplateInput,
)
from stoppress.desk.token_record import Token, TokenInput
from stoppress.desk.upload_and_take_down_pictures import PictureAnswer
from stoppress.desk.webhooks_and_dead_letters import DeadLetter, WebhookInput
from stoppress.domain.draft import CommentInput, Draft, DraftInput
from stoppress.domain.feed import SLUG_RULE, Feed, FeedInput
from stoppress.domain.post import PRIVATE, Post, PostInput
from stoppress.link_cards.link_cards import LinkCard, LinkCardInput
from stoppress.web.api.openapi_schemas_without_struct import (
    REFERENCE,
    Schema,
    schemas_without_struct,
)
from stoppress.wire.encode_messages import DRAFT_BOOKKEEPING

_TIMES = {
    *("published_at", "updated_at", "created_at", "closed_at"),
    *("coverage_start", "coverage_end", "expires_at", "last_used_at", "publish_at"),
}
_STRUCTS = (
    *(NewFeed, FeedInput, Feed, FeedCopy, PostInput, Post, PostCopy, WithdrawnCopy),
    *(DraftInput, Draft, CommentInput, PresenceInput, LeaseInput, Takedown),
    PictureAnswer,
    *(WebhookInput, DeadLetter, TemplateInput, Template, NotesInput, PostNotes),
    *(TokenInput, Token, TicketInput, Ticket, LinkCardInput, LinkCard),
)
_FOR_EDITORS = "only for callers that may publish on the feed"


def schemas_by_name() -> Schema:
    """Every schema of the document."""
    _, schemas = msgspec.json.schema_components(_STRUCTS, ref_template=REFERENCE)
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
    for name in ("NewFeed", "FeedInput"):
        # The language decides: a client that fills in defaults must not.
        del schemas[name]["properties"]["direction"]["default"]
    for name in DRAFT_BOOKKEEPING:
        del schemas["Draft"]["properties"][name]
    schemas["PostInputPatch"] = _patch(schemas["PostInput"])
    schemas["FeedPatch"] = _patch(schemas["FeedInput"])
    for name in ("Post", "Feed"):
        schemas[name]["properties"]["url"] = {"type": "string", "format": "uri"}
        schemas[name]["required"].append("url")
    for name in PRIVATE:
        schemas["Post"]["properties"][name]["description"] = _FOR_EDITORS
    return schemas | schemas_without_struct(schemas["Token"])


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

"""Schemas follow the structs, with what JSON Schema can't take from them."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.domain.post import PRIVATE, Post, PostInput
from stoppress.web.api.openapi_schemas import schemas_by_name
from stoppress.wire.encode_messages import DRAFT_BOOKKEEPING


@pytest.mark.parametrize(("name", "struct"), [("PostInput", PostInput), ("Post", Post)])
def test_a_schema_has_every_member_of_its_struct(
    name: str, struct: type[msgspec.Struct]
) -> None:
    """A post has its address besides."""
    members = {field.encode_name for field in msgspec.structs.fields(struct)}
    assert schemas_by_name()[name]["properties"].keys() - {"url"} == members - {"url"}


def test_times_have_their_format() -> None:
    """Also where null is allowed."""
    given = schemas_by_name()["PostInput"]["properties"]["published_at"]
    assert {"date-time"} == {
        choice["format"] for choice in given["anyOf"] if choice["type"] == "string"
    }


def test_a_patch_requires_nothing_and_takes_null() -> None:
    """By RFC 7396; the schema of the input stays as it is."""
    schemas = schemas_by_name()
    patch = schemas["FeedPatch"]
    assert "required" not in patch and "title" in schemas["FeedInput"]["required"]
    for member in patch["properties"].values():
        assert {"type": "null"} in member["anyOf"] and "default" not in member


def test_private_members_are_marked_and_bookkeeping_is_left_out() -> None:
    schemas = schemas_by_name()
    for name in PRIVATE:
        assert "may publish" in schemas["Post"]["properties"][name]["description"]
    assert not schemas["Draft"]["properties"].keys() & set(DRAFT_BOOKKEEPING)


def test_no_default_is_named_where_another_field_decides() -> None:
    """A client that fills in defaults would write Arabic from left to right."""
    for name in ("NewFeed", "FeedInput"):
        assert "default" not in schemas_by_name()[name]["properties"]["direction"]

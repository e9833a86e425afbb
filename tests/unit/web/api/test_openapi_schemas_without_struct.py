"""Answers without a struct have a schema each, which validators accept."""

from __future__ import annotations

from jsonschema import Draft202012Validator

from stoppress.web.api.openapi_schemas_without_struct import (
    reference,
    schemas_without_struct,
)

TOKEN = {"title": "Token", "description": "", "properties": {}, "required": []}


def test_each_schema_is_valid() -> None:
    """By the meta-schema of JSON Schema 2020-12."""
    for schema in schemas_without_struct(TOKEN).values():
        Draft202012Validator.check_schema(schema)


def test_a_new_token_is_a_token_with_its_secret() -> None:
    """The schema of the token that is passed stays as it is."""
    made = schemas_without_struct(TOKEN)["NewToken"]
    assert "token" in made["properties"] and made["title"] == "NewToken"
    assert TOKEN["properties"] == {}


def test_a_reference_names_a_schema_of_the_document() -> None:
    assert reference("Post") == {"$ref": "#/components/schemas/Post"}

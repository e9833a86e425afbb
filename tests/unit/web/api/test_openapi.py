"""The description describes every route, and what the routes answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from stoppress.web.api import route_table
from stoppress.web.api.openapi import document
from tests.unit.web.desk_harness import BASE, open_harness

LIVE = {"/v1/live", "/v1/feeds/{feed}/events"}
"""Served by `web/line/websocket_and_events_routes.py`."""
DESK = {"/v1/desk/feeds", "/v1/feeds/{feed}/preview"}
"""Served by `web/pages/desk_routes_page_and_preview.py`, which has the templates."""


def description() -> dict[str, Any]:
    """The description, decoded."""
    value: dict[str, Any] = json.loads(document(BASE))
    return value


def test_the_description_is_valid() -> None:
    """By the schema of OpenAPI 3.1."""
    assert description()["openapi"].startswith("3.1")
    validate(description())


def test_every_route_is_described() -> None:
    """Each address with each method, and no other."""
    described = {
        (path, method.upper())
        for path, item in description()["paths"].items()
        for method in item
        if path not in LIVE | DESK
    }
    served = {
        (path.replace(":path}", "}"), method)
        for path, (_, handlers) in route_table.RESOURCES.items()
        for method in handlers
    }
    assert described == served
    assert set(description()["paths"]) >= LIVE | DESK


def test_every_reference_resolves() -> None:
    """No schema, parameter or response is missing."""
    whole = description()

    def references(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        if isinstance(value, list):
            return set().union(*map(references, value))
        return set()

    for reference in references(whole):
        found: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.asyncio
async def test_answers_are_as_described() -> None:
    """Each answer fits its schema."""
    whole = description()

    def check(name: str, value: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}"}
        Draft202012Validator(schema | {"components": whole["components"]}).validate(
            value
        )

    async with open_harness() as harness:
        check("Feed", await harness.feed())
        made = (await harness.post(source={"name": "x"}, pinned=True)).json()
        check("Published", made)
        check("Snapshot", (await harness.public.get("/v1/feeds/quay")).json())
        check("Posts", (await harness.public.get("/v1/feeds/quay/posts")).json())
        check("Feeds", (await harness.public.get("/v1/feeds")).json())
        check("Problem", (await harness.public.get("/v1/feeds/none")).json())
        token = await harness.client.post("/v1/tokens", json={"scopes": ["read"]})
        check("NewToken", token.json())
        check("Tokens", (await harness.client.get("/v1/tokens")).json())
        answer = await harness.public.get("/openapi.json")
        assert answer.json() == whole
        assert answer.headers["access-control-allow-origin"] == "*"

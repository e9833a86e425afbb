"""What is shown of a kept record: what its struct names, and nothing that is empty."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from stoppress.domain.derive_output_struct import output_struct
from stoppress.domain.feed import Feed
from stoppress.domain.post import PRIVATE, Post

FULL: dict[str, Any] = {
    "id": "0n2p4r6t8v0x2z",
    "external_id": "a-1",
    "headline": "Gale",
    "body": "text",
    "html": "<p>text</p>",
    "tags": ["storm"],
    "authors": [{"name": "Ada"}],
    "source": {"name": "Wire"},
    "media": [{"type": "image", "url": "/a.png"}],
    "published_at": "2026-11-22T09:20:00.000Z",
    "correction": {"note": "was wrong", "at": "2026-11-22T09:20:00.000Z"},
    "rev": 1,
}
PUBLIC = {name: value for name, value in FULL.items() if name not in PRIVATE}
LATER: dict[str, Any] = FULL | {
    "region": {"lat": 1.5},
    "authors": [{"name": "Ada", "rank": "editor"}],
    "source": {"name": "Wire", "verified": True},
    "media": [{"type": "image", "url": "/a.png", "focus": [1, 2]}],
    "correction": FULL["correction"] | {"by": "desk"},
}
"""The post as a later release keeps it: new members, at every depth."""
EARLIER: dict[str, Any] = LATER | {
    "language": None,
    "key": False,
    "authors": [{"name": "Ada", "url": None}],
}
"""As an earlier one kept it: every member there."""


@pytest.mark.parametrize(
    ("without", "expected"), [(frozenset(), FULL), (PRIVATE, PUBLIC)]
)
@pytest.mark.parametrize("kept", [FULL, LATER, EARLIER])
def test_a_post_is_shown_as_far_as_it_is_known(
    kept: dict[str, Any], without: frozenset[str], expected: dict[str, Any]
) -> None:
    """Whichever release kept it; private members only where they are asked for."""
    form = output_struct(Post, first=("id",), without=without)
    shown = msgspec.json.decode(msgspec.json.encode(kept), type=form)
    assert json.loads(msgspec.json.encode(shown)) == expected


def test_first_members_come_first() -> None:
    """One that the struct lacks is left out until it is set."""
    form = output_struct(Feed, first=("slug", "url"))
    kept = {"title": "Quay", "slug": "quay", "links": [{"url": "/a", "x": 1}]}
    shown = msgspec.convert(kept, form)
    assert list(msgspec.to_builtins(shown)) == ["slug", "title", "links"]
    shown.url = "/live/quay"
    assert list(msgspec.to_builtins(shown))[:2] == ["slug", "url"]
    assert msgspec.to_builtins(shown)["links"] == ({"url": "/a"},)

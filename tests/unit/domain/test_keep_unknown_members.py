"""Kept JSON of other releases: read, and carried over by every write."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from stoppress.domain.keep_unknown_members import STORED_FEEDS, STORED_POSTS
from stoppress.domain.post import Author

POST: dict[str, Any] = {
    "id": "0n2p4r6t8v0x2z",
    "headline": "Gale",
    "body": "text",
    "html": "<p>text</p>",
    "tags": ["storm"],
    "authors": [{"name": "Ada"}, {"name": "Ben"}, {"name": "Ada"}],
    "source": {"name": "Wire"},
    "media": [{"type": "image", "url": "/a.png"}],
    "published_at": "2026-11-22T09:20:00.000Z",
    "correction": {"note": "was wrong", "at": "2026-11-22T09:20:00.000Z"},
    "rev": 1,
}

EARLIER: dict[str, Any] = {
    "external_id": None,
    "language": None,
    "key": False,
    "pinned": False,
    "updated_at": POST["published_at"],
}
"""What an earlier release kept beside it: members that are absent today."""


def kept(value: object) -> bytes:
    """The JSON as the store has it."""
    return msgspec.json.encode(value)


@pytest.fixture
def later() -> dict[str, Any]:
    """The post as a later release keeps it: new members, at every depth."""
    value: dict[str, Any] = json.loads(json.dumps(POST))
    value["mood"] = {"lat": 1.5}
    value["authors"][1]["shift"] = "photographer"
    value["source"]["verified"] = True
    value["media"][0]["focus"] = [1, 2]
    value["correction"]["by"] = "desk"
    return value


def test_unknown_members_are_left_out_of_what_is_read(later: dict[str, Any]) -> None:
    """Nothing of what is not known is left, and all else is."""
    assert STORED_POSTS.read(kept(later)) == STORED_POSTS.read(kept(POST))
    assert STORED_POSTS.read(kept(EARLIER | later)) == STORED_POSTS.read(kept(POST))


def test_a_write_carries_over_what_is_not_known(later: dict[str, Any]) -> None:
    """An edit of the headline changes nothing else."""
    post = STORED_POSTS.read(kept(later))
    after = msgspec.structs.replace(post, headline="Storm", rev=2)
    for before in (later, EARLIER | later):
        found = json.loads(STORED_POSTS.written(after, kept(before)))
        assert found == later | {"headline": "Storm", "rev": 2}


def test_a_write_over_what_is_known_is_the_encoded_post() -> None:
    """The same bytes as ever."""
    post = STORED_POSTS.read(kept(POST))
    assert STORED_POSTS.written(post, kept(POST)) == kept(post)


def test_an_item_keeps_its_own_only_while_it_is_the_same(later: dict[str, Any]) -> None:
    """Lists are matched by what is known; what has gone takes its members along."""
    later["authors"][0]["shift"] = "editor"
    post = STORED_POSTS.read(kept(later))
    authors = (Author("Ben"), Author("Cyd"), Author("Ada"), Author("Ada"))
    after = msgspec.structs.replace(post, authors=authors, source=None, media=())
    found = json.loads(STORED_POSTS.written(after, kept(later)))
    assert found["authors"] == [
        {"name": "Ben", "shift": "photographer"},
        {"name": "Cyd"},
        {"name": "Ada", "shift": "editor"},
        {"name": "Ada"},
    ]
    assert not {"source", "media"} & found.keys()
    assert found["mood"] == {"lat": 1.5}


@pytest.mark.parametrize("body", [b"", b"{", b"1", b"[]", b'{"id":1}'])
def test_an_invalid_record_is_refused(body: bytes) -> None:
    """As an error of one kind."""
    for reader in (STORED_POSTS, STORED_FEEDS):
        with pytest.raises(msgspec.MsgspecError):
            reader.read(body)

"""Reads and writes stored posts and feeds, preserving members of later releases.

A later release may store members that this one does not know, at any depth. They are
never in an answer (`derive_output_struct.py`). Pure. Rules:
- They survive every edit by this release: `written` copies them. An object keeps its
  unknown members as long as it exists, an item of a list as long as its known members
  are unchanged.
- Without unknown members, which is the usual case, `written` is the encoded struct.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from stoppress.domain.draft import Draft
from stoppress.domain.feed import Feed
from stoppress.domain.post import Post

Known = Mapping[str, "Known | None"]
"""The known members; for those that hold objects (or lists of them), their members."""

EMPTY = len("null")
"""JSON of this length or less has no members: `null`, `[]`, `{}`."""

S = TypeVar("S", bound=msgspec.Struct)


class StoredJson(Generic[S]):
    """Decodes and encodes the stored JSON of one struct."""

    def __init__(self, struct: type[S]) -> None:
        self._struct = struct
        self._decoder = msgspec.json.Decoder(struct)
        self._known = known_members(struct)
        self._objects = [(n, inner) for n, inner in self._known.items() if inner]
        # Fails at the first unknown member, and decodes no value.
        raw: list[tuple[str, type, msgspec.Raw]] = [
            (name, msgspec.Raw, msgspec.Raw()) for name in self._known
        ]
        members = msgspec.defstruct("Members", raw, forbid_unknown_fields=True)
        self._members = msgspec.json.Decoder(members)

    def read(self, body: bytes) -> S:
        """Decode the known members. Raises msgspec.ValidationError."""
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError:
            # Nested structs refuse unknown members, as they must in an editor's input.
            value = _known_part(msgspec.json.decode(body), self._known)
            return msgspec.convert(value, self._struct)

    def _is_known(self, body: bytes) -> bool:
        """Whether every member is known; decodes only non-empty objects and lists."""
        try:
            members = self._members.decode(body)
        except msgspec.ValidationError:
            return False
        for name, inner in self._objects:
            raw = getattr(members, name)
            if len(raw) > EMPTY:
                value = msgspec.json.decode(raw)
                if _known_part(value, inner) != value:
                    return False
        return True

    def written(self, after: S, before: bytes) -> bytes:
        """The JSON to store for `after`, with the unknown members of `before`."""
        body = msgspec.json.encode(after)
        if self._is_known(before):
            return body
        was = msgspec.json.decode(before)
        merged = _carried_over(msgspec.json.decode(body), was, self._known)
        return msgspec.json.encode(merged)


def known_members(struct: type[msgspec.Struct]) -> Known:
    """The members of a struct and of its nested structs."""
    return {
        name: _inner(hint)
        for name, hint in get_type_hints(struct).items()
        if name in struct.__struct_fields__
    }


def _inner(hint: Any) -> Known | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return known_members(hint)
    found = (_inner(part) for part in get_args(hint))
    return next((known for known in found if known is not None), None)


def _known_part(value: Any, known: Known) -> Any:
    if isinstance(value, list):
        return [_known_part(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: part if (inner := known[name]) is None else _known_part(part, inner)
        for name, part in value.items()
        if name in known
    }


def _carried_over(after: Any, before: Any, known: Known) -> Any:
    if isinstance(after, dict) and isinstance(before, dict):
        return {
            name: part
            if (inner := known[name]) is None
            else _carried_over(part, before.get(name), inner)
            for name, part in after.items()
        } | {name: part for name, part in before.items() if name not in known}
    if isinstance(after, list) and isinstance(before, list):
        left = [(_known_part(item, known), item) for item in before]
        return [_same_item(item, left) for item in after]
    return after


def _same_item(item: Any, left: list[tuple[Any, Any]]) -> Any:
    """The item with its unknown members, if no known member has changed."""
    for index, (known, whole) in enumerate(left):
        if known == item:
            del left[index]
            return whole
    return item


STORED_POSTS = StoredJson(Post)
STORED_FEEDS = StoredJson(Feed)
STORED_DRAFTS = StoredJson(Draft)

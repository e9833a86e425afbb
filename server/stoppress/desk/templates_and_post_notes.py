"""Texts that the desk keeps for itself: the newsroom's templates, and notes on posts.

Rules:
- A template is a name and the fields of a post with which an editor begins. All who may
  draft on any feed read them, all who may publish on any feed change them.
- The notes on a post are one text, for those who may publish on its feed. They are in
  no answer to readers, no event and no export; a takedown of the post erases them.
- Of a template and of notes there is no earlier state. Notes have a tag, and are only
  replaced if they still have the one that the caller names; if it names none, and for
  templates, the last write counts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, NamedTuple, Protocol

import msgspec
from msgspec import Meta, Struct

from stoppress.desk.json_input import read
from stoppress.desk.post_from_and_to_input import check_draft
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.domain.draft import Person
from stoppress.domain.errors import (
    Conflict,
    DeletedSince,
    Invalid,
    NoTemplate,
    StaleNotes,
)
from stoppress.domain.post import PostInput
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.domain.timestamps import instant

MAX_TEMPLATES = 200
"""Templates of a newsroom."""
MAX_TEMPLATE_BYTES = 16 << 10
"""Of a template as it is stored: a list of all is 3.2 MB at most."""
MAX_NOTED_POSTS = 2000
"""Posts of a feed with notes."""
NEWSROOM = ""
"""Of no feed."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class TemplateInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A template to keep."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    post: PostInput = PostInput()


class Template(Struct, frozen=True, omit_defaults=True):
    """A template as it is stored."""

    id: str
    name: str
    post: PostInput
    by: Person
    at: str


class NotesInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The notes on a post; empty: none."""

    notes: Annotated[str, Meta(max_length=20_000)]


class PostNotes(Struct, frozen=True, omit_defaults=True):
    """The notes on a post as they are stored; without members: there are none."""

    notes: str = ""
    by: Person | None = None
    at: str | None = None


class DeskTextChange(NamedTuple):
    """A text to store under a name; an empty record deletes it."""

    feed: str
    """NEWSROOM: of no feed."""
    name: str
    record: bytes
    most: int
    """Texts of the place at most."""
    what: str
    """What the audit calls it."""
    subject: str
    """What it is about, for the audit."""
    post: str = ""
    """The post that must exist; "": none."""
    idempotency: Idempotency | None = None
    tags: frozenset[str] | None = None
    """The text as it is must have one of these; None: any."""


class OtherText(Exception):
    """The text is another one than the change expects; `record` is it, b"" for none."""

    def __init__(self, record: bytes) -> None:
        super().__init__("the text is another one than the change expects")
        self.record = record


def tag_of(record: bytes) -> str:
    """The tag of a text as it is stored; b"": there is none.

    The store compares with SHA-1, which its scripts have. It protects from nobody: who
    may replace the notes may do so without a tag.
    """
    return hashlib.sha1(record, usedforsecurity=False).hexdigest()


class DeskTextStore(Protocol):
    """Stores texts by name, per feed and for the newsroom."""

    async def desk_texts(self, feed: str) -> list[bytes]:
        """All texts of a place. Raises NotFound."""

    async def desk_text(self, feed: str, name: str) -> bytes | None:
        """One text. Raises NotFound."""

    async def change_desk_text(self, change: DeskTextChange) -> bytes | None:
        """Store or delete a text with its audit entry, in one step.

        Returns None if it is done, or the text as it is now if the Idempotency-Key did
        it before (b"": there is none). Raises LookupError if there was none to delete,
        OverflowError if there are as many as may be, OtherText, NotFound, Gone,
        IdempotencyKeyReused.
        """


_template_input = msgspec.json.Decoder(TemplateInput)
_template = msgspec.json.Decoder(Template)
_notes_input = msgspec.json.Decoder(NotesInput)
_notes = msgspec.json.Decoder(PostNotes)


class TemplateDesk:
    """Keeps and lists templates. The caller checks the scopes first."""

    def __init__(
        self, store: DeskTextStore, clock: Callable[[], int], site: str = ""
    ) -> None:
        self._store = store
        self._clock = clock
        self._site = site

    async def all(self) -> list[Template]:
        """All templates, by name."""
        kept = await self._store.desk_texts(NEWSROOM)
        return sorted(
            map(_template.decode, kept), key=lambda one: (one.name.lower(), one.id)
        )

    async def put(
        self, ident: str, raw: bytes, by: Person, requester: Requester
    ) -> Template:
        """Keep a template under an id, in place of the one that was there.

        Raises Invalid, Conflict, DeletedSince, IdempotencyKeyReused.
        """
        if not _ID.fullmatch(ident):
            raise Invalid("id", "is invalid: use 1 to 64 of A-Z, a-z, 0-9, - and _")
        given = read(raw, _template_input)
        post = check_draft(given.post, site=self._site, may_be_empty=True)
        made = Template(ident, given.name, post, by, instant(self._clock()))
        record = msgspec.json.encode(made)
        if len(record) > MAX_TEMPLATE_BYTES:
            size = f"{len(record)} bytes as it is stored; {MAX_TEMPLATE_BYTES} may be"
            raise Invalid("post", f"is too long: {size}")
        key = idempotency_of(
            *(requester, "PUT", f"/v1/templates/{ident}"), msgspec.json.encode(given)
        )
        change = DeskTextChange(
            *(NEWSROOM, ident, record, MAX_TEMPLATES, "template.put", ident),
            idempotency=key,
        )
        try:
            earlier = await self._store.change_desk_text(change)
        except OverflowError:
            most = f"a newsroom has {MAX_TEMPLATES} templates at most"
            raise Conflict(f"{most}: delete one") from None
        if earlier is None:
            return made
        if not earlier:
            raise DeletedSince("template", ident)
        return _template.decode(earlier)

    async def drop(self, ident: str, requester: Requester) -> None:
        """Delete a template. Raises NotFound, IdempotencyKeyReused."""
        key = idempotency_of(requester, "DELETE", f"/v1/templates/{ident}", b"")
        change = DeskTextChange(
            *(NEWSROOM, ident, b"", 0, "template.deleted", ident), idempotency=key
        )
        try:
            await self._store.change_desk_text(change)
        except LookupError:
            raise NoTemplate(ident) from None


class TaggedNotes(NamedTuple):
    """The notes on a post, and their tag."""

    notes: PostNotes
    tag: str


def _tagged(record: bytes) -> TaggedNotes:
    notes = _notes.decode(record) if record else PostNotes()
    return TaggedNotes(notes, tag_of(record))


class PostNotesDesk:
    """Reads and writes the notes on posts. The caller checks the scopes first."""

    def __init__(self, store: DeskTextStore, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    async def of(self, feed: str, post: str) -> TaggedNotes:
        """The notes on a post; empty if there are none. Raises NotFound."""
        return _tagged(await self._store.desk_text(feed, f"notes {post}") or b"")

    async def put(
        self,
        feed: str,
        post: str,
        raw: bytes,
        by: Person,
        requester: Requester,
        tags: frozenset[str] | None = None,
    ) -> TaggedNotes:
        """Replace the notes on a live post; empty ones are deleted.

        `tags`: the notes as they are must have one of these; None: any. Raises Invalid,
        NotFound, Gone, StaleNotes, Conflict, IdempotencyKeyReused.
        """
        given = read(raw, _notes_input)
        record = b""
        if given.notes:
            made = PostNotes(given.notes, by, instant(self._clock()))
            record = msgspec.json.encode(made)
        key = idempotency_of(
            *(requester, "PUT", f"/v1/feeds/{feed}/posts/{post}/notes"),
            msgspec.json.encode(given),
        )
        change = DeskTextChange(
            feed=feed,
            name=f"notes {post}",
            record=record,
            most=MAX_NOTED_POSTS + 1,  # one more name says which feed it is
            what="post.noted",
            subject=post,
            post=post,
            idempotency=key,
            tags=tags,
        )
        try:
            earlier = await self._store.change_desk_text(change)
        except OverflowError:
            most = f"{MAX_NOTED_POSTS} posts of a feed have notes at most"
            raise Conflict(f"{most}: empty some") from None
        except OtherText as other:
            current = _tagged(other.record)
            raise StaleNotes(
                post, current.tag, msgspec.json.encode(current.notes)
            ) from None
        except LookupError:
            return _tagged(b"")  # there were none
        return _tagged(record if earlier is None else earlier)

"""Who is at a feed's desk and on what they work, and leases; all of it expires.

Rules:
- A client (a tab, a program) reports its presence every PRESENCE_S / 2; a lease on a
  post or draft is renewed likewise. Entries that are not renewed expire.
- A lease warns: it never refuses a write. Its holder may hand it over to the client
  that asked.
- A change that is repeated with its Idempotency-Key is not made again; the answer is
  the state then.
- A change is published on the desk log's channel as a notice, which is no event of a
  log; it contains all valid entries.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, NamedTuple, Protocol

import msgspec

from stoppress.desk.caller import Caller
from stoppress.desk.json_input import read
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.desk.stored_draft_from_input_and_to_post import person_behind
from stoppress.domain.errors import Conflict, Invalid, TooMany
from stoppress.domain.store_requests_and_results import Idempotency

PRESENCE_S = 30
EDIT_LEASE_S = 60
MAX_PRESENT = 300
"""Limit of people and leases at one desk; with it a notice has 60 KiB."""

_CLIENT = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
_Client = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")]
_Subject = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z]{1,64}$(?!\n)")]


class PresenceInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The id of the post or draft that a client works on, or none."""

    on: _Subject | None = None


class LeaseInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The client that takes, renews or wants a lease; `to`: the client it goes to."""

    client: _Client
    to: _Client | None = None


class Touch(NamedTuple):
    """One change to presence, as `touch_presence.lua` takes it."""

    what: str
    client: str = ""
    ttl_s: int = EDIT_LEASE_S
    members: str = ""
    subject: str = ""
    to: str = ""


class PresenceStore(Protocol):
    """Stores presence until it expires."""

    async def open_desk_log(self, feed: str) -> None:
        """Create the feed's desk log if it has none. Raises NotFound."""

    async def touch_presence(
        self, feed: str, touch: Touch, idempotency: Idempotency | None = None
    ) -> tuple[bool, bytes]:
        """Make the change; returns whether it was done, and a notice of all entries.

        Not again under the same key. Raises IdempotencyKeyReused.
        """


_presence = msgspec.json.Decoder(PresenceInput)
_lease = msgspec.json.Decoder(LeaseInput)


class PresenceDesk:
    """Presence and leases. The caller checks the scope `draft` first."""

    def __init__(self, store: PresenceStore) -> None:
        self._store = store

    async def read(self, feed: str) -> bytes:
        """All valid entries. Raises NotFound."""
        await self._store.open_desk_log(feed)
        return (await self._store.touch_presence(feed, Touch("read")))[1]

    async def here(
        self, feed: str, client: str, raw: bytes, caller: Caller, key: str | None = None
    ) -> bytes:
        """Report a client's presence, for PRESENCE_S. Raises TooMany."""
        given = read(raw or b"{}", _presence)
        members = _members(caller, given.on)
        touch = Touch("here", _named(client, caller), PRESENCE_S, members)
        is_done, notice = await self._touch(feed, touch, caller, key)
        if not is_done:
            raise TooMany("people at this desk", PRESENCE_S)
        return notice

    async def leave(
        self, feed: str, client: str, caller: Caller, key: str | None = None
    ) -> None:
        """Remove a client's presence and its leases."""
        await self._touch(feed, Touch("leave", _named(client, caller)), caller, key)

    async def lease(
        self,
        feed: str,
        subject: str,
        raw: bytes,
        caller: Caller,
        key: str | None = None,
    ) -> tuple[bool, bytes]:
        """Take, renew or hand over a lease; False if another client holds it."""
        given = read(raw, _lease)
        client = _named(given.client, caller)
        touch = Touch("lease", client, EDIT_LEASE_S, _members(caller), subject)
        if given.to is not None:
            touch = touch._replace(what="give", to=given.to)
        return await self._touch(feed, touch, caller, key)

    async def want(
        self,
        feed: str,
        subject: str,
        raw: bytes,
        caller: Caller,
        key: str | None = None,
    ) -> bytes:
        """Ask the holder for a lease. Raises Conflict if no other client holds it."""
        given = read(raw, _lease)
        client = _named(given.client, caller)
        touch = Touch("want", client, EDIT_LEASE_S, _members(caller), subject)
        is_done, notice = await self._touch(feed, touch, caller, key)
        if not is_done:
            raise Conflict("nobody else holds the lease: take it")
        return notice

    async def release(
        self,
        feed: str,
        subject: str,
        client: str,
        caller: Caller,
        key: str | None = None,
    ) -> None:
        """Release a lease; a lease of another client stays."""
        touch = Touch("release", _named(client, caller), subject=subject)
        await self._touch(feed, touch, caller, key)

    async def _touch(
        self, feed: str, touch: Touch, caller: Caller, key: str | None
    ) -> tuple[bool, bytes]:
        """`key`: the Idempotency-Key. Raises IdempotencyKeyReused."""
        await self._store.open_desk_log(feed)
        idempotency = idempotency_of(
            *(Requester(caller.id, key), "PRESENCE", f"/v1/feeds/{feed}"),
            msgspec.json.encode(touch),
        )
        return await self._store.touch_presence(feed, touch, idempotency)


def _named(client: str, caller: Caller) -> str:
    """The name of a client at the desk, bound to its caller: others can't use it."""
    if not _CLIENT.fullmatch(client):
        raise Invalid("client", "is invalid: use 1 to 40 letters, digits, - and _")
    return f"{hashlib.sha256(caller.id.encode()).hexdigest()[:12]}-{client}"


def _members(caller: Caller, on: str | None = None) -> str:
    members: dict[str, object] = {"who": person_behind(caller)}
    if on is not None:
        members["on"] = on
    return msgspec.json.encode(members).decode()[1:-1]

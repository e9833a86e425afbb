"""The audit in Redis: a stream per feed, and one for entries that belong to no feed.

Rules:
- The script that writes also adds the write's entry (`add_audit_entry.lua`), so no
  process that is killed leaves a change without one: feeds and all that they have,
  tokens, settings. An audit has the hash tag of what it is about.
- Sessions have no tag in common. Their entries are added before the act, so one may
  name an act that then failed.
- A feed's audit outlives the feed: once the feed is
  deleted, the index of audits names it.
- Refused sign-ins have a stream of their own, so that they can't push out the rest.
- The audit is bounded by days (`audit_days`) and by MAX_ENTRIES per feed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from redis.exceptions import ResponseError

from stoppress.domain.audit import AuditEntry, changed, digests, encoded
from stoppress.domain.desk_log_name import feed_behind
from stoppress.domain.errors import Invalid
from stoppress.domain.event import SubjectKind
from stoppress.domain.store_requests_and_results import AuditPage, Write
from stoppress.domain.timestamps import instant
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.guard.request_context import CURRENT
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import (
    AUDIT,
    AUDITED,
    FEEDS,
    OF_SETTINGS,
    OF_TEMPLATES,
    OF_TOKENS,
    REFUSALS,
    SETTINGS_KEY,
    audit_key,
)
from stoppress.log.shard_pools import Shards, at, each

MAX_ENTRIES = 20_000
"""Entries kept per feed: about 250 bytes each."""
BATCH = 500
"""Audits read in one round trip."""
_MARK = re.compile(r"(\d{1,15})-(\d{1,15})\.([a-z0-9-]{0,80})", re.ASCII)

_kept = msgspec.json.Decoder(AuditEntry)


_ADD = LuaScript("need_acl_rights", "add_audit_entry", "add_audit_alone")
_CHANGE_SETTINGS = LuaScript(
    "need_acl_rights", "add_audit_entry", "record_changed_settings"
)
SETTINGS_ATTEMPTS = 10
"""How often the settings are compared again because another process started."""


class AuditArgs(NamedTuple):
    """An entry for a script (b"": none), and the limits of older entries."""

    entry: bytes = b""
    oldest_ms: int = 0
    ttl_s: int = 0
    most: int = MAX_ENTRIES


NO_AUDIT = AuditArgs()


class Place(NamedTuple):
    """The position of an entry among all entries; the newest is last."""

    ms: int
    number: int
    feed: str

    @classmethod
    def of(cls, text: str) -> Place:
        """Parse a mark. Raises Invalid."""
        match = _MARK.fullmatch(text)
        if match is None:
            raise Invalid(
                "before", f"{text[:80]!r} is invalid: use the value of `next`"
            )
        return cls(int(match[1]), int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}.{self.feed}"


def write_entry(write: Write) -> bytes:
    """The audit entry of a write, by the running request."""
    change = write.changes[-1]
    is_feed = change.subject.kind is SubjectKind.FEED
    before, after = changed(_members(change.before), _members(change.body))
    return made_entry(
        change.type.name,
        feed=feed_behind(write.feed),
        subject="" if is_feed else change.subject.id,
        before=before,
        after=after,
    )


def feed_entry(what: str, feed: str, body: bytes) -> bytes:
    """The audit entry of a feed that is created or deleted."""
    return made_entry(what, feed=feed, after=digests(_members(body)))


def made_entry(
    what: str,
    *,
    feed: str = "",
    subject: str = "",
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
    who: str = "",
) -> bytes:
    """One entry, by the running request (or by `who`)."""
    context = CURRENT.get()
    entry = AuditEntry(
        who or ("" if context is None else context.caller),
        what,
        "" if context is None else context.client,
        feed,
        subject,
        before or {},
        after or {},
        "" if context is None else context.id,
    )
    return encoded(entry)


def _settings_entry(before: dict[str, Any], settings: Mapping[str, str]) -> bytes:
    """The entry about settings that changed; b"" if none did, or at the first start."""
    gone = {name: text for name, text in before.items() if settings.get(name) != text}
    new = {name: text for name, text in settings.items() if before.get(name) != text}
    if not before or not (gone or new):
        return b""
    return made_entry("settings.changed", who="server", before=gone, after=new)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = msgspec.json.decode(body) if body else {}
    except UNDECODABLE:
        return {}  # damaged: the entry then lists the new members only
    return members if isinstance(members, dict) else {}


class RedisAudit:
    """Adds entries that no write adds, and reads all entries. `days` 0: no limit."""

    def __init__(self, shards: Shards, days: int) -> None:
        self._shards = shards
        self._days = days

    def args(self, entry: bytes) -> AuditArgs:
        """The arguments with which a writing script adds an entry."""
        age_s = self._days * 86_400
        return AuditArgs(entry, max(0, _now_ms() - age_s * 1000) if age_s else 0, age_s)

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        """Add an entry about a session, before the act.

        Raises Unavailable: then the act must not happen.
        """
        entry = made_entry(what, subject=subject, who=who)
        await at(
            *(self._shards, AUDIT),
            lambda redis: redis.write(_ADD, (AUDIT,), self.args(entry)),
        )

    async def add_refused(self, what: str, subject: str = "") -> None:
        """Add an entry about a refused caller, apart from the entries of editors.

        Raises Unavailable.
        """
        entry, key = made_entry(what, subject=subject), audit_key(REFUSALS)
        await at(
            *(self._shards, key),
            lambda redis: redis.write(_ADD, (key,), self.args(entry)),
        )

    async def started_with(self, settings: Mapping[str, str]) -> None:
        """Add the difference from the last start; `digests` holds the settings by name.

        If several processes start at once, one of them adds it. Raises Unavailable.
        """
        now = msgspec.json.encode(settings, order="sorted")
        keys = (SETTINGS_KEY, audit_key(OF_SETTINGS))
        was = now
        for _ in range(SETTINGS_ATTEMPTS):
            entry = _settings_entry(_members(was), settings)
            args = (was, now, *self.args(entry))

            async def change(redis: RedisCommands, args: Sequence[Arg] = args) -> bytes:
                found: bytes = await redis.write(_CHANGE_SETTINGS, keys, args)
                return found

            found = await at(self._shards, SETTINGS_KEY, change)
            if found == was:
                return
            was = found

    async def outlives(self, feed: str) -> None:
        """Add the feed to the index of audits: it is about to be deleted."""
        command = ("ZADD", AUDITED, _now_ms(), feed)
        await at(self._shards, AUDITED, lambda redis: redis.one(*command))

    async def page(self, feed: str | None, before: str, limit: int) -> AuditPage:
        """The newest entries before a mark ("": the newest), of one feed or of all.

        Raises Invalid, Unavailable.
        """
        place = Place.of(before) if before else None
        feeds = [feed] if feed is not None else await self._feeds()
        found = await each(
            *(self._shards, feeds, audit_key),
            lambda redis, some: _newest(redis, some, place, limit + 1),
            BATCH,
        )
        return _page([entry for some in found for entry in some], limit)

    async def _feeds(self) -> list[str]:
        """Every feed that exists or did, and the audits of what belongs to no feed."""

        async def names(key: str) -> list[bytes]:
            found = await at(
                self._shards, key, lambda redis: redis.one("ZRANGE", key, 0, -1)
            )
            return list(found)

        members = await names(FEEDS) + await names(AUDITED)
        feeds = {member.decode().split(" ")[0] for member in members}
        return sorted(feeds | {"", REFUSALS, OF_TOKENS, OF_SETTINGS, OF_TEMPLATES})


async def _newest(
    redis: RedisCommands, feeds: Sequence[str], before: Place | None, limit: int
) -> list[list[tuple[Place, AuditEntry]]]:
    """The newest entries of some feeds ("": entries of no feed)."""
    commands = []
    for feed in feeds:
        end = "+"
        if before is not None:
            # Streams with an entry of the same id are sorted by feed.
            exact = "" if feed < before.feed else "("
            end = f"{exact}{before.ms}-{before.number}"
        commands.append(("XREVRANGE", audit_key(feed), end, "-", "COUNT", limit))
    answers = await redis.read_damaged(*commands)
    return [
        [] if isinstance(answer, ResponseError) else _entries(feed, answer)
        for feed, answer in zip(feeds, answers, strict=True)
    ]


def _entries(feed: str, answer: list[Any]) -> list[tuple[Place, AuditEntry]]:
    found = []
    for ident, fields in answer:
        ms, _, number = ident.decode().partition("-")
        try:
            entry = _kept.decode(fields[1])
        except (*UNDECODABLE, IndexError):
            continue  # damaged: the others still count
        found.append((Place(int(ms), int(number), feed), entry))
    return found


def _page(found: list[tuple[Place, AuditEntry]], limit: int) -> AuditPage:
    """The newest entries, and the mark of the next page."""
    found.sort(key=lambda one: one[0], reverse=True)
    shown = found[:limit]
    rest = str(shown[-1][0]) if len(found) > limit else None
    return AuditPage(tuple((instant(place.ms), entry) for place, entry in shown), rest)

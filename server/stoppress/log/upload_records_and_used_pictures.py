"""What the store knows about uploaded pictures, and which of them posts use.

Rules:
- An upload has an entry in the audit; under its Idempotency-Key, its name is stored.
- A picture is used if its address is anywhere in a post, a draft, or an earlier state
  of one. The store looks that up, in pieces, before a picture is removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import IdempotencyKeyReused, NotFound
from stoppress.domain.picture_address import pictures_in
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.audit_log import RedisAudit, made_entry
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import PICTURE_REMOVAL, audit_key, feed_keys, idem_key
from stoppress.log.shard_pools import Shards, at

_NOTE = LuaScript(
    *(
        "need_acl_rights",
        "find_repeated_write",
        "add_audit_entry",
        "audit_upload_and_note_idempotency_key",
    )
)
SCANNED = 200
"""Fields of a hash per step: 2 ms of Redis for posts of 4 KB."""


class UploadRecords:
    """Records of uploads in one store; `desk.pictures.UploadStore`."""

    def __init__(self, shards: Shards, audit: RedisAudit, ttl_s: int) -> None:
        self._shards = shards
        self._audit = audit
        self._ttl_s = ttl_s

    async def uploaded(self, feed: str, idempotency: Idempotency) -> str | None:
        """The name of the picture uploaded under this Idempotency-Key.

        Raises NotFound, IdempotencyKeyReused.
        """
        return await self._note(feed, "", idempotency)

    async def note_upload(
        self, feed: str, name: str, idempotency: Idempotency | None
    ) -> str:
        """Note an upload in the audit and under its Idempotency-Key; returns the stored
        name.

        Raises NotFound, IdempotencyKeyReused.
        """
        return await self._note(feed, name, idempotency) or name

    async def _note(
        self, feed: str, name: str, idempotency: Idempotency | None
    ) -> str | None:
        keys = feed_keys(feed)
        names = (keys.meta, idem_key(feed, idempotency), audit_key(feed))
        fingerprint = "" if idempotency is None else idempotency.fingerprint
        picture = name.partition("-")[0]
        entry = made_entry("picture.uploaded", feed=feed, subject=picture)
        args = (fingerprint, name, self._ttl_s, *self._audit.args(entry))

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_NOTE, names, args)

        answer = await at(self._shards, keys.meta, step)
        match answer[0]:
            case b"nofeed":
                raise NotFound(feed)
            case b"reused":
                raise IdempotencyKeyReused(
                    "" if idempotency is None else idempotency.key
                )
            case b"repeated":
                return str(answer[2].decode())
        return None

    async def claim_removal(self, for_s: int) -> bool:
        """Whether this process is the one that removes unused pictures now."""
        command = ("SET", PICTURE_REMOVAL, "1", "NX", "EX", for_s)
        return await self._one(PICTURE_REMOVAL, *command) is not None

    async def _one(self, key: str, *command: Arg) -> Any:
        return await at(self._shards, key, lambda redis: redis.one(*command))

    async def used_pictures(
        self, feed: str, pictures: Iterable[str], besides: str = ""
    ) -> set[str]:
        """The pictures that posts besides `besides`, or their earlier states, use."""
        wanted = set(pictures)
        used: set[str] = set()
        posts, drafts = feed_keys(feed), feed_keys(desk_log_of(feed))
        for key in (posts.posts, posts.revisions, drafts.posts, drafts.revisions):
            place = b"0"
            while used != wanted:
                command = ("HSCAN", key, place, "COUNT", SCANNED)
                place, flat = await self._one(key, *command)
                texts = (
                    text
                    for field, text in zip(flat[::2], flat[1::2], strict=True)
                    if field.partition(b" ")[0] != besides.encode()
                )
                used |= pictures_in(feed, texts) & wanted
                if place == b"0":
                    break
        return used

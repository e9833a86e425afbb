"""What the store knows about uploaded pictures, and which of them are in use.

Rules:
- An upload has an entry in the audit; under its Idempotency-Key, its name is stored.
- A picture is used if its address is anywhere in a post, a draft or an earlier state of
  one, of any feed, in what a feed says of itself (its image), in a template of the
  newsroom or in a setting. The store looks that up, in pieces, before a picture is
  removed.
- What can't be read is an error, never "unused".
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Set
from typing import Any

from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import IdempotencyKeyReused, NotFound
from stoppress.domain.picture_address import FeedPicture, pictures_in
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.audit_log import RedisAudit, made_entry
from stoppress.log.desk_log_schedule_and_presence_store import readable
from stoppress.log.redis_commands_scripts_and_durability import (
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import (
    FEEDS,
    OF_TEMPLATES,
    PICTURE_REMOVAL,
    TEMPLATES,
    audit_key,
    feed_keys,
    idem_key,
)
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
_RUN = re.compile(rb"^run_id:(\w+)", re.MULTILINE)


class UploadRecords:
    """Records of uploads in one store; `desk.pictures.UploadStore`."""

    def __init__(
        self,
        shards: Shards,
        audit: RedisAudit,
        ttl_s: int,
        settings: Iterable[str] = (),
    ) -> None:
        self._shards = shards
        self._audit = audit
        self._ttl_s = ttl_s
        self._in_settings = pictures_in(value.encode() for value in settings)

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
        claimed = await at(
            self._shards, PICTURE_REMOVAL, lambda redis: redis.one(*command)
        )
        return claimed is not None

    async def used_pictures(
        self, feed: str, pictures: Iterable[str], besides: str = ""
    ) -> set[str]:
        """The feed's pictures that its posts besides `besides`, or their earlier
        states, use.

        Raises Unavailable.
        """
        wanted = {FeedPicture(feed, one) for one in pictures}
        used: set[FeedPicture] = set()
        for key in _post_keys(feed):
            if used == wanted:
                break
            async for piece in self._pieces(feed, key):
                texts = (
                    text
                    for field, text in piece
                    if field.partition(b" ")[0] != besides.encode()
                )
                used |= pictures_in(texts) & wanted
        return {one.id for one in used}

    async def used_elsewhere(self, pictures: Set[FeedPicture]) -> set[FeedPicture]:
        """The pictures that something other than posts of their own feed uses: a feed
        in what it says of itself, another feed's posts, a template, a setting.

        It reads all feeds, one after the other. Raises Unavailable.
        """
        used = self._in_settings & pictures
        async for piece in self._pieces(OF_TEMPLATES, TEMPLATES):
            used |= pictures_in(text for _, text in piece) & pictures
        for feed in await self._feeds():
            if used == pictures:
                break
            meta = feed_keys(feed).meta
            for key in (meta, *_post_keys(feed)):
                async for piece in self._pieces(feed, key):
                    found = pictures_in(text for _, text in piece) & pictures
                    used |= {one for one in found if key == meta or one.feed != feed}
        return used

    async def _feeds(self) -> list[str]:
        """The slugs of all feeds, and perhaps of some that are gone."""
        members = await at(
            self._shards, FEEDS, lambda redis: redis.one("ZRANGE", FEEDS, 0, -1)
        )
        return list(dict.fromkeys(one.decode().partition(" ")[0] for one in members))

    async def _pieces(
        self, feed: str, key: str
    ) -> AsyncIterator[list[tuple[bytes, bytes]]]:
        """All fields of a hash with their values, in pieces.

        A place in a hash counts on one server only: on another one, after a failover or
        a move of the slot, the hash is read from its beginning.
        """
        place, server = b"0", b""
        while True:
            steps = (("INFO", "server"), ("HSCAN", key, place, "COUNT", SCANNED))

            async def step(redis: RedisCommands, steps: Any = steps) -> list[Any]:
                return await redis.all(*steps)

            with readable(feed):
                info, (after, flat) = await at(self._shards, key, step)
            run = _RUN.search(info)
            name = b"" if run is None else run[1]
            if place != b"0" and name != server:
                place = b"0"
                continue
            place, server = after, name
            yield list(zip(flat[::2], flat[1::2], strict=True))
            if place == b"0":
                return


def _post_keys(feed: str) -> tuple[str, ...]:
    """The hashes with a feed's posts, drafts, and earlier states of both."""
    posts, drafts = feed_keys(feed), feed_keys(desk_log_of(feed))
    return posts.posts, posts.revisions, drafts.posts, drafts.revisions

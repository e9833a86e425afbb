"""Templates and notes on posts in Redis: `desk.templates_and_post_notes.DeskTextStore`.

The newsroom's texts are one hash; a feed's are one with the feed's hash tag, which is
deleted with the feed, and of which a takedown erases the post's. A change is one step
with its audit entry.
"""

from __future__ import annotations

from typing import Any

from stoppress.desk.templates_and_post_notes import DeskTextChange, OtherText
from stoppress.domain.errors import Gone, IdempotencyKeyReused, NotFound
from stoppress.log.audit_log import made_entry
from stoppress.log.redis_commands_scripts_and_durability import (
    LuaScript,
    RedisCommands,
)
from stoppress.log.redis_keys import (
    OF_TEMPLATES,
    TEMPLATES,
    audit_key,
    desk_texts_key,
    feed_keys,
    idem_key,
    template_idem_key,
)
from stoppress.log.token_and_ticket_key_store import RedisCredentials

_CHANGE = LuaScript(
    *("need_acl_rights", "find_repeated_write", "add_audit_entry", "change_desk_text")
)


class RedisDeskTexts(RedisCredentials):
    """Texts that the desk keeps for itself."""

    async def desk_texts(self, feed: str) -> list[bytes]:
        """All texts of a place. Raises NotFound."""
        kept = await self._texts(feed, "HGETALL")
        pairs = zip(kept[::2], kept[1::2], strict=True)
        return [record for name, record in pairs if name != b"of"]

    async def desk_text(self, feed: str, name: str) -> bytes | None:
        """One text. Raises NotFound."""
        found: bytes | None = await self._texts(feed, "HGET", name)
        return found

    async def _texts(self, feed: str, command: str, *args: str) -> Any:
        if not feed:
            return await self._at(
                TEMPLATES, lambda redis: redis.one(command, TEMPLATES, *args)
            )
        key, meta = desk_texts_key(feed), feed_keys(feed).meta
        born, of, found = await self._at(
            meta,
            lambda redis: redis.all(
                ("HGET", meta, "born"), ("HGET", key, "of"), (command, key, *args)
            ),
        )
        if born is None:
            raise NotFound(feed)
        if of == born:
            return found
        return [] if command == "HGETALL" else None  # of a former feed of the slug

    async def change_desk_text(self, change: DeskTextChange) -> bytes | None:
        """Store or delete a text with its audit entry, in one step.

        Returns None if it is done, or the text as it is now if the Idempotency-Key did
        it before (b"": there is none). Raises LookupError if there was none to delete,
        OverflowError if there are as many as may be, OtherText, NotFound, Gone,
        IdempotencyKeyReused.
        """
        feed, key = change.feed, change.idempotency
        names: tuple[str, ...]
        if feed:
            keys = feed_keys(feed)
            names = (
                *(desk_texts_key(feed), idem_key(feed, key), audit_key(feed)),
                *(keys.meta, keys.posts),
            )
        else:
            names = (TEMPLATES, template_idem_key(key), audit_key(OF_TEMPLATES))
        entry = made_entry(change.what, feed=feed, subject=change.subject)
        args = (
            *("" if key is None else key.fingerprint, change.name, change.record),
            *(change.most, change.post, self._ttl_s, *self.audit.args(entry)),
            "" if change.tags is None else f" {' '.join(sorted(change.tags))} ",
        )

        async def step(redis: RedisCommands) -> Any:
            return await redis.write(_CHANGE, names, args)

        match await self._at(names[0], step):
            case [b"nofeed"]:
                raise NotFound(feed)
            case [b"nopost"]:
                raise NotFound(feed, change.post)
            case [b"gone", rev]:
                raise Gone(feed, change.post, int(rev))
            case [b"reused"]:
                raise IdempotencyKeyReused("" if key is None else key.key)
            case [b"other", record]:
                raise OtherText(bytes(record))
            case [b"none"]:
                raise LookupError(change.name)
            case [b"full"]:
                raise OverflowError(change.most)
            case [b"repeated", record]:
                return bytes(record)
        return None

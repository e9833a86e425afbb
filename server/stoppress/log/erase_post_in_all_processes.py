"""Erasing a post: from the store, its disk, and the memory of every process on it.

Rules:
- Only the store says what is erased. A message on the channel is a notice with the
  number of an erasure, whose record names the feed: a user who may only publish there
  can make a process look the record up, nothing else.
- A process that gets a notice drops its caches and confirms that in the record. The
  process that erases waits for as many confirmations as processes got the notice, at
  most CONFIRM_S.
- A process whose subscription was lost may have missed a notice: when the subscription
  works again, it drops all its caches.
- The append-only file is rewritten if the user may do so (`+bgrewriteaof`, optional).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from os import getpid
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from stoppress.desk.find_texts_in_refused_entries import TextSearch
from stoppress.desk.takedown import Confirmation
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.log.audit_log import RedisAudit, made_entry
from stoppress.log.epoch_rule_and_script_arguments import now_ms
from stoppress.log.log_metrics import ErasureMetrics
from stoppress.log.redis_commands_scripts_and_durability import (
    Arg,
    LuaScript,
    RedisCommands,
    new_epoch,
)
from stoppress.log.redis_keys import (
    ERASURES,
    REFUSED,
    audit_key,
    desk_texts_key,
    erasure_key,
    feed_keys,
)
from stoppress.log.shard_pools import Shards, at

_ERASE = LuaScript(
    *("need_acl_rights", "keep_revision", "add_audit_entry", "erase_post")
)

CONFIRM_S = 20.0
"""How long processes may take to confirm that they dropped a post: busy ones take
seconds."""
REWRITE_S = 30.0
"""How long the store may take to rewrite its append-only file."""
FORGET_AGAIN_S = 3.0
"""How long the server waits for answers in progress to end, and for the inbox to read
again; then everything is dropped once more.
"""
BELL_BYTES = 256 << 10
"""Length of a notice: it overwrites the buffers that may hold the post."""
OVERWRITE_AGAIN_S = (15.0, 30.0)
"""When freed memory is overwritten once more: by then buffers were freed that were in
use, and those that took their place before that was overwritten."""
OVERWRITE_PAUSE_S = 5.0
"""Pause between two overwrites of freed memory."""
POLL_S = 0.02
RECORD_S = 60
"""How long the record of an erasure is kept."""
MAX_ERASURES_HEARD = 64
"""Erasures that wait to be looked up; above it all caches are dropped."""
REFUSED_READ = 200
"""Refused entries of the inbox read at once."""

Forget = Callable[[str | None], int]
"""Drops the caches of a feed (None: of all); returns its readers in this process."""
Overwrite = Callable[[], Awaitable[None]]
"""Overwrites memory that was freed."""

log = logging.getLogger(__name__)


class PostErasure:
    """Erases posts from one store; `desk.takedown.Eraser`. Works while `run` runs."""

    def __init__(
        self, shards: Shards, audit: RedisAudit, metrics: ErasureMetrics | None = None
    ) -> None:
        self._shards = shards
        self._audit = audit
        self._metrics = metrics or ErasureMetrics()
        self._name = f"{socket.gethostname()}-{getpid()}-{new_epoch()}"
        self._is_to_overwrite = asyncio.Event()
        self._heard: asyncio.Queue[str | None] = asyncio.Queue(MAX_ERASURES_HEARD)
        self.channel = ERASURES + (f":{shards.database}" if shards.database else "")

    # In the process that erases

    async def erase(self, feed: str, post: str, about: bytes) -> int | None:
        """Erase a withdrawn post from the store, with an audit entry; None if it is
        live again.

        Returns its revision. Raises NotFound.
        """

        async def step(redis: RedisCommands) -> list[Any]:
            keys = feed_keys(feed, redis.database)
            names = (
                *(keys.meta, keys.posts, keys.revisions, audit_key(feed)),
                desk_texts_key(feed),
            )
            entry = made_entry("post.taken_down", feed=feed, subject=post)
            args = (post, about, *self._audit.args(entry))
            answer: list[Any] = await redis.write(_ERASE, names, args)
            return answer

        answer = await at(self._shards, feed_keys(feed).meta, step)
        match answer:
            case [b"nofeed"]:
                raise NotFound(feed)
            case [b"nopost", _]:
                raise NotFound(feed, post)
            case [b"live"]:
                return None
        return int(answer[1])

    async def erase_refused(self, feed: str, texts: Sequence[str]) -> int:
        """Delete the refused entries of the inbox that contain one of the texts of a
        post of the feed, or can't be read.
        """
        search = TextSearch(feed, texts)
        start, gone = "-", 0
        while texts:
            entries = await self._one(
                REFUSED, "XRANGE", REFUSED, start, "+", "COUNT", REFUSED_READ
            )
            found = []
            for ident, flat in entries:
                if search.is_in(dict(zip(flat[::2], flat[1::2], strict=True))):
                    found.append(ident)
                await asyncio.sleep(0)  # a long entry takes milliseconds
            if found:
                gone += len(found)
                await self._one(REFUSED, "XDEL", REFUSED, *found)
            if len(entries) < REFUSED_READ:
                return gone
            start = f"({entries[-1][0].decode()}"
        return gone

    async def rewrite_disk(self, feed: str) -> bool:
        """Rewrite the append-only file with the feed; returns whether that is done."""
        key = feed_keys(feed).meta
        try:
            async with asyncio.timeout(REWRITE_S):
                while await at(self._shards, key, _begin_rewrite) is None:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
                # Redis sends no message when it has finished.
                while True:
                    done = await at(self._shards, key, _rewritten)
                    if done is not None:
                        return done
                    await asyncio.sleep(POLL_S)
        except (TimeoutError, Unavailable, ResponseError) as wrong:
            log.warning("the store's file is not rewritten yet: %s", wrong)
            self._metrics.pending.add()
            return False

    async def confirmations(self, feed: str) -> tuple[Confirmation, ...]:
        """Make every process drop the feed's caches; returns their confirmations.

        A process that got the notice but did not confirm in time has no time.
        """
        name = new_epoch()
        padded = name.encode().ljust(BELL_BYTES)
        key = erasure_key(name)

        await self._one(key, "HSET", key, "feed", feed)
        await self._one(key, "EXPIRE", key, RECORD_S)
        # In a cluster the channel may be on another server than the record.
        received = await self._one(self.channel, "SPUBLISH", self.channel, padded)
        said: dict[str, Confirmation] = {}
        end = asyncio.get_running_loop().time() + CONFIRM_S
        while True:
            flat = await self._one(key, "HGETALL", key)
            said = {
                worker.decode(): msgspec.json.decode(text, type=Confirmation)
                for worker, text in zip(flat[::2], flat[1::2], strict=True)
                if worker != b"feed"
            }
            if len(said) >= received or asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(POLL_S)
        silent = max(0, received - len(said))
        if silent:
            self._metrics.unconfirmed.add(silent)
        found = sorted(said.values(), key=lambda one: one.worker)
        return (*found, *(Confirmation("", None, 0) for _ in range(silent)))

    # In every process

    def hear(self, message: bytes) -> None:
        """Handle a notice: look the erasure up."""
        self._put(message[:16].decode(errors="replace").strip())

    def missed(self) -> None:
        """The subscription was lost: an erasure may have been missed."""
        self._put(None)

    def _put(self, name: str | None) -> None:
        if self._heard.full():
            # These erasures are not confirmed, but everything is dropped nevertheless.
            while not self._heard.empty():
                self._heard.get_nowait()
            name = None
        self._heard.put_nowait(name)

    async def run(self, forget: Forget, overwrite: Overwrite) -> None:
        """Drop what is erased, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._overwrite(overwrite))
            while True:
                name = await self._heard.get()
                try:
                    await self._forget(name, forget)
                except Unavailable as wrong:
                    log.warning("an erasure could not be looked up: %s", wrong)
                    forget(None)
                self._is_to_overwrite.set()

    async def _overwrite(self, overwrite: Overwrite) -> None:
        """Overwrite freed memory, once for all erasures that arrived in between.

        It takes some 0.3 s of CPU, and in a busy process the heap grows by what is
        allocated while free memory is held: many takedowns must not add up.
        """
        while True:
            await self._is_to_overwrite.wait()
            self._is_to_overwrite.clear()
            for pool in self._shards.links():
                await pool.close_idle()
            await overwrite()
            await asyncio.sleep(OVERWRITE_PAUSE_S)

    async def _forget(self, name: str | None, forget: Forget) -> None:
        if name is None:
            forget(None)
            return
        key = erasure_key(name)
        feed = await self._one(key, "HGET", key, "feed")
        if feed is None:
            return  # no such erasure: a forged notice
        readers = forget(feed.decode())
        # An answer that was in progress may have filled a cache again by then.
        loop = asyncio.get_running_loop()
        loop.call_later(FORGET_AGAIN_S, self._put, None)
        for after_s in OVERWRITE_AGAIN_S:
            loop.call_later(after_s, self._is_to_overwrite.set)
        done = msgspec.json.encode(Confirmation(self._name, now_ms(), readers))
        await self._one(key, "HSET", key, self._name, done)

    async def _one(self, key: str, *command: Arg) -> Any:
        """The answer to one command on `key`."""
        return await at(self._shards, key, lambda redis: redis.one(*command))


async def _begin_rewrite(redis: RedisCommands) -> bool | None:
    """Start a rewrite of the file: True if it has begun; None: not yet, ask again."""
    try:
        await redis.one("BGREWRITEAOF")
    except ResponseError as refused:
        if "already in progress" in str(refused):
            return None
        raise
    return True


async def _rewritten(redis: RedisCommands) -> bool | None:
    """Whether the last rewrite succeeded; None while one runs, or is scheduled."""
    info = await redis.one("INFO", "persistence")
    facts = dict(
        line.split(":", 1) for line in info.decode().splitlines() if ":" in line
    )
    if facts.get("aof_enabled") != "1":
        raise Unavailable("the store has no append-only file, only snapshots")
    if facts.get("aof_rewrite_in_progress") != "0":
        return None
    if facts.get("aof_rewrite_scheduled") != "0":
        return None
    return facts.get("aof_last_bgrewrite_status") == "ok"

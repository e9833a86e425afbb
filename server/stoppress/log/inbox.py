"""The inbox: whatever speaks Redis can publish, with XADD to `stoppress:inbox`.

Fields: `token`, `feed`, `post` (JSON). Rules:
- An entry is published by the same code as a call of the API, with its id as
  Idempotency-Key: taken twice, it is published once.
- It is acknowledged, and deleted, after the write is kept: the inbox holds tokens
  and texts, which should not outlive their use. What is refused goes, with the
  reason and without the token, to `stoppress:inbox:refused`, the newest REFUSED of
  it.
- While the store is away, entries stay pending, in order, and are tried again. What
  a dead consumer left pending is taken over after CLAIM_AFTER_S.
- Several processes share the inbox; order is kept within what one of them takes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from stoppress.domain.errors import NewsError, Unavailable
from stoppress.log.log_metrics import InboxMetrics
from stoppress.log.redis_commands import Command, new_epoch
from stoppress.log.redis_errors import unavailable
from stoppress.log.redis_keys import INBOX, REFUSED
from stoppress.log.shards import Shards, at

Publish = Callable[[str, str, bytes, str], Awaitable[object]]
"""The desk's entry: token, feed, raw JSON, Idempotency-Key. Raises NewsError."""

GROUP = "stoppress"
COUNT = 32
"""Entries taken at once."""
BLOCK_S = 2.0
"""How long one reading waits for something to come."""
CLAIM_AFTER_S = 60.0
CLAIM_EVERY_S = 30.0
KEPT_REFUSED = 1000
INBOX_BACKOFF_S = (0.1, 5.0)

log = logging.getLogger(__name__)

Entry = tuple[bytes, dict[bytes, bytes]]


class Inbox:
    """Takes posts out of the inbox, as long as `run` runs."""

    def __init__(
        self,
        shards: Shards,
        publish: Publish,
        metrics: InboxMetrics | None = None,
        *,
        max_bytes: int = 64 << 10,
        claim_after_s: float = CLAIM_AFTER_S,
    ) -> None:
        self._shards = shards
        self._publish = publish
        self._metrics = metrics or InboxMetrics()
        self._max_bytes = max_bytes
        self._claim_after_s = claim_after_s
        self._name = f"{socket.gethostname()}-{os.getpid()}-{new_epoch()}"
        self._next_claim = 0.0

    async def run(self) -> None:
        """Take in, until cancelled."""
        pause_s = INBOX_BACKOFF_S[0]
        while True:
            connection: AbstractConnection | None = None
            try:
                # Blocking reads would keep a connection of the pool from the others.
                connection = await self._shards.of(INBOX).connect()
                with unavailable():
                    await self._make_group(connection)
                    await self._take_left(connection)
                    while True:
                        await self._claim(connection)
                        await self._take(await self._read(connection, ">"))
                        pause_s = INBOX_BACKOFF_S[0]
            except (Unavailable, ResponseError) as wrong:
                log.warning("the inbox waits: %s", wrong)
            finally:
                if connection is not None:
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))
            pause_s = min(pause_s * 2, INBOX_BACKOFF_S[1])

    async def _make_group(self, connection: AbstractConnection) -> None:
        try:
            await self._ask(
                connection, "XGROUP", "CREATE", INBOX, GROUP, "0", "MKSTREAM"
            )
        except ResponseError as wrong:
            if not str(wrong).startswith("BUSYGROUP"):
                raise

    async def _take_left(self, connection: AbstractConnection) -> None:
        """Take what was begun and not ended: first, so that the order is kept."""
        while entries := await self._read(connection, "0"):
            await self._take(entries)

    async def _read(self, connection: AbstractConnection, start: str) -> list[Entry]:
        # fmt: off
        found = await self._ask(
            connection, "XREADGROUP", "GROUP", GROUP, self._name, "COUNT", COUNT,
            *(("BLOCK", int(BLOCK_S * 1000)) if start == ">" else ()),
            "STREAMS", INBOX, start,
            timeout_s=self._shards.timeout_s + BLOCK_S,
        )
        # fmt: on
        return _entries(found[0][1]) if found else []

    async def _claim(self, connection: AbstractConnection) -> None:
        """Take over what consumers that are gone have left."""
        now = asyncio.get_running_loop().time()
        if now < self._next_claim:
            return
        self._next_claim = now + min(CLAIM_EVERY_S, self._claim_after_s)
        idle_ms = int(self._claim_after_s * 1000)
        start: bytes | str = "0-0"
        while True:
            # fmt: off
            start, found, *_ = await self._ask(
                connection, "XAUTOCLAIM", INBOX, GROUP, self._name, idle_ms, start,
                "COUNT", COUNT,
            )
            # fmt: on
            await self._take(_entries(found))
            if start == b"0-0":
                break
        await self._forget_the_gone(connection)

    async def _forget_the_gone(self, connection: AbstractConnection) -> None:
        """Names of processes that ended, and left nothing, are of no use."""
        for flat in await self._ask(connection, "XINFO", "CONSUMERS", INBOX, GROUP):
            fact = dict(zip(flat[::2], flat[1::2], strict=True))
            idle_s = fact[b"idle"] / 1000
            if fact[b"pending"] == 0 and idle_s > max(
                self._claim_after_s, 10 * BLOCK_S
            ):
                await self._ask(
                    connection, "XGROUP", "DELCONSUMER", INBOX, GROUP, fact[b"name"]
                )

    async def _take(self, entries: list[Entry]) -> None:
        """Publish entries, one after the other. Raises Unavailable: the rest waits."""
        for ident, fields in entries:
            # Without fields, somebody has deleted it since.
            reason = await self._try(ident, fields) if fields else None
            if reason is not None:
                await self._refuse(ident, fields, reason)
            await self._acknowledge(ident)
            outcome = "published" if reason is None else "refused"
            self._metrics.taken_in[outcome].add()

    async def _acknowledge(self, ident: bytes) -> None:
        done = ("XACK", INBOX, GROUP, ident), ("XDEL", INBOX, ident)
        await at(self._shards, INBOX, lambda talk: talk.all(*done))

    async def _refuse(
        self, ident: bytes, fields: dict[bytes, bytes], reason: str
    ) -> None:
        # fmt: off
        entry: Command = (
            "XADD", REFUSED, "MAXLEN", "~", KEPT_REFUSED, "*",
            "id", ident, "feed", fields.get(b"feed", b""),
            "post", fields.get(b"post", b"")[:self._max_bytes],
            "reason", reason,
        )
        # fmt: on
        await at(self._shards, REFUSED, lambda talk: talk.one(*entry))

    async def _try(self, ident: bytes, fields: dict[bytes, bytes]) -> str | None:
        """Publish one entry; why not, if it is refused."""
        missing = [
            name for name in ("token", "feed", "post") if name.encode() not in fields
        ]
        if missing:
            return (
                f"the field {missing[0]!r} is missing; token, feed and post are needed"
            )
        post = fields[b"post"]
        if len(post) > self._max_bytes:
            return (
                f"the post has {len(post)} bytes; at most {self._max_bytes} are taken"
            )
        try:
            token, feed = fields[b"token"].decode(), fields[b"feed"].decode()
            await self._publish(token, feed, post, ident.decode())
        except Unavailable:
            raise
        except UnicodeDecodeError:
            return "the token or the feed is not UTF-8"
        except NewsError as refused:
            return str(refused)
        except Exception:
            log.exception("an entry of the inbox could not be published")
            return "the server failed on it; its log says more"
        return None

    async def _ask(
        self,
        connection: AbstractConnection,
        *command: bytes | str | int,
        timeout_s: float = 0,
    ) -> Any:
        async with asyncio.timeout(timeout_s or self._shards.timeout_s):
            await connection.send_command(*command, check_health=False)
            return await connection.read_response(disable_decoding=True)


def _entries(found: list[Any]) -> list[Entry]:
    entries: list[Entry] = []
    for ident, flat in found:
        flat = flat or []  # None where the entry was deleted while it was pending
        entries.append((ident, dict(zip(flat[::2], flat[1::2], strict=True))))
    return entries

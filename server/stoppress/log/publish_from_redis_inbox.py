"""The inbox: any Redis client can publish, with XADD to `stoppress:inbox`.

Fields: `key`, `at`, `feed`, `post` (JSON), `mac`
(`domain/signed_redis_inbox_entry.py`). Rules:
- An entry is published by the same code as a call of the API, with its id as
  Idempotency-Key: an entry that is read twice is published once.
- A copy of an entry, added again, is refused: each signature counts once. Signatures
  are remembered for REMEMBER_S; an entry that waited longer is refused, as it may be a
  copy.
- An entry is acknowledged, and deleted, after its write is stored: a text should not be
  kept longer than it is needed. A refused entry is moved, with the reason and without
  the signature, to `stoppress:inbox:refused`, which keeps the newest KEPT_REFUSED.
- While the store is away, entries stay pending, in order, and are tried again. Entries
  that a dead consumer left pending are claimed after CLAIM_AFTER_S.
- Several processes share the inbox; order is kept among the entries of one process.
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

from stoppress.desk.caller import Caller
from stoppress.domain.errors import Damaged, StopPressError, Unavailable
from stoppress.domain.signed_redis_inbox_entry import InboxEntry, read_inbox_entry
from stoppress.log.epoch_rule_and_script_arguments import now_ms
from stoppress.log.log_metrics import InboxMetrics
from stoppress.log.pool import overwrite_buffer
from stoppress.log.redis_commands_scripts_and_durability import Command, new_epoch
from stoppress.log.redis_errors import unavailable
from stoppress.log.redis_keys import INBOX, REFUSED, taken_key
from stoppress.log.shard_pools import Shards, at

Check = Callable[[InboxEntry], Awaitable[Caller]]
"""Returns the caller that signed an entry and may publish it. Raises StopPressError."""
Publish = Callable[[Caller, InboxEntry], Awaitable[object]]
"""Publishes an entry, with its id as Idempotency-Key. Raises StopPressError."""

GROUP = "stoppress"
COUNT = 32
"""Entries read at once."""
BLOCK_S = 2.0
"""How long one read waits for an entry."""
CLAIM_AFTER_S = 60.0
CLAIM_EVERY_S = 30.0
KEPT_REFUSED = 1000
REMEMBER_S = 24 * 3600
"""How long a signature is remembered, and how long an entry may wait."""
INBOX_BACKOFF_S = (0.1, 5.0)

log = logging.getLogger(__name__)

Entry = tuple[bytes, dict[bytes, bytes]]


class Inbox:
    """Publishes the posts in the inbox, while `run` runs."""

    def __init__(
        self,
        shards: Shards,
        check: Check,
        publish: Publish,
        metrics: InboxMetrics | None = None,
        *,
        max_bytes: int = 64 << 10,
        claim_after_s: float = CLAIM_AFTER_S,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._shards = shards
        self._check = check
        self._publish = publish
        self._metrics = metrics or InboxMetrics()
        self._max_bytes = max_bytes
        self._claim_after_s = claim_after_s
        self._clock = clock
        self._name = f"{socket.gethostname()}-{os.getpid()}-{new_epoch()}"
        self._next_claim = 0.0
        self._is_stale = False

    def overwrite_buffer(self) -> None:
        """Overwrite soon what the connection's buffers hold of earlier entries."""
        self._is_stale = True

    async def run(self) -> None:
        """Publish entries, until cancelled."""
        pause_s = INBOX_BACKOFF_S[0]
        while True:
            connection: AbstractConnection | None = None
            try:
                # A blocking read on a connection of the pool would keep it from other
                # calls.
                connection = await self._shards.of(INBOX).connect()
                with unavailable():
                    await self._make_group(connection)
                    await self._take_left(connection)
                    while True:
                        if self._is_stale:
                            self._is_stale = False
                            async with asyncio.timeout(self._shards.timeout_s):
                                await overwrite_buffer(connection)
                        await self._claim(connection)
                        await self._take(await self._read(connection, ">"))
                        pause_s = INBOX_BACKOFF_S[0]
            except (Unavailable, ResponseError) as wrong:
                log.warning("the inbox waits: %s", wrong)
            finally:
                if connection is not None:
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 (spreads load, no secret)
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
        """Take entries that were read but not finished: first, to keep the order."""
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
        """Claim the entries that dead consumers left pending."""
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
        """Delete the names of ended processes that have no pending entry."""
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
        """Publish entries, one by one. Raises Unavailable: the rest stays pending."""
        for ident, fields in entries:
            # An entry without fields was deleted after it was read.
            reason = await self._try(ident, fields) if fields else None
            if reason is not None:
                await self._refuse(ident, fields, reason)
            await self._acknowledge(ident)
            outcome = "published" if reason is None else "refused"
            self._metrics.taken_in[outcome].add()

    async def _acknowledge(self, ident: bytes) -> None:
        done = ("XACK", INBOX, GROUP, ident), ("XDEL", INBOX, ident)
        await at(self._shards, INBOX, lambda redis: redis.all(*done))

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
        await at(self._shards, REFUSED, lambda redis: redis.one(*entry))

    async def _try(self, ident: bytes, fields: dict[bytes, bytes]) -> str | None:
        """Publish one entry; returns the reason if it is refused."""
        try:
            entry = read_inbox_entry(ident.decode(), fields)
            if len(entry.post) > self._max_bytes:
                return (
                    f"the post has {len(entry.post)} bytes: use at most "
                    f"{self._max_bytes}"
                )
            caller = await self._check(entry)
            if (reason := await self._why_old(entry)) is not None:
                return reason
            await self._publish(caller, entry)
        except Damaged as wrong:
            # Waiting would delay the entries of all other feeds.
            log.error("an entry of the inbox is refused: %s: %s", wrong, wrong.reason)
            return str(wrong)
        except Unavailable:
            raise
        except UnicodeDecodeError:
            return "a field is not UTF-8"
        except StopPressError as refused:
            if b"token" in fields:
                log.warning("an entry of the inbox is refused: %s", refused)
            return str(refused)
        except Exception:
            log.exception("an entry of the inbox could not be published")
            return "the server failed to publish it: see its log"
        return None

    async def _why_old(self, entry: InboxEntry) -> str | None:
        """Why an entry may be a copy of an earlier one; None if it is not."""
        if self._clock() - entry.taken_ms > REMEMBER_S * 1000:
            return f"the entry has waited for more than {REMEMBER_S // 3600} hours"
        key = taken_key(entry.mac)
        command = ("SET", key, entry.id, "NX", "GET", "EX", REMEMBER_S)
        first = await at(self._shards, key, lambda redis: redis.one(*command))
        if first is None or first == entry.id.encode():
            return None
        return f"it is a copy of the entry {first.decode()}: sign each entry anew"

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
        flat = flat or []  # None: the entry was deleted while it was pending
        entries.append((ident, dict(zip(flat[::2], flat[1::2], strict=True))))
    return entries

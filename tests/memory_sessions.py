"""The store of sessions in memory, for tests in which Redis is not the point."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from stoppress.domain.errors import Unavailable


class MemorySessionStore:
    """Implements identity's SessionStore; `away` as with a Redis that is gone."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.away = False
        self.kept: dict[str, tuple[float, bytes]] = {}
        """Name: when it ends, and the record."""
        self.listed: dict[str, dict[str, float]] = {}
        """By owner: name, and when it was listed."""
        self.once: dict[str, float] = {}
        self.secret = b""

    async def put_session(
        self, owner: str, name: str, record: bytes, ttl_s: int, ends_s: int
    ) -> None:
        self._called()
        self.listed.setdefault(owner, {})[name] = self._clock()
        self.kept[name] = (self._clock() + ttl_s, record)

    async def touch_session(self, name: str, record: bytes, ttl_s: int) -> bool:
        self._called()
        if self._record(name) is None:
            return False
        self.kept[name] = (self._clock() + ttl_s, record)
        return True

    async def sessions(self, names: Sequence[str]) -> list[bytes | None]:
        self._called()
        return [self._record(name) for name in names]

    async def session_names(
        self, owner: str, before_ms: int | None = None
    ) -> list[str]:
        self._called()
        listed = self.listed.get(owner, {}).items()
        return [
            name for name, at in listed if before_ms is None or at * 1000 < before_ms
        ]

    async def drop_sessions(self, owner: str, names: Sequence[str]) -> int:
        self._called()
        dropped = [self._record(name) for name in names]
        for name in names:
            self.kept.pop(name, None)
            self.listed.get(owner, {}).pop(name, None)
        return len([one for one in dropped if one is not None])

    async def put_once(self, name: str, ttl_s: int) -> None:
        self._called()
        self.once[name] = self._clock() + ttl_s

    async def take_once(self, name: str) -> bool:
        self._called()
        return self.once.pop(name, 0) > self._clock()

    async def claim_once(self, name: str, ttl_s: int) -> bool:
        self._called()
        if self.once.get(name, 0) > self._clock():
            return False
        self.once[name] = self._clock() + ttl_s
        return True

    async def text_secret(self, new: bytes) -> bytes:
        self._called()
        self.secret = self.secret or new
        return self.secret

    def _record(self, name: str) -> bytes | None:
        ends, record = self.kept.get(name, (0, b""))
        return record if ends > self._clock() else None

    def _called(self) -> None:
        if self.away:
            raise Unavailable("the store is away")

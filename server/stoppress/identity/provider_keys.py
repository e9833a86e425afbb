"""The keys of one issuer, kept up to date in the background.

Rules:
- One task, `run`, reads the document: at the start (repeatedly, until it succeeds),
  every REFRESH_S, and for an unknown key id.
- For unknown key ids it is read at most once per MIN_REFETCH_S, however many requests
  need it; at most MAX_KEY_WAITERS requests wait for that.
- If the provider is away, the known keys stay valid.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stoppress.identity.jwt_errors import KeysMissing, RefusedJwt
from stoppress.identity.jwt_keys import KeySet, VerificationKey, read_jwks
from stoppress.identity.provider_http import MAX_ANSWER_BYTES, ProviderAway
from stoppress.identity.strict_json import read_object

REFRESH_S = 600.0
"""Seconds between two reads: a withdrawn key may count for that long."""
MIN_REFETCH_S = 30.0
"""Seconds between two reads for unknown key ids."""
KEY_WAIT_S = 6.0
"""How long a request waits for a read."""
MAX_KEY_WAITERS = 64

log = logging.getLogger(__name__)


class ProviderKeys:
    """The keys of one issuer; `read` gets the document."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[dict[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
        min_refetch_s: float = MIN_REFETCH_S,
    ) -> None:
        self._name = name
        self._read = read
        self._clock = clock
        self._min_refetch_s = min_refetch_s
        self._keys: KeySet | None = None
        self.version = 0
        """Counts the changes of the keys."""
        self._asked = asyncio.Event()
        self._is_read = asyncio.Event()
        self._is_reading = True
        self._not_before = 0.0
        self._waiting = 0
        self._trouble = ""

    async def run(self) -> None:
        """Keep the keys up to date, until cancelled."""
        failures = 0
        while True:
            self._asked.clear()
            self._is_reading = True
            failures = 0 if await self._try() else failures + 1
            self._is_reading = False
            self._not_before = self._clock() + self._min_refetch_s
            self._is_read.set()
            self._is_read = asyncio.Event()
            if not failures:
                wait_s = REFRESH_S
            else:
                # Full jitter: many processes ask the same provider.
                wait_s = random.uniform(0.2, min(2.0**failures, MIN_REFETCH_S))  # noqa: S311 (spreads load, no secret)
            try:
                async with asyncio.timeout(wait_s):
                    await self._asked.wait()
            except TimeoutError:
                pass

    async def key(self, kid: str | None, algorithm: str) -> VerificationKey:
        """The key for a JWT's header. Raises RefusedJwt, KeysMissing."""
        found = self._find(kid, algorithm)
        if found is None and await self._newer():
            found = self._find(kid, algorithm)
        if found is not None:
            return found
        if self._keys is None:
            raise KeysMissing
        raise RefusedJwt("unknown key", repr(kid)[:100])

    def has(self, thumbprint: str) -> bool:
        """Whether the key with this digest is known now."""
        return self._keys is not None and any(
            key.thumbprint == thumbprint for key in self._keys.keys
        )

    def _find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        return None if self._keys is None else self._keys.find(kid, algorithm)

    async def _newer(self) -> bool:
        """Wait for a read that may find more; False if there is none to wait for."""
        if not self._is_reading:
            if self._clock() < self._not_before:
                return False
            self._asked.set()
        if self._waiting >= MAX_KEY_WAITERS:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(KEY_WAIT_S):
                await self._is_read.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def _try(self) -> bool:
        try:
            keys = read_jwks(await self._read())
        except (ProviderAway, OSError, ValueError) as error:
            if str(error) != self._trouble:
                kept = "the known keys stay valid" if self._keys else "no JWT is valid"
                log.warning(
                    "the keys of %s are unreadable: %s; %s", self._name, error, kept
                )
            self._trouble = str(error)
            return False
        self._trouble = ""
        if _names(keys) != _names(self._keys):
            log.info(
                "the keys of %s have changed: there are %d", self._name, len(keys.keys)
            )
            self.version += 1
        self._keys = keys
        return True


class FixedKeys:
    """The one secret shared with the signer; it never changes."""

    version = 0

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def key(self, kid: str | None, algorithm: str) -> VerificationKey:
        """The key; `kid` is ignored. Raises RefusedJwt."""
        found = self._keys.find(None, algorithm)
        assert found is not None  # noqa: S101 (for the type checker)
        return found

    def has(self, thumbprint: str) -> bool:
        """Always: the key can't be withdrawn while the server runs."""
        return True


async def read_file(path: Path) -> dict[str, Any]:
    """The document in a file. Raises OSError, ValueError."""

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(MAX_ANSWER_BYTES)

    return read_object(await asyncio.to_thread(read))


def _names(keys: KeySet | None) -> list[tuple[str | None, tuple[str, ...], str]]:
    if keys is None:
        return []
    return [(key.kid, key.algorithms, key.thumbprint) for key in keys.keys]

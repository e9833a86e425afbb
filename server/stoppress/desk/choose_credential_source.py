"""Finds the caller of a secret, for all kinds of credentials.

Rules:
- Each kind of credential has one source. The first source that recognises a secret
  by its form decides on it; the others do not see it.
- A secret that no source recognises is unknown, without a look-up.
- `current` asks each source once for all callers together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from stoppress.desk.caller import Caller, CallerKind

MAX_CREDENTIAL = 16 << 10
"""Limit of a secret, in characters; ours have 35, a JWT hundreds, and one of more than
8 KiB is refused with a reason of its own."""


class CallerSource(Protocol):
    """Checks one kind of credential."""

    @property
    def kind(self) -> CallerKind:
        """The kind of its callers."""

    def recognises(self, secret: str) -> bool:
        """Whether the secret has the form of this kind. Reads nothing."""

    def at_hand(self, secret: str) -> Caller:
        """The caller, if it is known without an await. Raises LookupError."""

    async def check(self, secret: str) -> Caller | None:
        """The caller, or None: unknown, revoked or expired. Raises Unavailable."""

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """The current state of these callers of this kind, read past every cache.

        None: revoked or expired. At most one call of the store. Raises Unavailable.
        """


class Callers:
    """Finds callers by their secrets, through the sources in their order."""

    def __init__(self, *sources: CallerSource) -> None:
        self._sources = sources

    def at_hand(self, secret: str) -> Caller:
        """The caller, if it is known without an await. Raises LookupError."""
        source = self._source(secret)
        if source is None:
            raise LookupError("the credential is unknown")
        return source.at_hand(secret)

    async def check(self, secret: str | None) -> Caller | None:
        """The caller with this secret, or None. Raises Unavailable."""
        source = self._source(secret) if secret else None
        if source is None or not secret:
            return None
        return await source.check(secret)

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """The current state of these callers; None: revoked or expired.

        Raises Unavailable.
        """
        by_kind: dict[CallerKind, list[int]] = {}
        for index, caller in enumerate(callers):
            by_kind.setdefault(caller.kind, []).append(index)
        found: list[Caller | None] = [None] * len(callers)
        asked = [source for source in self._sources if source.kind in by_kind]
        answers = await asyncio.gather(
            *(
                source.current([callers[index] for index in by_kind[source.kind]])
                for source in asked
            )
        )
        for source, answer in zip(asked, answers, strict=True):
            for index, now in zip(by_kind[source.kind], answer, strict=True):
                found[index] = now
        return found

    def _source(self, secret: str) -> CallerSource | None:
        if len(secret) > MAX_CREDENTIAL:
            return None
        for source in self._sources:
            if source.recognises(secret):
                return source
        return None

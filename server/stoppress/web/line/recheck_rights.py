"""The rights of open live lines, kept up to date with their credentials.

Rules:
- One object per caller, shared by all its lines; it lives as long as one of them.
- One task reads all credentials again every RECHECK_S, in one call of the store.
  Follows that a revoked, expired or reduced credential no longer allows end within
  RECHECK_S, a round trip and a sweep, in every process.
- While the store is away, lines stay, except those whose credential has expired.
- A reader whose ticket ends within EXPIRING_MS is told once, and may renew it.
- No reader has a timer or an entry of its own; follows are visited only when a
  credential changed, and only those of private feeds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from stoppress.desk.caller import Caller
from stoppress.desk.choose_credential_source import Callers
from stoppress.domain.desk_log_name import feed_behind, is_desk_log
from stoppress.domain.errors import Unavailable
from stoppress.hub.feed_status_and_access import ANYONE, ReadRights
from stoppress.hub.hub import Hub

RECHECK_S = 2.0
RECHECK_TIMEOUT_S = 2.0
EXPIRING_MS = 30_000
"""How long before a ticket's end its readers are asked for another."""

log = logging.getLogger(__name__)


class CallerRights:
    """The rights of one credential on the live line, as they are now."""

    __slots__ = ("__weakref__", "_is_over", "caller", "is_told")

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.is_told = False
        """Whether its readers were told that it ends soon."""
        self._is_over = False

    def may_read(self, feed: str) -> bool:
        """Whether the caller may read this feed if it is private, or desk log."""
        if is_desk_log(feed):
            may = self.caller.may("draft", feed_behind(feed))
            return may and not self._is_over
        return not self._is_over and self.caller.may("read", feed)

    def may_know(self, feed: str) -> bool:
        """Whether the caller may do anything with this feed."""
        # Every scope includes `read` today; one that does not belongs here.
        return self.may_read(feed_behind(feed))

    def is_over(self, feed: str) -> bool:
        """Whether the credential was revoked or has expired."""
        return self._is_over

    def update(self, caller: Caller | None) -> bool:
        """Set the current credential; returns whether that is a change."""
        was = self.caller
        is_changed = (caller is None) != self._is_over or (
            caller is not None
            and (caller.scopes, caller.feeds) != (was.scopes, was.feeds)
        )
        self._is_over = caller is None
        if caller is not None:
            self.caller = caller
        return is_changed


class RenewedRights:
    """The rights of a line with tickets of its own for some feeds."""

    __slots__ = ("base", "by_feed")

    def __init__(self, base: ReadRights, by_feed: dict[str, CallerRights]) -> None:
        self.base = base
        self.by_feed = by_feed

    def may_read(self, feed: str) -> bool:
        """Whether this feed's ticket, or else the first credential, reads it."""
        return self._of(feed).may_read(feed)

    def may_know(self, feed: str) -> bool:
        """Whether the caller may do anything with this feed."""
        return self._of(feed).may_know(feed)

    def is_over(self, feed: str) -> bool:
        """Whether the credential for this feed was revoked or has expired."""
        return self._of(feed).is_over(feed)

    def _of(self, feed: str) -> ReadRights:
        return self.by_feed.get(feed, self.base)


class LineRights:
    """The rights of all open lines of one process."""

    def __init__(
        self,
        callers: Callers,
        hub: Hub,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._callers = callers
        self._hub = hub
        self._clock = clock
        self._rights: WeakValueDictionary[Caller, CallerRights] = WeakValueDictionary()

    def of(self, caller: Caller | None) -> ReadRights:
        """The rights of a line with this caller's credential."""
        return ANYONE if caller is None else self._shared(caller)

    def _shared(self, caller: Caller) -> CallerRights:
        rights = self._rights.get(caller)
        if rights is None or rights.is_over(""):
            rights = self._rights[caller] = CallerRights(caller)
        return rights

    def renewed(self, rights: ReadRights, feed: str, ticket: str) -> ReadRights | None:
        """The rights of a line that sent another ticket; None if it is not valid."""
        try:
            caller = self._callers.at_hand(ticket)
        except LookupError:
            return None
        if caller.kind != "ticket" or not caller.may("read", feed):
            return None
        mine = self._shared(caller)
        if rights is ANYONE or _is_ticket_of(rights, feed):
            return mine
        if isinstance(rights, RenewedRights):
            return RenewedRights(rights.base, rights.by_feed | {feed: mine})
        return RenewedRights(rights, {feed: mine})

    async def run(self) -> None:
        """Keep the rights current, until cancelled."""
        while True:
            await asyncio.sleep(RECHECK_S)
            await self.recheck()

    async def recheck(self) -> None:
        """Read all credentials again, and end the follows they no longer allow."""
        held = list(self._rights.values())
        if not held:
            return
        callers = [rights.caller for rights in held]
        now_ms = self._clock()
        found: list[Caller | None]
        try:
            async with asyncio.timeout(RECHECK_TIMEOUT_S):
                found = await self._callers.current(callers)
        except (Unavailable, TimeoutError) as problem:
            log.info("open lines keep their rights: %s", problem or "timeout")
            found = [
                None if rights.is_over("") or caller.has_expired(now_ms) else caller
                for rights, caller in zip(held, callers, strict=True)
            ]
        changed = False
        for rights, caller in zip(held, found, strict=True):
            changed = rights.update(caller) or changed
        if changed:
            self._hub.rights_changed()
        self._tell_expiring(held, now_ms)

    def _tell_expiring(self, held: list[CallerRights], now_ms: int) -> None:
        for rights in held:
            caller = rights.caller
            if caller.kind != "ticket" or rights.is_told or rights.is_over(""):
                continue
            left_ms = (caller.expires_at or 0) - now_ms
            if left_ms > EXPIRING_MS or not caller.feeds:
                continue
            rights.is_told = True
            self._hub.tell_expiring(
                caller.feeds[0], rights, max(1, round(left_ms / 1000))
            )


def _is_ticket_of(rights: ReadRights, feed: str) -> bool:
    return (
        isinstance(rights, CallerRights)
        and rights.caller.kind == "ticket"
        and rights.caller.feeds == (feed,)
    )

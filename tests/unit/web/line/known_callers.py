"""Callers and tickets that the live line of a test knows without a store."""

from __future__ import annotations

from stoppress.desk.caller import Caller

CALLERS = {
    "sp_all": Caller(id="t1", name="all", kind="token", scopes=("read",)),
    "sp_other": Caller(
        id="t2", name="other", kind="token", scopes=("read",), feeds=("other",)
    ),
    "st_secret": Caller(
        id="t3", name="reader", kind="ticket", scopes=("read",), feeds=("secret",)
    ),
}

SESSION = Caller(id="t1", name="all", kind="session", scopes=("read",))


class FewCallers:
    """Callers known by heart; a session is looked up each time."""

    async def check(self, secret: str | None) -> Caller | None:
        """The caller of this secret, or None."""
        return SESSION if secret == "sps_all" else CALLERS.get(secret or "")

    def at_hand(self, secret: str) -> Caller:
        """The caller of this secret; LookupError if it would have to be looked up."""
        return CALLERS[secret]


class NoTickets:
    """All secrets count, however they came."""

    def counts_in_query(self, secret: str) -> bool:
        """Whether the secret may come in an address."""
        return True

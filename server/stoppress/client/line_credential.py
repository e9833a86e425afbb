"""The credential of a reader's line: a token, or tickets from a source.

Rules:
- The source is called when a ticket is needed: first, before the last ticket's end (the
  server says when), and after a refusal. A second refusal without a success in between
  ends the line: the source gives invalid tickets.
- A failure of the source counts as a broken line: it is called again after the usual
  wait.
- A token or ticket that no header can carry is InvalidArgument, not a broken line.
- The source has TICKET_TIMEOUT_S to answer. An empty ticket means that this reader gets
  none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stoppress.client.check_arguments import clean_secret

TICKET_TIMEOUT_S = 10.0

TicketSource = Callable[[], Awaitable[str]]
"""Returns a ticket; "" if this reader gets none. Raises OSError to retry."""


class TicketsUnavailable(OSError):
    """The source did not answer, or failed."""


class LineCredential:
    """The credential of one reader's lines."""

    def __init__(self, token: str | None, tickets: TicketSource | None = None) -> None:
        self._secret = clean_secret(token, "token")
        self._tickets = tickets
        self._has_asked_again = False

    async def headers(self) -> dict[str, str]:
        """The header of a request. Raises TicketsUnavailable, InvalidArgument."""
        if self._tickets is not None and not self._secret:
            await self.renew()
        return {"authorization": f"Bearer {self._secret}"} if self._secret else {}

    async def renew(self) -> str:
        """Another ticket; "" without a source, or if it returns none.

        Raises TicketsUnavailable, InvalidArgument.
        """
        if self._tickets is None:
            return ""
        try:
            async with asyncio.timeout(TICKET_TIMEOUT_S):
                ticket = await self._tickets()
        except Exception as wrong:
            raise TicketsUnavailable("no ticket can be had now") from wrong
        self._secret = clean_secret(ticket, "ticket")
        return self._secret

    def accepted(self) -> None:
        """Note a success: the next refusal may be due to the ticket's age."""
        self._has_asked_again = False

    def may_ask_again(self) -> bool:
        """Whether another ticket may help after a refusal; once per success."""
        if self._tickets is None or self._has_asked_again:
            return False
        self._has_asked_again = True
        self._secret = ""
        return True

"""A repeatable event that tasks wait for; each wait ends with the next ring."""

from __future__ import annotations

import asyncio


class Bell:
    """Wakes all waiting tasks at each ring. Waiting needs a running loop."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits."""
        return self._next is not None

    async def wait(self) -> None:
        """Wait until it rings."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        # A cancelled task must not cancel the future that others wait for.
        await asyncio.shield(self._next)

    def ring(self) -> None:
        """Wake every task that waits now."""
        awaited, self._next = self._next, None
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

"""Something that happens now and then, and who waits for the next time."""

from __future__ import annotations

import asyncio


class Bell:
    """Rings for all who wait, each time anew. Waiting needs a running loop."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits."""
        return self._next is not None

    async def wait(self) -> None:
        """Wait until it rings."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        # Who leaves takes the bell away from nobody.
        await asyncio.shield(self._next)

    def ring(self) -> None:
        """Let all who wait go on."""
        awaited, self._next = self._next, None
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

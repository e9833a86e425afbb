"""Looks up names for link cards as the system does.

Rule: look-ups have a few threads of their own, so that a slow one delays only link
cards.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

LOOK_UP_THREADS = 4


class SystemResolver:
    """Looks up names as the system does."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            LOOK_UP_THREADS, thread_name_prefix="link-card-look-up"
        )

    async def __call__(self, host: str) -> Sequence[str]:
        """The addresses of a host, each once."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """End without waiting for look-ups."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]

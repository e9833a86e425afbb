"""Purges withdrawn posts from caches in front of the site, at `--purge-url`.

After a withdrawal or a takedown each address gets one POST of `{"urls": […]}`: the
post's page, its feed's page and the documents made of the feed; after a
takedown also the addresses of its pictures. Rules:
- A call may take PURGE_TIMEOUT_S and is tried PURGE_ATTEMPTS times; failures are
  counted.
- At most MAX_PENDING_PURGES calls wait, each for a few seconds at most.
- Redirects are not followed, and proxies of the environment are not used.
- Of an answer only the status is read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stoppress.desk.takedown import PurgeResult
from stoppress.metric_instruments import NO_METER, Meter

if TYPE_CHECKING:
    import httpx

PURGE_TIMEOUT_S = 2.0
PURGE_ATTEMPTS = 3
PURGE_PAUSE_S = 0.2
"""Pause before the second attempt; twice that before the third."""
MAX_PENDING_PURGES = 256
"""Withdrawals whose calls are not finished; further ones are dropped and counted."""

log = logging.getLogger(__name__)


class PurgeMetrics:
    """The metrics of purge calls."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.calls = meter.counters(
            "stoppress_purges",
            "Calls of purge addresses, by outcome.",
            "outcome",
        )


class CachePurge:
    """Calls the purge addresses of one site."""

    def __init__(
        self, addresses: list[str], base: str, metrics: PurgeMetrics | None = None
    ) -> None:
        if addresses:
            import httpx  # noqa: F401 (now; without purge addresses not at all: 0.1 s)
        self._addresses = addresses
        self._base = base
        self._metrics = metrics or PurgeMetrics()
        self._waiting: set[asyncio.Task[tuple[PurgeResult, ...]]] = set()

    def begin(self, feed: str, post: str) -> None:
        """Call all addresses, without waiting."""
        if not self._addresses:
            return
        if len(self._waiting) >= MAX_PENDING_PURGES:
            self._metrics.calls["dropped"].add()
            return
        task = asyncio.create_task(self.purge(feed, post))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def stop(self) -> None:
        """Cancel the calls that are not finished."""
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def purge(
        self, feed: str, post: str, addresses: Sequence[str] = ()
    ) -> tuple[PurgeResult, ...]:
        """Call all addresses; returns the result of each."""
        if not self._addresses:
            return ()
        import httpx

        urls = purged_urls(self._base, feed, post)
        urls += [f"{self._base}{path}" for path in addresses]
        async with httpx.AsyncClient(
            timeout=PURGE_TIMEOUT_S, trust_env=False, follow_redirects=False
        ) as client:
            calls = (self._call(client, one, urls) for one in self._addresses)
            return tuple(await asyncio.gather(*calls))

    async def _call(
        self, client: httpx.AsyncClient, address: str, urls: list[str]
    ) -> PurgeResult:
        import httpx

        status: int | None = None
        for attempt in range(PURGE_ATTEMPTS):
            if attempt:
                await asyncio.sleep(PURGE_PAUSE_S * attempt)
            try:
                async with (
                    asyncio.timeout(PURGE_TIMEOUT_S),
                    client.stream("POST", address, json={"urls": urls}) as answer,
                ):
                    status = answer.status_code
            except (TimeoutError, httpx.HTTPError) as wrong:
                log.warning("a purge address does not answer: %r", wrong)
                continue
            if status < 500:
                break
        done = status is not None and status < 400
        self._metrics.calls["done" if done else "failed"].add()
        return PurgeResult(address, time.time_ns() // 1_000_000, status)


def purged_urls(base: str, feed: str, post: str) -> list[str]:
    """The addresses that showed the post."""
    page, api = f"{base}/live/{feed}", f"{base}/v1/feeds/{feed}"
    return [
        f"{page}/{post}",
        page,
        f"{page}/atom.xml",
        f"{page}/feed.json",
        f"{base}/embed/{feed}",
        api,
        f"{api}/posts",
        f"{api}/posts/{post}",
        f"{base}/",
    ]

"""What a server shows, for comparison: snapshots, and every page.

A 503 means "not now": the comparison repeats the request, as a reader would. It is
counted against nobody, so a step that must end in time has a clock of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import httpx

from stoppress.domain.fold import Json

PATIENCE_S = 60.0
"""How long a 503 is repeated before it counts as a fault."""
AGAIN_S = 0.1


async def shown(
    client: httpx.AsyncClient, path: str, patience_s: float = PATIENCE_S
) -> Json:
    """The JSON at `path`. Raises httpx.HTTPError for a refusal, or no end of 503."""
    end = asyncio.get_running_loop().time() + patience_s
    while True:
        answer = await client.get(path)
        if answer.status_code != 503 or asyncio.get_running_loop().time() > end:
            return cast(Json, answer.raise_for_status().json())
        await asyncio.sleep(AGAIN_S)


async def everything(
    client: httpx.AsyncClient, feed: str
) -> tuple[Json, Sequence[Json]]:
    """The snapshot of a feed, and all its posts by way of the pages."""
    snapshot = await shown(client, f"/v1/feeds/{feed}")
    posts = list(cast("list[Json]", snapshot["posts"]))
    path = snapshot["next"]
    while path is not None:
        page = await shown(client, str(path))
        posts += cast("list[Json]", page["posts"])
        path = page["next"]
    return snapshot, posts

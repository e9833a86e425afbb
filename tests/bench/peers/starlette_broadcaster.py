"""Starlette with broadcaster over Redis, as broadcaster's README does it.

`REDIS` in the environment is the address of the Redis.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broadcaster import Broadcast
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

broadcast = Broadcast(os.environ["REDIS"])


async def follow(websocket: WebSocket) -> None:
    """Carry every message to one reader."""
    await websocket.accept()
    async with broadcast.subscribe(channel="feed") as subscriber:
        async for message in subscriber:
            await websocket.send_text(message.message)


async def publish(request: Request) -> Response:
    """Hand what came to Redis."""
    await broadcast.publish(channel="feed", message=(await request.body()).decode())
    return Response("ok")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Hold the line to Redis."""
    await broadcast.connect()
    yield
    await broadcast.disconnect()


app = Starlette(
    routes=[
        WebSocketRoute("/follow", follow),
        Route("/publish", publish, methods=["POST"]),
    ],
    lifespan=lifespan,
)

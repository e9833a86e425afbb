"""Starlette and broadcaster, over Redis, as broadcaster's README has it.

The Redis is its own, and ends with it. BROADCAST_PORT is where it listens.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from broadcaster import Broadcast
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

PORT = int(os.environ["BROADCAST_PORT"])
broadcast = Broadcast(f"redis://127.0.0.1:{PORT}")


async def follow(websocket: WebSocket) -> None:
    """Take a reader; it is in once it has heard so."""
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async with broadcast.subscribe("news") as subscriber:
            await websocket.send_text("hello")
            async for event in subscriber:
                await websocket.send_text(event.message)


async def publish(request: Request) -> Response:
    """Send what came to every reader, by way of Redis."""
    await broadcast.publish("news", (await request.body()).decode())
    return Response("ok")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Connected from before the first reader to after the last."""
    options = ["--save", "", "--bind", "127.0.0.1", "--port", str(PORT)]
    redis = subprocess.Popen(  # noqa: ASYNC220  # nobody is here yet
        ["redis-server", *options], stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
                break
            time.sleep(0.01)  # noqa: ASYNC251
        async with broadcast:
            yield
    finally:
        redis.terminate()
        redis.wait()


app = Starlette(
    routes=[
        WebSocketRoute("/follow", follow),
        Route("/publish", publish, methods=["POST"]),
    ],
    lifespan=lifespan,
)

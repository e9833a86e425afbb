"""Starlette as its documentation broadcasts: one `send_text` a reader."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

readers: set[WebSocket] = set()


async def follow(websocket: WebSocket) -> None:
    """Take a reader, until it goes."""
    await websocket.accept()
    readers.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        readers.discard(websocket)


async def publish(request: Request) -> Response:
    """Send what came to every reader."""
    text = (await request.body()).decode()
    for reader in list(readers):
        await reader.send_text(text)
    return Response("ok")


app = Starlette(
    routes=[
        WebSocketRoute("/follow", follow),
        Route("/publish", publish, methods=["POST"]),
    ]
)

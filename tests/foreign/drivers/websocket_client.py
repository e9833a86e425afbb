"""websocket-client."""

from __future__ import annotations

from contextlib import closing

import websocket

from tests.foreign.drivers.console import FollowedFeed, following, run
from tests.foreign.drivers.standard_library import ask


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    with closing(websocket.create_connection(followed.live, timeout=60)) as socket:
        while text := socket.recv():
            followed.heard(str(text))


run(ask, following(once, websocket.WebSocketException))

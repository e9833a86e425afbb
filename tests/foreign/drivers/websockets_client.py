"""websockets, its threaded client."""

from __future__ import annotations

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.foreign.drivers.console import FollowedFeed, following, run
from tests.foreign.drivers.standard_library import ask


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    with connect(followed.live) as socket:
        for text in socket:
            followed.heard(str(text))


run(ask, following(once, WebSocketException))

"""`--uds`: the same server on a Unix socket, beside its port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import unix_connect

from tests.conftest import Server


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_unix_socket_serves_everything(
    serving: Callable[..., Any], tmp_path: Path, workers: str
) -> None:
    """Pages, writes, streams and sockets; the server's end removes its file."""
    path = tmp_path / "hub"
    server: Server
    with serving(tmp_path / "data", "--uds", str(path), "--workers", workers) as server:
        feed = server.new_feed()
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://hub"
        ) as client:
            assert client.get(f"/live/{feed}").status_code == 200
            with client.stream(
                "GET",
                f"/v1/feeds/{feed}/events",
                headers={"accept": "text/event-stream"},
            ) as stream:
                lines = stream.iter_lines()
                assert any("hello" in line for line in lines)
                said, cursor = asyncio.run(follow(path, feed, server))
                assert any(cursor in line for line in lines)
                assert said["cursor"] == cursor
        assert server.end() == 0
    assert not path.exists()


async def follow(path: Path, feed: str, server: Server) -> tuple[Any, str]:
    """Follow on the socket, publish on the port; the event and the post's cursor."""
    async with (
        asyncio.timeout(60),
        unix_connect(str(path), f"ws://hub/v1/live?feed={feed}") as socket,
    ):
        assert json.loads(await socket.recv())["type"] == "hello"
        made = await asyncio.to_thread(server.publish, feed, "On both.")
        while True:
            said = json.loads(await socket.recv())
            if said["type"] == "post.published":
                return said, made["cursor"]

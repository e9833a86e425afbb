"""A real server asks no address of this machine for a link card, for any caller."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import Server

HOSTS = (
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"),
    *("[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.0.0.1.", "１２７.０.０.１"),
    *("169.254.169.254", "localhost.", "a.localhost", "[64:ff9b::7f00:1]"),
    # Names of the internet that mean this machine, where there is an internet.
    *("localtest.me", "127.0.0.1.nip.io", "spoofed.burpcollaborator.net"),
)


@pytest.fixture
def connections() -> Iterator[list[str]]:
    """Connections to the ports 80 and 443 of this machine, where they can be had."""
    seen: list[str] = []
    with contextlib.ExitStack() as stack:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            for port in (80, 443):
                with contextlib.suppress(OSError):
                    listener = socket.create_server((host, port), family=family)
                    stack.callback(listener.close)
                    thread = threading.Thread(
                        target=_accept, args=(listener, seen), daemon=True
                    )
                    thread.start()
                    stack.callback(listener.shutdown, socket.SHUT_RDWR)
        yield seen


def _accept(listener: socket.socket, seen: list[str]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            seen.append(str(listener.getsockname()))
            connection.close()


def test_no_local_address_is_fetched(server: Server, connections: list[str]) -> None:
    """With the system's own resolver and sockets."""
    feed = server.new_feed()
    for n, host in enumerate(HOSTS):
        url = f"{'https' if n % 2 else 'http'}://{host}/"
        answer = server.request("POST", f"/v1/feeds/{feed}/link-cards", {"url": url})
        assert answer.status_code == 422, (url, answer.text)
        assert answer.json()["field"] == "url"
    assert connections == []

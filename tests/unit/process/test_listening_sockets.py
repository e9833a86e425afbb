"""The listening sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
import uvloop

from stoppress.process import listening_sockets
from stoppress.process.listening_sockets import (
    CONNECTIONS_PER_TURN,
    CannotListen,
    copies_of,
    limit,
    listen,
    listen_unix,
    remove_unix,
)
from stoppress.settings import Settings
from tests.ports import reserve_port


def free(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


@pytest.mark.asyncio
async def test_port_0_is_any_free_port() -> None:
    """One socket, on a port that is told."""
    sockets = await listen("127.0.0.1", 0, 1)
    assert len(sockets) == 1 and sockets[0].getsockname()[1] > 0
    free(sockets)


@pytest.mark.asyncio
async def test_several_workers_share_one_port() -> None:
    """Each has a socket of its own, and all can listen."""
    sockets = await listen("127.0.0.1", 0, 3)
    for one in sockets:
        one.listen()
    assert len({one.getsockname() for one in sockets}) == 1 and len(sockets) == 3
    free(sockets)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.asyncio
async def test_a_taken_port_is_told(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the other would share it: it is another server's."""
    monkeypatch.setattr(listening_sockets, "BIND_FOR_S", 0.0)
    theirs = await listen("127.0.0.1", 0, 2)
    theirs[0].listen()
    port = theirs[0].getsockname()[1]
    with pytest.raises(CannotListen, match=f"port {port} on 127.0.0.1 is taken"):
        await listen("127.0.0.1", port, count)
    free(theirs)


@pytest.mark.asyncio
async def test_a_port_that_is_given_free_meanwhile_is_had() -> None:
    """The workers of a killed parent end a moment after it."""
    port = reserve_port()
    theirs = await listen("127.0.0.1", port, 1)
    asyncio.get_running_loop().call_later(0.1, free, theirs)
    ours = await listen("127.0.0.1", port, 1)
    assert ours[0].getsockname()[1] == port
    free(ours)


@pytest.mark.parametrize("host", ["no such host", "203.0.113.7", "a" * 300, "ü..x"])
@pytest.mark.asyncio
async def test_a_host_that_is_not_ours_is_told(host: str) -> None:
    """At once: waiting would not help."""
    with pytest.raises(CannotListen, match="not an address of this machine"):
        await listen(host, 0, 1)


@pytest.mark.asyncio
async def test_the_unspecified_address_of_ipv6_is_both_families() -> None:
    """`::` takes connections to 127.0.0.1 and to ::1; ::1 is itself alone."""
    (both,) = await listen("::", 0, 1)
    port = both.getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, port), timeout=60).close()
    free([both])
    (one,) = await listen("::1", 0, 1)
    port = one.getsockname()[1]
    socket.create_connection(("::1", port), timeout=60).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=60)
    free([one])


def connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


@pytest.mark.asyncio
async def test_a_unix_socket_that_was_left_over_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that somebody listens on is not; who ends late removes only his own file."""
    monkeypatch.setattr(listening_sockets, "BIND_FOR_S", 0.0)
    path = tmp_path / "hub"
    killed = await listen_unix(path)
    killed.listen()
    assert connects(path) and path.stat().st_mode & 0o777 == 0o666
    with pytest.raises(CannotListen, match="another server listens there"):
        await listen_unix(path)
    killed.close()
    with await listen_unix(path) as ours:
        ours.listen()
        remove_unix(path)
        assert connects(path)
    remove_unix(path)
    assert not path.exists()


@pytest.mark.asyncio
async def test_a_path_that_can_be_no_unix_socket_is_told(tmp_path: Path) -> None:
    """And nothing that lies there is removed."""
    kept = tmp_path / "posts.txt"
    kept.write_text("x")
    with pytest.raises(CannotListen, match="not a socket"):
        await listen_unix(kept)
    assert kept.read_text() == "x"
    for path in (tmp_path / "none" / "hub", tmp_path / ("x" * 120)):
        with pytest.raises(CannotListen, match="can't listen on uds"):
            await listen_unix(path)


def accepted(listener: socket.socket) -> socket.socket:
    """A connection made to the socket, on the server's side."""
    listener.listen()
    listener.setblocking(True)
    with socket.create_connection(listener.getsockname()):
        return listener.accept()[0]


@pytest.mark.asyncio
async def test_connections_inherit_the_limits() -> None:
    """So that nobody who comes needs to be told them."""
    (listener,) = await listen("127.0.0.1", 0, 1)
    limit(listener, Settings(send_buffer_bytes=32 << 10, dead_peer_s=7.5))
    with accepted(listener) as peer:
        size = peer.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert size == 64 << 10  # Linux doubles it
        wait_ms = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert wait_ms == 7_500
    free([listener])


@pytest.mark.asyncio
async def test_without_limits_the_kernel_has_its_own() -> None:
    """0 leaves things as they are."""
    untold, reported = await listen("127.0.0.1", 0, 2)
    limit(reported, Settings(send_buffer_bytes=0, dead_peer_s=0))
    for option in (
        (socket.SOL_SOCKET, socket.SO_SNDBUF),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    ):
        assert reported.getsockopt(*option) == untold.getsockopt(*option)
    free([untold, reported])


class Newcomers(asyncio.Protocol):
    """The clients that connected."""

    def __init__(self, came: list[asyncio.BaseTransport]) -> None:
        self._came = came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._came.append(transport)


async def turns_to_accept(crowd: int) -> int:
    """How many turns of the loop it takes to accept so many who came at once."""
    loop = asyncio.get_running_loop()
    (listener,) = await listen("127.0.0.1", 0, 1)
    came: list[asyncio.BaseTransport] = []
    servers = [
        await loop.create_server(lambda: Newcomers(came), sock=copy)
        for copy in copies_of(listener)
    ]
    clients = [socket.socket() for _ in range(crowd)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    turns = 0
    while len(came) < crowd and turns < 10 * crowd:
        turns += 1
        await asyncio.sleep(0)
    free(clients)
    for transport in came:
        transport.close()
    for server in servers:
        server.close()
        await server.wait_closed()
    assert len(came) == crowd
    return turns


def test_a_crowd_is_accepted_several_a_turn() -> None:
    """However long the turns are: on uvloop one socket takes one connection a turn."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns_to_accept(12 * CONNECTIONS_PER_TURN)) <= 24

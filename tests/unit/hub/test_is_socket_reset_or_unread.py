"""What the kernel says of a socket, on real ones."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

from stoppress.hub.is_socket_reset_or_unread import has_unread_bytes, is_reset


def test_bytes_are_unread_until_the_peer_has_read_them_all() -> None:
    ours, peer = socket.socketpair()
    with closing(ours), closing(peer):
        assert not has_unread_bytes(ours.fileno())
        ours.sendall(b"some words")
        assert has_unread_bytes(ours.fileno())
        assert peer.recv(4) == b"some"
        assert has_unread_bytes(ours.fileno())
        assert peer.recv(99) == b" words"
        assert not has_unread_bytes(ours.fileno())


def test_a_descriptor_that_is_no_socket_has_no_unread_bytes() -> None:
    with Path(os.devnull).open("wb") as sink:
        assert not has_unread_bytes(sink.fileno())


def test_a_connection_is_reset_when_both_directions_are_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    with closing(ours):
        assert not is_reset(ours.fileno())
        peer.shutdown(socket.SHUT_WR)
        assert not is_reset(ours.fileno())
        peer.close()
        ours.close()

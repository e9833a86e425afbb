"""OpenSSL's state of a connection: what Python keeps private is there, and does so."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stoppress.process.certificate import load
from stoppress.web.line.call_openssl_without_ssl_socket import TlsState, server_state
from tests.certificates import for_this_machine, trust


@contextmanager
def connected() -> Iterator[tuple[TlsState, ssl.SSLSocket]]:
    """Both ends of a connection whose handshake is done."""
    context = load(*for_this_machine())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        state = server_state(context, ours)
        assert state.context is context
        client = trust().wrap_socket(
            theirs, server_hostname="localhost", do_handshake_on_connect=False
        )
        sides: tuple[TlsState | ssl.SSLSocket, ...] = (client, state)
        for side in sides * 3:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        with client:
            yield state, client


def test_bytes_go_both_ways() -> None:
    with connected() as (state, client):
        assert not state.session_reused
        client.send(b"to the server")
        assert state.read(6) == b"to the"
        assert state.pending() == len(b" server")
        assert state.read(100) == b" server"
        assert state.write(memoryview(b"to the client")) == len(b"to the client")
        assert client.recv(100) == b"to the client"


def test_a_call_that_would_block_has_an_error_of_its_own() -> None:
    with connected() as (state, client):
        with pytest.raises(ssl.SSLWantReadError):
            state.read(100)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        assert state.read(100) == b""
        with pytest.raises(ssl.SSLWantWriteError):
            while True:
                state.write(bytes(100_000))


def test_an_end_without_a_word_is_told_from_one_with_it() -> None:
    with connected() as (state, client):
        client.close()
        with pytest.raises(ssl.SSLEOFError):
            state.read(100)
    with connected() as (state, client):
        with pytest.raises(ssl.SSLWantReadError):
            state.shutdown()
        assert client.recv(100) == b""

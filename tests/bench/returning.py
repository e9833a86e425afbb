"""Readers who come back over TLS with the tickets that the server gave them.

Each comes for the first time, is greeted, and leaves with its ticket; then all come
again. One after the other, so that the server's CPU is that of a handshake with its
admission, and of nothing else.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from contextlib import closing

from stoppress.bench import process_stats
from stoppress.bench.many_readers_in_one_process import any_certificate
from stoppress.bench.publisher import Publisher
from stoppress.bench.report import Figures
from stoppress.bench.run_plan_and_result import BenchFailed
from tests.bench.measures import Scale
from tests.bench.stage import Stage

_WAIT_S = 60.0
_READ = 1 << 14
_ASKED = (
    b"GET /v1/live?feed=bench HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)

Ticket = ssl.SSLSession | None


def returning(stage: Stage, scale: Scale) -> Figures:
    """How many are resumed when all come back, and what that costs the server."""
    with closing(Publisher(stage.plan(scale.readers, 1))) as editor:
        editor.make_feed()
        trust = any_certificate()
        trust.minimum_version = ssl.TLSVersion.TLSv1_3
        tickets, full_us, were_resumed = _come(
            stage, trust, [None] * (scale.readers + 1)
        )
        if were_resumed:
            raise BenchFailed("a reader without a ticket was resumed")
        _, again_us, resumed = _come(stage, trust, tickets[1:])
    return {
        "readers": scale.readers,
        "resumed_percent": 100 * resumed / scale.readers,
        "full_handshake_us": full_us,
        "resumed_handshake_us": again_us,
        "cpu_of_a_full_handshake": again_us / full_us if full_us else 1.0,
    }


def _come(
    stage: Stage, trust: ssl.SSLContext, tickets: Iterable[Ticket]
) -> tuple[list[Ticket], float, int]:
    """Their new tickets, the server's CPU per reader in µs, how many were resumed."""
    given: list[Ticket] = []
    resumed, before = 0, process_stats.cpu_s(stage.pids)
    for ticket in tickets:
        with (
            socket.create_connection(("127.0.0.1", stage.port), _WAIT_S) as plain,
            trust.wrap_socket(
                plain, server_hostname="127.0.0.1", session=ticket
            ) as line,
        ):
            line.sendall(_ASKED)
            heard = b""
            while b'"hello"' not in heard:
                data = line.recv(_READ)
                if not data:
                    raise BenchFailed(f"a reader was not greeted: {heard[:300]!r}")
                heard += data
            resumed += bool(line.session_reused)
            given.append(line.session)
    spent_us = (process_stats.cpu_s(stage.pids) - before) * 1e6
    return given, spent_us / len(given), resumed

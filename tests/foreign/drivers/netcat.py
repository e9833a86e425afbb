"""HTTP/1.0 by hand, as `nc` does it: the request, the answer; `nc -N` says in between
that it sends no more, and some proxies take that for the end of the connection."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from io import BufferedReader
from urllib.parse import urlsplit

from tests.foreign.drivers.console import Answer, FollowedFeed, following, run

Fields = dict[str, str]


def _sent(
    method: str, url: str, headers: Fields, body: bytes
) -> tuple[socket.socket, BufferedReader]:
    address = urlsplit(url)
    target = address.path + (f"?{address.query}" if address.query else "")
    named = {"Host": address.netloc, **headers}
    if body:
        named["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.0"]
    lines += [f"{name}: {value}" for name, value in named.items()]
    line = socket.create_connection((address.hostname, address.port), timeout=60)
    line.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    if "-N" in sys.argv:
        line.shutdown(socket.SHUT_WR)
    return line, line.makefile("rb")


def _head(answer: BufferedReader) -> tuple[int, Fields]:
    first = answer.readline()
    if not first:
        raise ConnectionError("it ended without an answer")
    fields: Fields = {}
    while line := answer.readline().decode().strip():
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return int(first.split()[1]), fields


def ask(method: str, url: str, headers: Fields, body: bytes | None) -> Answer:
    """One request, one connection."""
    line, answer = _sent(method, url, headers, body or b"")
    with line, answer:
        status, fields = _head(answer)
        return Answer(status, fields, answer.read())


def once(followed: FollowedFeed) -> None:
    """Follow until the connection breaks."""
    line, answer = _sent("GET", followed.events, followed.as_stream, b"")
    with line, answer:
        status, _ = _head(answer)
        assert status == 200

        def lines() -> Iterator[str]:
            for each in answer:
                yield each.decode()

        followed.heard_lines(lines())


run(ask, following(once))

"""An answer in one piece is, to the byte, what uvicorn sends of its messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import pytest
from starlette.responses import Response
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from stoppress.web.line.take_body_and_send_answer_at_once import UvicornMessages
from stoppress.web.request_parsing import RawHeaders

pytestmark = pytest.mark.asyncio
LOGGER = logging.getLogger("test")


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""
        self.closed = self.reading = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.sent += b"".join(parts)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def request(
    method: str = "POST",
    *,
    keep_alive: bool = True,
    done: Callable[[], None] = lambda: None,
) -> tuple[RequestResponseCycle, Wire]:
    """A request that waits for its answer, and the connection."""
    wire = Wire()
    transport = cast(asyncio.Transport, wire)
    scope: Any = {"type": "http", "method": method, "headers": []}
    cycle = RequestResponseCycle(
        *(scope, transport, FlowControl(transport), LOGGER, LOGGER, False),
        default_headers=[(b"date", b"now")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=done,
    )
    return cycle, wire


async def by_messages(response: Response, *, keep_alive: bool = True) -> Wire:
    cycle, wire = request(keep_alive=keep_alive)
    await response(
        cast(Any, cycle.scope), cast(Any, cycle.receive), cast(Any, cycle.send)
    )
    return wire


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_the_bytes_equal_those_of_asgi_messages(keep_alive: bool) -> None:
    """The request counts as answered: keep-alive or close follows."""
    response = Response(b'{"a":1}', 201, {"etag": '"1"'}, "application/json")
    over: list[bool] = []
    cycle, wire = request(keep_alive=keep_alive, done=lambda: over.append(True))
    whole = UvicornMessages(cycle)
    assert whole.answer(201, response.raw_headers, b'{"a":1}')
    other = await by_messages(response, keep_alive=keep_alive)
    assert (wire.sent, wire.closed) == (other.sent, other.closed)
    assert wire.closed is not keep_alive and over == [True]
    assert cycle.response_complete and cycle.message_event.is_set()
    assert not whole.answer(201, response.raw_headers, b"again")


async def test_middleware_headers_are_included() -> None:
    cycle, wire = request()
    whole = UvicornMessages(cycle)
    whole.finish_headers = lambda status, headers: [*headers, (b"x", b"%d" % status)]
    assert whole.answer(200, [(b"content-length", b"2")], b"ok")
    assert wire.sent.endswith(b"content-length: 2\r\nx: 200\r\n\r\nok")


async def test_other_answers_go_by_asgi_messages() -> None:
    """Nothing was sent before, and no header completed."""
    reported: list[int] = []

    def finish(status: int, headers: RawHeaders) -> RawHeaders:
        reported.append(status)
        return headers

    for method, status in (("POST", 404), ("POST", 204), ("GET", 304), ("HEAD", 200)):
        cycle, wire = request(method)
        whole = UvicornMessages(cycle)
        whole.finish_headers = finish
        assert not whole.answer(status, [], b"") and not wire.sent
    for name in ("disconnected", "response_started"):
        cycle, wire = request()
        setattr(cycle, name, True)
        assert not UvicornMessages(cycle).answer(200, [], b"") and not wire.sent
    cycle, wire = request()
    cycle.flow.pause_writing()  # the client does not read
    assert not UvicornMessages(cycle).answer(200, [], b"") and not wire.sent
    assert reported == []


@pytest.mark.parametrize("text", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
async def test_header_values_with_line_breaks_are_refused(text: bytes) -> None:
    """As uvicorn does."""
    cycle, wire = request()
    with pytest.raises(RuntimeError, match="Invalid HTTP header"):
        UvicornMessages(cycle).answer(200, [(b"location", text)], b"")
    assert not wire.sent


async def test_a_body_is_taken_once_it_is_complete() -> None:
    """Reading resumes, as after an ASGI message."""
    cycle, wire = request()
    whole = UvicornMessages(cycle)
    cycle.body += b'{"a"'
    cycle.flow.pause_reading()
    assert whole.body() is None and not wire.reading
    cycle.body += b":1}"
    cycle.more_body = False
    assert whole.body() == b'{"a":1}' and wire.reading
    assert whole.body() == b""
    cycle.disconnected = True
    assert whole.body() is None

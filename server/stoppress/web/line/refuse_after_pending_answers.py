"""Refuses what a connection sends, in the order of its requests.

Rules:
- Answers come in the order of requests (RFC 9112, section 9.3.2): while one is pending,
  a refusal waits for it, nothing more is read, and then the connection ends. A request
  that is carried out is answered, whatever comes after it.
- If what is refused is the body of the newest request, that request ends as if its
  client had left; the refusal takes the place of its answer, unless that has begun.
- A reader's answer has no end: nothing follows it. So a WebSocket's handshake behind an
  unanswered request is refused too: two readers would own one connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from stoppress.guard.request_context import new_request_id
from stoppress.web.line.head_checks import refusal_response

if TYPE_CHECKING:
    from stoppress.web.line.http_protocol import LiveHttp


def is_answer_pending(http: LiveHttp) -> bool:
    """Whether a request of the connection is not answered yet."""
    cycle: RequestResponseCycle | None = http.cycle
    return cycle is not None and not cycle.response_complete


def has_stopped(http: LiveHttp) -> bool:
    """Whether nothing more is read as a request."""
    return http.is_closing or http.last_refusal is not None


def refuse(http: LiveHttp, status: bytes, text: bytes, headers: bytes = b"") -> None:
    """Log the refusal and send it, now or after the pending answers; then end the
    connection."""
    if has_stopped(http):
        return
    request_id = new_request_id()
    if http.refusals is not None:
        reason = status[4:].decode().lower().replace(" ", "-")
        client = "" if http.client is None else http.client[0]
        http.refusals.add(reason, request_id, status=int(status[:3]), client=client)
    headers += b"X-Request-ID: %b\r\n" % request_id.encode()
    response = refusal_response(status, text, headers)
    is_pending = is_answer_pending(http)
    if is_pending and http.cycle.more_body:
        is_pending = _end_broken_request(http)
        if not is_pending and http.cycle.response_started:
            http.transport.abort()
            return
    if is_pending:
        http.last_refusal = response
        http.flow.pause_reading()
    else:
        send_last(http, response)


def _end_broken_request(http: LiveHttp) -> bool:
    """End the newest request, whose body is not what it should be; returns whether
    earlier ones are pending."""
    cycle = http.cycle
    cycle.disconnected = True
    cycle.message_event.set()
    if http.pipeline and http.pipeline[0][0] is cycle:
        http.pipeline.popleft()
        return True
    return False


def send_last(http: LiveHttp, response: bytes) -> None:
    """Send a refusal as the last answer of the connection."""
    http.transport.write(response)
    http.end()

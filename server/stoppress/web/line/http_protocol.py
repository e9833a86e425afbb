"""uvicorn's HTTP protocol, extended so that a reader can take over the transport.

Rules (besides those of `takeover`):
- A handshake is parsed once: websockets gets what httptools has parsed.
- A live request that arrives in several segments, or after other requests, is queued
  too: it is processed when the arrival queue admits it.
- A crowd's other requests have a queue of their own (`queued_ordinary_request.py`).
- A request's head is limited in time and length (`head_limits.py`); uvicorn limits
  neither.
- A handshake has no body: one that announces a body is refused without waiting for it.
- An invalid handshake is refused from here: the library's own parser has other limits,
  and closes without a response above them.
- An upgrade to anything but a WebSocket is ignored (`ignored_upgrade.py`).
- A client may close its side after its request (RFC 9112, section 9.6): it gets its
  response, and then the connection ends.
- After its last response a connection is closed by `lingering_close.py`, so that the
  client can read the response even if it still sends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from stoppress.guard.open_connections import OpenConnections, address_among
from stoppress.guard.refusal_log import RefusalLog
from stoppress.guard.unread_answers import UnreadAnswers
from stoppress.hub.socket_readers import Registry
from stoppress.web.line.arrival_queue import ArrivalQueue
from stoppress.web.line.asgi_request_extensions import request_extensions
from stoppress.web.line.decide_live_admission import count_reader
from stoppress.web.line.head_checks import (
    BAD_REQUEST,
    TIMEOUT,
    TOO_LARGE,
    has_body,
    head_bytes,
    is_stream,
    joined,
    offers_websocket,
    origin_form,
    refused_head,
)
from stoppress.web.line.head_limits import HeadLimits
from stoppress.web.line.ignored_upgrade import parser_of_the_rest
from stoppress.web.line.lingering_close import AnswerTransport, LingeringClose
from stoppress.web.line.pending_upgrade import PendingUpgrade
from stoppress.web.line.queued_live_request import QueuedLiveRequest
from stoppress.web.line.queued_ordinary_request import QueuedRequest, RequestQueues
from stoppress.web.line.refuse_after_pending_answers import (
    has_stopped,
    is_answer_pending,
    refuse,
    send_last,
)
from stoppress.web.line.takeover import TAKEN, TransportTaker, hide_token
from stoppress.web.line.websocket_handshake import Fields, refusal

_TOO_LARGE = b"The head of the request is too long."
_HANDSHAKE_TOO_EARLY = b"A WebSocket handshake waits for earlier answers: send it then."


class LiveHttp(HttpToolsProtocol):
    """One HTTP connection, whose transport a reader can take over."""

    _segment = b""
    queued_live_request: QueuedLiveRequest | None = None
    """The request of this connection that is in the arrival queue, if any."""
    arrival_queue: ArrivalQueue | None = None
    """The queue in which live requests wait for admission; None: no queue."""
    was_queued = False
    """Whether the first live request has been in the queue already."""
    request_queues: RequestQueues | None = None
    """The queues in which all other requests wait for their turn; None: no queue."""
    has_turn = False
    """Whether a request in the segment that is being read has waited already."""
    queued_request: QueuedRequest | None = None
    """The request of this connection that waits for its turn, if any."""
    head_limits: HeadLimits | None = None
    """The limits of a request's head; None: no limits."""
    unread_answers: UnreadAnswers | None = None
    """The answers that clients have not read yet; None: without a limit."""
    _postponed: Callable[[], None] | None = None
    """Begins the next request, once the last answer is read."""
    refusals: RefusalLog | None = None
    """The log of requests refused here."""
    lingering_close: LingeringClose | None = None
    """Closes the connection after its last answer; None: it is closed at once."""
    last_refusal: bytes | None = None
    """What is sent after the pending answers; nothing more is read until then."""
    _is_ended = False
    """Whether the last answer is sent: further bytes are not read as requests."""
    _is_in_head = False
    _head_bytes = 0
    _unparsed: bytes | None = None
    """The bytes after the head of a request whose upgrade is ignored."""
    _is_half_closed = False
    """Whether the peer has closed its side: no request follows."""
    _on_half_close: Callable[[], None] | None = None
    """The callback of a pending response for that case."""

    def data_received(self, data: bytes) -> None:
        """Parse a segment; frames may follow the handshake in the same segment."""
        if self.queued_live_request is not None:
            self.queued_live_request.add_bytes(data)
            return
        if self.last_refusal is not None:
            return
        self._segment = data
        super().data_received(data)
        # Without a parser, another protocol owns the connection.
        while self._unparsed is not None and self.parser and not has_stopped(self):
            self._segment, self._unparsed = self._unparsed, None
            self.parser = parser_of_the_rest(
                self, self.scope["http_version"], self.headers
            )
            super().data_received(self._segment)
        self._segment = b""
        if self.head_limits is not None:
            self._check_head(self.head_limits, len(data))

    def _unsupported_upgrade_warning(self) -> None:
        """Read on as if no upgrade had been offered (the parser has stopped)."""
        self._unparsed = self._after_head()

    def _after_head(self) -> bytes:
        """The bytes of this segment after the head at which the parser stopped."""
        problem = sys.exc_info()[1]
        assert isinstance(problem, httptools.HttpParserUpgrade)  # noqa: S101 (for the type checker)
        rest: bytes = self._segment[problem.args[0] :]
        return rest

    def _get_upgrade(self) -> bytes | None:
        """`websocket` if the head offers that upgrade, possibly among others."""
        is_offered = offers_websocket(self.scope["http_version"], self.headers)
        return b"websocket" if is_offered else None

    @property
    def is_closing(self) -> bool:
        """Whether the connection has ended, or its last answer is sent."""
        return self._is_ended or self.transport.is_closing()

    def end(self) -> None:
        """Close the connection after its last answer, which the client can read."""
        if self.is_closing:
            return
        self._is_ended = True
        if self.lingering_close is None or self._is_half_closed:
            self.transport.close()
        else:
            self.lingering_close.close(self.transport, self)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads it
        """Stay open if a response is pending: the peer has closed only its side."""
        cycle = self.cycle
        self._is_half_closed = self.queued_live_request is not None or (
            cycle is not None and not cycle.response_complete and not cycle.more_body
        )
        if self._is_half_closed and self._on_half_close is not None:
            self._on_half_close()
        return self._is_half_closed

    def on_half_close(self, call: Callable[[], None]) -> None:
        """Register a callback for the peer's half-close; at once if it has happened."""
        self._on_half_close = call
        if self._is_half_closed:
            call()

    def on_response_complete(self) -> None:
        """Close a half-closed connection after its last response."""
        if self.unread_answers is not None and self.transport is not TAKEN:
            self.unread_answers.add(self.transport)
        # They refer to the request they are part of: without them it is freed at once,
        # rather than by the collector.
        cast("dict[str, Any]", self.cycle.scope).get("extensions", {}).clear()
        self._on_half_close = None
        if self._is_ended:
            self.server_state.total_requests += 1
            return
        has_more = bool(self.pipeline)
        super().on_response_complete()
        if self.last_refusal is not None and not has_more and not self.is_closing:
            send_last(self, self.last_refusal)
        elif self._is_half_closed and self.cycle.response_complete:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the queue and the head limits: the connection is closed."""
        if self.queued_live_request is not None:
            self.queued_live_request.leave()
        if self.queued_request is not None:
            self.queued_request.leave()
            self.queued_request = None
        if self.head_limits is not None:
            self.head_limits.end(self)
        if self.unread_answers is not None:
            self.unread_answers.end(self.transport)
        self._postponed = None
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Begin the next request: the last answer is read, except a few bytes."""
        super().resume_writing()
        if self.unread_answers is not None:
            self.unread_answers.end(self.transport)
        if self._postponed is not None:
            begin, self._postponed = self._postponed, None
            self.flow.resume_reading()
            begin()

    def on_message_begin(self) -> None:
        """Note that a request's head begins."""
        self._is_in_head = True
        super().on_message_begin()

    def _check_head(self, head_limits: HeadLimits, size: int) -> None:
        """Limit the time and the length of a head that is not complete."""
        # None: another protocol owns the connection by now.
        if (
            self.parser is None
            or has_stopped(self)
            or self.queued_live_request is not None
            or not self._expects_head()
        ):
            self._head_bytes = 0
            head_limits.end(self)
            return
        self._head_bytes += size if self._is_in_head else 0
        if head_limits.is_too_long(self._head_bytes):
            head_limits.end(self)
            refuse(self, TOO_LARGE, _TOO_LARGE)
        else:
            head_limits.begin(self, address_among(self.connections, self.transport))

    def _expects_head(self) -> bool:
        if self._is_in_head or self.cycle is None:
            return True
        # Every byte stops uvicorn's own keep-alive timer.
        return self.cycle.response_complete and self.timeout_keep_alive_task is None

    def head_timed_out(self) -> None:
        """Refuse: the head was not complete in time."""
        refuse(self, TIMEOUT, b"The request was not complete in time.")

    def when_admitted(self, go_on: Callable[[bytes], None]) -> None:
        """Call `go_on` at admission, with the bytes received while queued."""
        if self.is_closing:
            return
        if self.arrival_queue is None or self.was_queued:
            self.was_queued = False
            go_on(b"")
        else:
            self.queued_live_request = QueuedLiveRequest(
                self, self.arrival_queue, go_on
            )
            self.queued_live_request.enter()

    def handle_websocket_upgrade(self) -> None:
        """Upgrade at admission, with the bytes after the handshake."""
        if is_answer_pending(self):
            refuse(self, BAD_REQUEST, _HANDSHAKE_TOO_EARLY)
            return
        count_reader(self, cast("dict[str, Any]", self.scope))
        early = self._after_head()
        self.when_admitted(lambda more: self._upgrade(early + more))

    def _upgrade(self, early: bytes) -> None:
        """Answer the handshake; `early` are the bytes after it."""
        fields = self._fields()
        upgrade = PendingUpgrade.of(self, fields) if fields is not None else None
        if upgrade is None:
            refuse(self, *refusal(self.scope["method"], fields))
            return
        upgrade.begin()
        if early:
            upgrade.data_received(early)
        # The other protocol owns the connection; this one and its parser form a
        # reference cycle.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does

    def _fields(self) -> Fields | None:
        """The headers of a handshake; None if the request can't be one."""
        if self.scope["method"] != "GET" or not self.url.isascii():
            return None
        return joined(self.headers)

    def on_headers_complete(self) -> None:
        """Refuse a head that is too long; hide the token in the query of others."""
        self._is_in_head = False
        if self.head_limits is not None and self.head_limits.is_too_long(
            head_bytes(self.url, self.headers)
        ):
            refuse(self, TOO_LARGE, _TOO_LARGE)
            raise ValueError("the head is too long")  # stops the parser
        version = self.parser.get_http_version()
        if refused := refused_head(version, self.headers):
            refuse(self, *refused)
            raise ValueError("the head is refused")  # stops the parser
        self.url = origin_form(self.url)
        # A client of HTTP/1.0 would take 100 for the answer (RFC 9110, 10.1.1).
        self.expect_100_continue = self.expect_100_continue and version != "1.0"
        super().on_headers_complete()
        if "query_string" in self.scope:
            hide_token(cast("dict[str, Any]", self.scope))
        elif has_body(self.headers):
            refuse(self, BAD_REQUEST, b"A WebSocket handshake has no body: send none.")

    def on_message_complete(self) -> None:
        """Complete a request; not at the end of the head of an ignored upgrade."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that can't be parsed, unless it is refused already."""
        refuse(self, BAD_REQUEST, msg.encode())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Offer the takeover to the application; queue an event stream first.

        A client that does not read its last answer gets no further one.
        """
        if self.flow.write_paused:
            self.flow.pause_reading()
            self._postponed = partial(self._start_asgi_task, cycle, app)
            return
        connections = cast(object, self.connections)
        if isinstance(connections, OpenConnections):
            if connections.is_over_limit(self.transport):
                cycle.keep_alive = False  # it is refused, and has no further request
        cycle.transport = cast(Any, AnswerTransport(self))
        scope = cast("dict[str, Any]", cycle.scope)
        scope["extensions"] = request_extensions(self, cycle)
        if is_stream(scope):
            count_reader(self, scope)
            self.when_admitted(partial(self._start_stream, cycle, app))
        else:
            self._when_its_turn(scope, partial(super()._start_asgi_task, cycle, app))

    def _when_its_turn(self, scope: dict[str, Any], start: Callable[[], None]) -> None:
        queues = None if self.has_turn else self.request_queues
        queue = None if queues is None else queues.of_request(self)
        if queue is None:
            start()
            return
        self.queued_request = QueuedRequest(self, queue, start)
        self.queued_request.enter(scope)

    def _start_stream(self, cycle: RequestResponseCycle, app: Any, more: bytes) -> None:
        super()._start_asgi_task(cycle, app)
        if more:
            self.data_received(more)

    def take(
        self,
        cycle: RequestResponseCycle,
        reader: TransportTaker,
        begin: Callable[[], None],
    ) -> bool:
        """Make `reader` own the transport, in the loop turn that sent the head.

        Pipelined requests after this one are never answered: its response has no
        end.
        """
        transport = self.transport
        if (
            not cycle.response_started
            or cycle.response_complete
            or cycle.disconnected
            or transport.is_closing()
            or transport.get_protocol() is not self
        ):
            return False
        if cycle.chunked_encoding is None or cycle.expected_content_length:
            raise RuntimeError(
                "the response has a Content-Length: its transport can't be taken over"
            )
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.pipeline.clear()
        self.server_state.total_requests += 1
        cycle.response_complete = True  # so that uvicorn does not wait for its end
        cycle.message_event.set()
        self.transport = cycle.transport = TAKEN
        reader.take(transport, cast(Registry, self.connections))
        begin()
        if self._is_half_closed:
            reader.eof_received()
        # Reference cycles: the parser and this protocol, the scope and the callback.
        self.parser = None  # type: ignore[assignment]  # as uvicorn does
        cycle.scope["extensions"].clear()
        return True

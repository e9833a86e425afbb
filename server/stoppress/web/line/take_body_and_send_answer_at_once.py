"""The body and the answer of a request of uvicorn's, in one piece each.

Rules:
- Only a successful answer with a body and its length: others go by messages.
- What uvicorn checks and sets when the messages of an answer are sent is checked and
  set here: it takes the request for answered.
- The names used inside uvicorn are listed in `uvicorn_private_names.py`.
"""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from stoppress.web.request_parsing import FinishHeaders, RawHeaders

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class UvicornMessages:
    """The messages of one request (`web.request_parsing.WholeMessages`)."""

    __slots__ = ("_cycle", "finish_headers")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self.finish_headers: FinishHeaders | None = None

    def body(self) -> bytes | None:
        """The body, if it has arrived as a whole; it is given once."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.response_complete:
            return None
        cycle.flow.resume_reading()
        body, cycle.body = bytes(cycle.body), bytearray()
        return body

    def answer(self, status: int, headers: RawHeaders, body: bytes) -> bool:
        """Send the whole answer, unless it is of a kind that goes by messages."""
        cycle = self._cycle
        if (
            not 200 <= status < 300
            or status == 204
            or cycle.scope["method"] == "HEAD"
            or cycle.response_started
            or cycle.disconnected
            or cycle.transport.is_closing()
            or cycle.flow.write_paused
        ):
            return False
        if self.finish_headers is not None:
            headers = self.finish_headers(status, headers)
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        lines = len(parts) // 4 + (2 if cycle.keep_alive else 3)
        breaks = head.count(b"\r"), head.count(b"\n"), head.count(b"\r\n")
        if _CONTROL.search(head) or set(breaks) != {lines}:
            raise RuntimeError("Invalid HTTP header value.")
        cycle.response_started = cycle.response_complete = True
        cycle.chunked_encoding = False
        cycle.transport.writelines((head, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True

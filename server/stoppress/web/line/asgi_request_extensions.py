"""What a request offers to the application beside ASGI: the extensions of its scope.

A scope refers to its protocol by these, which is a cycle of references: the protocol
clears them with the answer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from stoppress.web.line.take_body_and_send_answer_at_once import UvicornMessages
from stoppress.web.line.takeover import HALF_CLOSED, TAKEOVER, UNCHUNKED
from stoppress.web.request_parsing import WHOLE

if TYPE_CHECKING:
    from stoppress.web.line.http_protocol import LiveHttp


def request_extensions(http: LiveHttp, cycle: RequestResponseCycle) -> dict[str, Any]:
    """The extensions of one request."""
    extensions: dict[str, Any] = {
        WHOLE: UvicornMessages(cycle),
        TAKEOVER: partial(http.take, cycle),
        HALF_CLOSED: http.on_half_close,
    }
    if cycle.scope["http_version"] == "1.0":
        extensions[UNCHUNKED] = partial(_send_unchunked, cycle)
    return extensions


def _send_unchunked(cycle: RequestResponseCycle) -> None:
    """End the response with the connection (HTTP/1.0 has no chunks)."""
    cycle.chunked_encoding = False

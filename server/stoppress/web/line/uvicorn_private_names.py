"""The private names of uvicorn that the live line uses, by class.

Rule: uvicorn is pinned to a minor version; a test checks that every name is there, and
that nothing else is used. So an upgrade fails in the test, not at a reader.
"""

from __future__ import annotations

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PRIVATE_NAMES: dict[type, tuple[str, ...]] = {
    WebSocketsSansIOProtocol: (
        "client",
        "close_timer",
        "conn",
        "connection_made",
        "connections",
        "data_received",
        "handle_connect",
        "handshake_complete",
        "handshake_initiated",
        "read_paused",
        "receive",
        "response",
        "run_asgi",
        "scope",
        "request",
        "scheme",
        "send_500_response",
        "server",
        "transport",
    ),
    HttpToolsProtocol: (
        "_get_upgrade",
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "_unsupported_upgrade_warning",
        "app",
        "app_state",
        "asgi_version",
        "client",
        "config",
        "connection_lost",
        "connections",
        "cycle",
        "data_received",
        "expect_100_continue",
        "flow",
        "handle_websocket_upgrade",
        "headers",
        "loop",
        "on_headers_complete",
        "on_message_begin",
        "on_message_complete",
        "on_response_complete",
        "parser",
        "pipeline",
        "scope",
        "scheme",
        "server",
        "resume_writing",
        "server_state",
        "tasks",
        "timeout_keep_alive_task",
        "transport",
        "url",
    ),
    FlowControl: ("pause_reading", "resume_reading", "write_paused"),
    RequestResponseCycle: (
        "body",
        "chunked_encoding",
        "default_headers",
        "disconnected",
        "expected_content_length",
        "flow",
        "keep_alive",
        "message_event",
        "more_body",
        "on_response",
        "response_complete",
        "response_started",
        "scope",
        "transport",
    ),
}

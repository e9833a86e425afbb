"""permessage-deflate (RFC 7692), so that one compression serves every reader.

Rules:
- No context is taken over, in either direction: a message is compressed alone, so
  its bytes are the same for all, and a reader costs no window (58 KB with the
  library's default). The lost compression costs less than that memory.
- The server's window is 2^12 bytes, which every client that accepts 12 bits or more
  can read; a client that accepts fewer bits is served uncompressed.
- The library inflates, with a limit on the inflated size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter

from stoppress.wire.encode_frames import WINDOW_BITS

HEADER = "Sec-WebSocket-Extensions"


class DeflateAgreement(ServerPerMessageDeflateFactory):
    """The permessage-deflate parameters that the server agrees to."""

    def __init__(self) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=WINDOW_BITS,
        )

    def process_request_params(
        self,
        params: Sequence[ExtensionParameter],
        accepted_extensions: Sequence[Extension],
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Agree, unless the server's window is too large for the client."""
        answer, extension = super().process_request_params(params, accepted_extensions)
        if extension.local_max_window_bits < WINDOW_BITS:
            raise NegotiationError(f"the server's window has {WINDOW_BITS} bits")
        return answer, extension


@lru_cache(256)
def agreed(offered: str) -> str:
    """The answer to a client's offer in HEADER; empty: no extension.

    Browsers send the same few offers, so a small cache is enough.
    Raises ValueError if the offer is malformed.
    """
    try:
        header, _ = ServerProtocol(extensions=[DeflateAgreement()]).process_extensions(
            Headers({HEADER: offered})
        )
    except InvalidHandshake as problem:
        raise ValueError(str(problem)) from None
    return header or ""


def inflater() -> PerMessageDeflate:
    """The decompressor of one connection that negotiated the extension."""
    return PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=WINDOW_BITS,
    )

"""What a reader says: rare, small, and parsed by the library.

Rules: fragments, masks, pings and closes are the business of `websockets`, whose
protocol is built at the first byte, in the state OPEN. Text is at most
`max_message_bytes`, inflated; a longer one, binary, or anything that is no op is a
bad message. Broken frames end as RFC 6455 says.
"""

from __future__ import annotations

from typing import Literal

from msgspec import DecodeError, Struct, ValidationError, json
from websockets.exceptions import PayloadTooBig
from websockets.frames import BINARY, CLOSE, CONT, TEXT, Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Malformed
from stoppress.domain.feed import check_slug
from stoppress.hub.deflate import inflater
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.frames import websocket_close


class ReaderRequest(Struct, frozen=True):
    """What a reader may ask for."""

    op: Literal["follow", "unfollow"]
    feed: str
    cursor: str | None = None


def read_op(text: bytes | None) -> tuple[str, str, Cursor | None]:
    """An op as (op, feed, cursor). Raises Malformed for anything else."""
    if text is None:
        raise Malformed("a binary message; send JSON as text")
    try:
        op = json.decode(text, type=ReaderRequest)
    except (DecodeError, ValidationError) as problem:
        raise Malformed(str(problem)) from None
    cursor = None if op.cursor is None else Cursor.parse(op.cursor)
    return op.op, check_slug(op.feed, "feed"), cursor


class ProtocolViolation(Exception):
    """What came can't be followed any further.

    `code` is why, and `answer` the close frame that says so.
    """

    def __init__(self, code: int, answer: bytes) -> None:
        self.code = code
        self.answer = answer


class InboundMessages:
    """The inbound side of one WebSocket, from the first byte it says."""

    __slots__ = ("_fragments", "_protocol", "deaf")

    def __init__(self, max_message_bytes: int, *, deflated: bool = False) -> None:
        self._protocol = ServerProtocol(state=OPEN, max_size=max_message_bytes)
        if deflated:
            self._protocol.extensions = [inflater()]
        self._fragments: bytearray | None = None
        self.deaf = False
        """Whether what comes now is only to be read, not understood."""

    def say_close(self, code: int) -> None:
        """We have sent a close frame: only the peer's is waited for now."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code)
            self._protocol.data_to_send()

    def take(self, data: bytes) -> tuple[list[bytes | None], bytes, bool]:
        """Take bytes: (texts, what to answer, whether the peer has closed).

        A binary message stands as None among the texts. Raises ProtocolViolation.
        """
        if self.deaf:
            return [], b"", False
        protocol = self._protocol
        protocol.receive_data(data)
        texts: list[bytes | None] = []
        closed = False
        for frame in protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is CLOSE:
                closed = True
            elif frame.opcode is BINARY:
                texts.append(None)
            elif frame.opcode in (TEXT, CONT):
                texts.extend(self._assembled(frame))
        if isinstance(protocol.parser_exc, PayloadTooBig):
            code = CloseCode.BAD_REQUEST
            raise ProtocolViolation(
                code, websocket_close(code, "the message is too long")
            )
        answer = b"".join(protocol.data_to_send())
        if protocol.parser_exc is not None:
            sent = protocol.close_sent
            raise ProtocolViolation(sent.code if sent else 1002, answer)
        return texts, answer, closed

    def _assembled(self, frame: Frame) -> list[bytes]:
        """The message that ends with this frame, if one does."""
        if frame.opcode is TEXT:
            self._fragments = bytearray()
        if self._fragments is None:  # the rest of a binary message
            return []
        # Joined at once: empty fragments are no message too long, but a list of
        # them would grow for as long as they come.
        self._fragments += frame.data
        if not frame.fin:
            return []
        whole, self._fragments = bytes(self._fragments), None
        try:
            whole.decode()
        except UnicodeDecodeError:
            answer = websocket_close(1007, "text that is no UTF-8")
            raise ProtocolViolation(1007, answer) from None
        return [whole]

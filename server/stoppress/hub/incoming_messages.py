"""Inbound WebSocket messages of a reader: rare, small, parsed by the library.

Rules: `websockets` handles fragments, masks, pings and closes; its protocol object is
built at the first byte, in the state OPEN. A text has `max_message_bytes` at most,
inflated; a longer one, a binary message, or anything that is no op is a bad request.
Invalid frames close the connection as RFC 6455 says.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct, json
from websockets.exceptions import PayloadTooBig
from websockets.frames import BINARY, CLOSE, CONT, TEXT, Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import Malformed
from stoppress.domain.feed import check_slug
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.hub.deflate_negotiation import inflater
from stoppress.wire.close_codes import CloseCode
from stoppress.wire.encode_frames import websocket_close

MAX_TICKET = 500
"""Limit of a ticket, in characters; ours have about 180."""


class ReaderRequest(Struct, frozen=True):
    """The one kind of message a reader may send."""

    op: Literal["follow", "unfollow", "renew"]
    feed: str | None = None
    desk: str | None = None
    """Instead of `feed`: the feed whose desk log is meant."""
    cursor: str | None = None
    ticket: str | None = None


class ReaderOp(NamedTuple):
    """A message of a reader, checked; `ticket` is for the op `renew`."""

    op: str
    feed: str
    cursor: Cursor | None
    ticket: str = ""


def read_op(text: bytes | None) -> ReaderOp:
    """A message of a reader. Raises Malformed for anything that is no op."""
    if text is None:
        raise Malformed("a binary message; send JSON as text")
    try:
        op = json.decode(text, type=ReaderRequest)
    except UNDECODABLE as problem:
        raise Malformed(str(problem)) from None
    cursor = None if op.cursor is None else Cursor.parse(op.cursor)
    ticket = op.ticket or "" if op.op == "renew" else ""
    if op.op == "renew" and not 0 < len(ticket) <= MAX_TICKET:
        raise Malformed("the op renew needs a ticket")
    if (op.feed is None) == (op.desk is None):
        raise Malformed("an op needs a feed or a desk")
    if op.desk is not None:
        return ReaderOp(op.op, desk_log_of(check_slug(op.desk, "desk")), cursor, ticket)
    return ReaderOp(op.op, check_slug(op.feed or "", "feed"), cursor, ticket)


class ProtocolViolation(Exception):
    """The peer violated the WebSocket protocol or a limit.

    `code` is the close code, `answer` the bytes to send, with the close frame.
    """

    def __init__(self, code: int, answer: bytes) -> None:
        self.code = code
        self.answer = answer


class InboundMessages:
    """The inbound side of one WebSocket, from the first byte it receives."""

    __slots__ = ("_fragments", "_protocol", "discards_input")

    def __init__(self, max_message_bytes: int, *, deflated: bool = False) -> None:
        self._protocol = ServerProtocol(state=OPEN, max_size=max_message_bytes)
        if deflated:
            self._protocol.extensions = [inflater()]
        self._fragments: bytearray | None = None
        self.discards_input = False
        """Whether further input is read and discarded."""

    def close_sent(self, code: int) -> None:
        """Note that a close frame was sent: only the peer's close is awaited now."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code)
            self._protocol.data_to_send()

    def take(self, data: bytes) -> tuple[list[bytes | None], bytes, bool]:
        """Parse bytes: (texts, bytes to answer, whether the peer has closed).

        A binary message is None among the texts. Raises ProtocolViolation.
        """
        if self.discards_input:
            return [], b"", False
        protocol = self._protocol
        protocol.receive_data(data)
        texts: list[bytes | None] = []
        closed = False
        for frame in protocol.events_received():
            assert isinstance(frame, Frame)  # noqa: S101 (for the type checker)
            if frame.opcode is CLOSE:
                closed = True
            elif frame.opcode is BINARY:
                texts.append(None)
            elif frame.opcode in (TEXT, CONT):
                texts.extend(self._assembled(frame))
        if isinstance(protocol.parser_exc, PayloadTooBig):
            code = CloseCode.BAD_REQUEST
            raise ProtocolViolation(
                code,
                websocket_close(code, "the message is too long: send a shorter one"),
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
        if self._fragments is None:  # a continuation of a binary message
            return []
        # Joined at once: empty fragments never exceed the limit, but a list of them
        # would grow without bound.
        self._fragments += frame.data
        if not frame.fin:
            return []
        whole, self._fragments = bytes(self._fragments), None
        try:
            whole.decode()
        except UnicodeDecodeError:
            answer = websocket_close(1007, "the text is not UTF-8")
            raise ProtocolViolation(1007, answer) from None
        return [whole]

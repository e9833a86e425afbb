"""What a reader says, in whatever pieces it arrives."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import Malformed
from stoppress.hub.incoming_messages import (
    InboundMessages,
    ProtocolViolation,
    ReaderOp,
    read_op,
)


def _frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def _fed(pieces: list[bytes]) -> tuple[list[bytes | None], bytes, bool]:
    inbound = InboundMessages(4096)
    texts: list[bytes | None] = []
    answer, closed = b"", False
    for piece in pieces:
        new, said, ended = inbound.take(piece)
        texts += new
        answer += said
        closed = closed or ended
    return texts, answer, closed


SPEECH = (
    _frame(Opcode.TEXT, b"one")
    + _frame(Opcode.PING, b"?")
    + _frame(Opcode.TEXT, "tür".encode()[:2], fin=False)
    + _frame(Opcode.PONG, b"")
    + _frame(Opcode.CONT, "tür".encode()[2:])
    + _frame(Opcode.BINARY, b"\x00")
    + _frame(Opcode.CLOSE, (1000).to_bytes(2))
)


@given(st.lists(st.integers(0, len(SPEECH)), max_size=20))
def test_messages_in_pieces_are_read_alike(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(SPEECH)]
    pieces = [SPEECH[a:b] for a, b in zip(places, places[1:], strict=False)]
    texts, answer, closed = _fed([piece for piece in pieces if piece])
    assert texts == [b"one", "tür".encode(), None]
    assert answer == b"\x8a\x01?" + b"\x88\x02" + (1000).to_bytes(2)
    assert closed


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        _fed([data])
    except ProtocolViolation as broken:
        assert broken.code in (1002, 1007, 4400)
        # Pongs may come first, for pings before the broken frame.
        rest = broken.answer
        while rest[:1] == b"\x8a":
            rest = rest[2 + rest[1] :]
        assert rest[:1] == b"\x88"


@pytest.mark.parametrize("fin", [True, False])
def test_a_message_has_a_limit_in_one_piece_or_many(fin: bool) -> None:
    whole = [_frame(Opcode.TEXT, b"n" * 4097)]
    pieces = [
        _frame(Opcode.TEXT, b"n" * 4000, fin=False),
        _frame(Opcode.CONT, b"n" * 97),
    ]
    with pytest.raises(ProtocolViolation) as caught:
        _fed(whole if fin else pieces)
    assert caught.value.code == 4400
    assert _fed([_frame(Opcode.TEXT, b"n" * 4096)])[0] == [b"n" * 4096]


def test_pieces_of_nothing_are_not_kept() -> None:
    """They never make the message too long, so they must not pile up."""
    inbound = InboundMessages(4096)
    inbound.take(_frame(Opcode.TEXT, b"o", fin=False))
    inbound.take(_frame(Opcode.CONT, b"", fin=False) * 10_000)
    assert sys.getsizeof(inbound._fragments) < 4096
    assert inbound.take(_frame(Opcode.CONT, b"ne"))[0] == [b"one"]


def test_after_the_servers_close_only_the_peers_is_awaited() -> None:
    inbound = InboundMessages(4096)
    inbound.close_sent(4000)
    inbound.close_sent(4000)  # said once
    texts, answer, closed = inbound.take(_frame(Opcode.CLOSE, (4000).to_bytes(2)))
    assert (texts, answer, closed) == ([], b"", True)


def test_ops_are_read() -> None:
    asked = read_op(b'{"op":"follow","feed":"x","cursor":"k-3"}')
    assert asked == ReaderOp("follow", "x", Cursor("k", 3))
    asked = read_op(b'{"op":"renew","feed":"x","ticket":"st_1"}')
    assert asked == ReaderOp("renew", "x", None, "st_1")
    assert read_op(b'{"op":"unfollow","feed":"x","more":1}')[:2] == ("unfollow", "x")
    for junk in (None, b"", b"{", b"[]", b'{"op":"follow"}', b'{"op":1,"feed":"x"}'):
        with pytest.raises(Malformed):
            read_op(junk)
    for junk in (b'{"op":"\xff"}', b'{"op":"follow","feed":"x","y":' + b"[" * 3900):
        with pytest.raises(Malformed):
            read_op(junk)

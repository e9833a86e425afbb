"""What a hostile reader may say on a WebSocket: frames, fragments, junk.

Holds: nothing but `ProtocolViolation` is raised, with a code of RFC 6455 or ours; whole
or in pieces, the same is understood and answered; what is kept of an unfinished message
is bounded; each text is an op or `Malformed`.
"""

from __future__ import annotations

import random
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from stoppress.domain.errors import Malformed
from stoppress.hub.incoming_messages import InboundMessages, ProtocolViolation, read_op
from tests.fuzz.mutate import bent, json_of

MAX_MESSAGE = 4096
KEPT = 2 * MAX_MESSAGE
"""Bytes that may be kept of what is not finished, beside the piece that came last."""
OPS = (
    {"op": "follow", "feed": "x", "cursor": "k3v9-120"},
    {"op": "unfollow", "feed": "a-long-name-2"},
    {"op": "follow", "feed": "x"},
)
_CODES = frozenset((1002, 1007, 4400))
_BOMB = zlib.compress(bytes(1 << 20), wbits=-15)
Ending = tuple[list[bytes | None], bytes, int]
"""The texts, the answer, and how it ended: 0 it goes on, 1 closed, else the code."""


def session(chance: random.Random, inputs: int) -> Counter[str]:
    """So many speeches, each of a reader of its own."""
    seen: Counter[str] = Counter()
    for _ in range(inputs):
        deflated = chance.random() < 0.3
        heard(chance, speech(chance, deflated), deflated, seen)
    return seen


def heard(
    chance: random.Random, data: bytes, deflated: bool, seen: Counter[str]
) -> None:
    """One speech, whole and in pieces."""
    texts, answer, end = _heard(deflated, [data])
    pieces = list(_pieces(chance, data))
    again = _heard(deflated, pieces)
    if end <= 1:
        assert again == (texts, answer, end), (again, texts, answer, end, pieces)
    else:
        # What was understood before the break may have been acted on, or not.
        assert again[2] == end, (again, end, pieces)
    assert len(answer) <= len(data) + 256, "it answers more than it hears"
    seen[("open", "closed")[end] if end <= 1 else f"broken {end}"] += 1
    for text in texts:
        seen[_read(text)] += 1


def _read(text: bytes | None) -> str:
    try:
        op, feed, _, _ = read_op(text)
    except Malformed:
        return "malformed op"
    assert op in ("follow", "unfollow", "renew") and 1 <= len(feed) <= 80
    return "op"


def _heard(deflated: bool, pieces: Sequence[bytes]) -> Ending:
    inbound = InboundMessages(MAX_MESSAGE, deflated=deflated)
    texts: list[bytes | None] = []
    answer = b""
    for piece in pieces:
        try:
            new, said, closed = inbound.take(piece)
        except ProtocolViolation as broken:
            assert broken.code in _CODES or 1000 <= broken.code < 5000, broken.code
            assert b"\x88" in broken.answer, broken.answer  # after pongs, maybe
            return texts, answer, broken.code
        texts += new
        answer += said
        assert all(text is None or len(text) <= MAX_MESSAGE for text in new)
        kept = _kept(inbound)
        assert kept <= KEPT + len(piece), f"keeps {kept} bytes"
        if closed:
            return texts, answer, 1
    return texts, answer, 0


def _kept(inbound: InboundMessages) -> int:
    """Bytes that wait for the rest of a frame, or of a message."""
    waiting = inbound._protocol.reader.buffer
    return len(waiting) + sys.getsizeof(inbound._fragments)


def speech(chance: random.Random, deflated: bool) -> bytes:
    """Some frames that mostly follow on each other; in one case of three bent."""
    if chance.random() < 0.001:
        return _dribble(chance)
    frames = []
    unfinished = False
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        opcode = chance.choice(
            (0, 0, 0, 9) if unfinished else (1, 1, 1, 1, 2, 8, 9, 10)
        )
        fin = opcode >= 8 or chance.random() < 0.7
        if chance.random() < 0.03:
            opcode, fin = chance.randrange(16), chance.random() < 0.5
        if opcode < 8:
            unfinished = not fin
        frames.append(_frame(chance, opcode, fin, deflated))
    data = b"".join(frames)
    return bent(chance, data) if chance.random() < 0.33 else data


def _dribble(chance: random.Random) -> bytes:
    """A message that never ends, in pieces of nothing."""
    piece = b"\x00\x80" + bytes(4)
    return b"\x01\x80" + bytes(4) + piece * chance.randrange(1000, 4000)


def _frame(chance: random.Random, opcode: int, fin: bool, deflated: bool) -> bytes:
    payload = _payload(chance, opcode)
    first = opcode | (0x80 if fin else 0)
    if deflated and opcode == 1 and fin and chance.random() < 0.5:
        first |= 0x40
        pressed = zlib.compressobj(wbits=-15)
        payload = pressed.compress(payload) + pressed.flush(zlib.Z_SYNC_FLUSH)
        payload = _BOMB if chance.random() < 0.02 else payload[:-4]
    if chance.random() < 0.03:
        first |= chance.choice((0x10, 0x20, 0x40))
    length = len(payload)
    if chance.random() < 0.04:  # a length that is not true
        length = chance.choice((0, 1, 125, 126, 4096, 4097, 65_535, 1 << 40, 1 << 63))
    masked = 0x80 if chance.random() < 0.97 else 0
    if length > 65_535 or chance.random() < 0.01:
        head = struct.pack("!BBQ", first, masked | 127, length)
    elif length > 125 or chance.random() < 0.02:
        head = struct.pack("!BBH", first, masked | 126, length)
    else:
        head = bytes((first, masked | length))
    if not masked:
        return head + payload
    mask = chance.randbytes(4) if chance.random() < 0.5 else bytes(4)
    return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


def _payload(chance: random.Random, opcode: int) -> bytes:
    if opcode == 8:
        code = chance.choice((1000, 1001, 1005, 1006, 4000, 4400, 0, 65_535))
        text = code.to_bytes(2) + "güle güle ".encode() * 12
        return text[: chance.choice((0, 1, 2, 12, 123, 125, 126))]
    how = 4 + chance.randrange(4) if opcode >= 8 else chance.randrange(8)
    if how == 5 and opcode >= 8:
        return b"n" * chance.choice((0, 124, 125, 126))
    if how < 4:
        return json_of(chance, chance.choice(OPS))
    if how == 4:
        return "tür 🌊".encode()[: chance.randrange(10)]
    if how == 5:
        return b"n" * chance.choice((0, 125, 126, 4095, 4096, 4097, 9000))
    return chance.randbytes(chance.randrange(40))


def _pieces(chance: random.Random, data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = chance.choice((1, 2, 7, 100, 5000))
        yield data[at : at + size]
        at += size

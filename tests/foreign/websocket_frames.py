"""Cases for RFC 6455: frames of every kind, fragments, closes, limits."""

from __future__ import annotations

from collections.abc import Iterator

from tests.foreign.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
    in_pieces,
)
from tests.foreign.websocket_cases import (
    DEFLATE_BROKEN,
    FEEDS,
    HEARD,
    LIMIT,
    PROTOCOL,
    REFUSED,
    TOO_LONG,
    Case,
    fragments,
    op,
    padded,
)


def framing() -> Iterator[Case]:
    """1: lengths, and how they are written."""
    for size in (40, 125, 126, 127, 128, 1024, LIMIT):
        yield Case(f"1.1 a text of {size} bytes", frame(TEXT, padded(size)), (HEARD,))
    for size in (LIMIT + 1, 65_535, 65_536, 131_072):
        yield Case(f"1.1 a text of {size} bytes", frame(TEXT, padded(size)), (REFUSED,))
    yield Case(
        "1.1 a text in pieces of a byte", frame(TEXT, padded(126)), (HEARD,), piece=1
    )
    yield Case(
        "1.1 a text in pieces of 997 bytes",
        frame(TEXT, padded(LIMIT)),
        (HEARD,),
        piece=997,
    )
    yield Case("1.1 no text at all", frame(TEXT), (REFUSED,))
    for size in (0, 1, 125, 126, LIMIT):
        yield Case(f"1.2 {size} bytes, binary", frame(BINARY, b"\xfe" * size), (4400,))
    yield Case(
        "1.2 a binary message too long", frame(BINARY, bytes(65_536)), (REFUSED,)
    )
    for says in (LIMIT + 1, 1 << 31, 1 << 40):
        yield Case(
            f"1.3 a length of {says}, and nothing behind it",
            frame(TEXT, length_bytes=8, says=says),
            (REFUSED,),
        )
    yield Case(
        "1.3 a length with its highest bit set",
        frame(TEXT, length_bytes=8, says=1 << 63),
        (frozenset((PROTOCOL, REFUSED)),),
    )
    yield Case(
        "1.4 two messages in one segment",
        frame(TEXT, op("rfc-a")) + frame(TEXT, op("rfc-b")),
        ("rfc-a", "rfc-b"),
    )
    yield Case(
        "1.4 twenty messages in one segment",
        b"".join(frame(TEXT, op(FEEDS[n % 3])) for n in range(20)),
        tuple(FEEDS[n % 3] for n in range(20)),
    )
    for name, mask in (("zeros", bytes(4)), ("ones", b"\xff" * 4)):
        yield Case(f"1.5 a mask of {name}", frame(TEXT, op(), mask=mask), (HEARD,))
    for opcode, name in ((TEXT, "text"), (PING, "ping"), (CLOSE, "close")):
        yield Case(
            f"1.5 a {name} without a mask", frame(opcode, mask=None), (PROTOCOL,)
        )
    yield Case(
        "1.5 a text without a mask after one with",
        frame(TEXT, op()) + frame(TEXT, op("rfc-b"), mask=None),
        (HEARD, PROTOCOL),
    )


def pings() -> Iterator[Case]:
    """2: pings and pongs."""
    for name, payload in (
        ("nothing", b""),
        ("text", b"Hello, world!"),
        ("bytes", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"),
        ("125 bytes", b"\xfe" * 125),
    ):
        yield Case(f"2 a ping of {name}", frame(PING, payload), (payload,))
    yield Case(
        "2 a ping of 125 bytes, byte by byte",
        frame(PING, b"\xfe" * 125),
        (b"\xfe" * 125,),
        piece=1,
    )
    yield Case("2 a ping of 126 bytes", frame(PING, b"\xfe" * 126), (PROTOCOL,))
    yield Case("2 a ping of 65,536 bytes", frame(PING, bytes(65_536)), (TOO_LONG,))
    yield Case("2 a pong nobody asked for", frame(PONG), ())
    yield Case("2 a pong with text that nobody asked for", frame(PONG, b"here"), ())
    yield Case(
        "2 a pong nobody asked for, then a ping",
        frame(PONG, b"here") + frame(PING, b"there?"),
        (b"there?",),
    )
    yield Case("2 a pong of 126 bytes", frame(PONG, bytes(126)), (PROTOCOL,))
    ten = [b"payload-%d" % number for number in range(10)]
    for piece in (0, 1):
        yield Case(
            f"2 ten pings, {'byte by byte' if piece else 'in one segment'}",
            b"".join(frame(PING, each) for each in ten),
            tuple(ten),
            piece=piece,
        )
    yield Case(
        "2 a ping between two messages",
        frame(TEXT, op("rfc-a")) + frame(PING, b"?") + frame(TEXT, op("rfc-b")),
        ("rfc-a", b"?", "rfc-b"),
    )


def reserved_bits() -> Iterator[Case]:
    """3: bits that nobody has agreed on."""
    for bits in range(1, 8):
        yield Case(
            f"3 reserved bits {bits:03b} on a text",
            frame(TEXT, op(), reserved=bits),
            (PROTOCOL,),
        )
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        for bits in (1, 4):
            yield Case(
                f"3 reserved bits {bits:03b} on a {name}",
                frame(opcode, reserved=bits),
                (PROTOCOL,),
            )
    yield Case(
        "3 reserved bits on the third of three texts",
        frame(TEXT, op("rfc-a"))
        + frame(TEXT, op("rfc-b"))
        + frame(TEXT, op("rfc-c"), reserved=2),
        ("rfc-a", "rfc-b", PROTOCOL),
    )
    yield Case(
        "3 reserved bits on a continuation",
        frame(TEXT, op()[:5], fin=False) + frame(CONTINUATION, op()[5:], reserved=2),
        (PROTOCOL,),
    )


def opcodes() -> Iterator[Case]:
    """4: opcodes that mean nothing yet."""
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f"4 opcode {opcode}", frame(opcode), (PROTOCOL,))
    for opcode in (5, 12):
        yield Case(
            f"4 opcode {opcode}, with text, after a text",
            frame(TEXT, op()) + frame(opcode, op("rfc-b")) + frame(PING, b"?"),
            (HEARD, PROTOCOL),
        )
        yield Case(
            f"4 opcode {opcode}, byte by byte",
            frame(TEXT, op()) + frame(opcode, b"x"),
            (HEARD, PROTOCOL),
            piece=1,
        )


def fragmentation() -> Iterator[Case]:
    """5: messages in several frames."""
    first, second = op()[:9], op()[9:]
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        yield Case(
            f"5 a {name} in fragments", frame(opcode, b"", fin=False), (PROTOCOL,)
        )
    for piece in (0, 1):
        how = "byte by byte" if piece else "in one segment"
        yield Case(
            f"5 a text in two fragments, {how}",
            fragments(first, second),
            (HEARD,),
            piece=piece,
        )
        yield Case(
            f"5 a ping between two fragments, {how}",
            frame(TEXT, first, fin=False)
            + frame(PING, b"between")
            + frame(CONTINUATION, second),
            (b"between", HEARD),
            piece=piece,
        )
    yield Case(
        "5 a text in fragments of a byte",
        fragments(*in_pieces(op(), 1)),
        (HEARD,),
    )
    yield Case(
        "5 fragments without bytes", fragments(b"", first, b"", second, b""), (HEARD,)
    )
    yield Case("5 a thousand empty fragments", fragments(op(), *[b""] * 1000), (HEARD,))
    yield Case("5 fragments, all empty", fragments(b"", b"", b""), (REFUSED,))
    for fin in (True, False):
        yield Case(
            f"5 a continuation of nothing, final: {fin}",
            frame(CONTINUATION, op(), fin=fin),
            (PROTOCOL,),
        )
    yield Case(
        "5 a continuation after a whole text",
        frame(TEXT, op()) + frame(CONTINUATION, op("rfc-b")),
        (HEARD, PROTOCOL),
    )
    yield Case(
        "5 a continuation of nothing, then a text",
        frame(CONTINUATION, b"x", fin=False) + frame(TEXT, op()),
        (PROTOCOL,),
    )
    for opcode in (TEXT, BINARY):
        yield Case(
            f"5 opcode {opcode} where a continuation must come",
            frame(TEXT, first, fin=False) + frame(opcode, second),
            (PROTOCOL,),
        )
    yield Case(
        "5 pings and pongs between many fragments",
        frame(TEXT, op()[:4], fin=False)
        + frame(PING, b"1")
        + frame(CONTINUATION, op()[4:8], fin=False)
        + frame(PONG, b"2")
        + frame(PING, b"3")
        + frame(CONTINUATION, op()[8:]),
        (b"1", b"3", HEARD),
    )
    yield Case("5 binary in fragments", fragments(b"a", b"b", opcode=BINARY), (4400,))
    yield Case(
        "5 two messages in fragments",
        fragments(first, second) + fragments(op("rfc-b")[:3], op("rfc-b")[3:]),
        (HEARD, "rfc-b"),
    )


def closes() -> Iterator[Case]:
    """7: how a connection ends."""
    yield Case("7 a close without a code", frame(CLOSE), (None,))
    yield Case("7 a close with a code", close_frame(1000), (1000,))
    yield Case("7 a close with a reason", close_frame(1000, b"done"), (1000,))
    yield Case(
        "7 a close with a reason of 123 bytes", close_frame(1000, b"*" * 123), (1000,)
    )
    yield Case("7 a close of 126 bytes", close_frame(1000, b"*" * 124), (PROTOCOL,))
    yield Case("7 a close of one byte", frame(CLOSE, b"\x03"), (PROTOCOL,))
    yield Case(
        "7 a close with a reason that is no text",
        close_frame(1000, bytes.fromhex("cebae1bdb9cf83cebcceb5eda080")),
        (DEFLATE_BROKEN,),
    )
    yield Case("7 two closes", close_frame(1000) * 2, (1000,))
    yield Case("7 a ping after a close", close_frame(1000) + frame(PING), (1000,))
    yield Case("7 a text after a close", close_frame(1000) + frame(TEXT, op()), (1000,))
    yield Case(
        "7 a text before a close", frame(TEXT, op()) + close_frame(1000), (HEARD, 1000)
    )
    yield Case(
        "7 a close within a message",
        frame(TEXT, b"{", fin=False) + close_frame(1001),
        # The RFC leaves open whether a message may be left unfinished.
        (frozenset((1001, PROTOCOL)),),
    )
    yield Case("7 a close, byte by byte", close_frame(3000, b"x"), (3000,), piece=1)
    yield Case(
        "7 a quarter of a megabyte behind a close",
        close_frame(1000) + bytes(1 << 18),
        (1000,),
    )
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013):
        yield Case(f"7 code {code}", close_frame(code), (code,))
    for code in (1014, 3000, 3999, 4000, 4400, 4999):
        yield Case(f"7 code {code}", close_frame(code), (code,))
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535):
        yield Case(f"7 code {code}, which none may send", close_frame(code), (1002,))


def limits() -> Iterator[Case]:
    """9: limits hold for the message, however it comes."""
    half = b" " * (LIMIT // 2)
    yield Case(
        "9 fragments up to the limit",
        fragments(op(), half, b" " * (LIMIT // 2 - len(op()))),
        (HEARD,),
    )
    yield Case("9 fragments over the limit", fragments(op(), half, half), (REFUSED,))
    yield Case(
        "9 fragments over the limit, never ended",
        frame(TEXT, op(), fin=False) + frame(CONTINUATION, half, fin=False) * 2,
        (REFUSED,),
    )
    yield Case(
        "9 fragments of a byte over the limit",
        fragments(*in_pieces(padded(LIMIT + 1), 1)),
        (REFUSED,),
    )
    yield Case(
        "9 a fragment that announces too much",
        frame(TEXT, op(), fin=False)
        + frame(CONTINUATION, says=1 << 20, length_bytes=8),
        (REFUSED,),
    )
    yield Case("9 no JSON", frame(TEXT, b"hello"), (REFUSED,))
    yield Case("9 JSON nested deep", frame(TEXT, b"[" * LIMIT), (REFUSED,))
    yield Case("9 no op", frame(TEXT, b'{"op":"publish","feed":"x"}'), (REFUSED,))

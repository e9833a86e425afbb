"""Cases for RFC 6455 and RFC 7692: what is UTF-8, and what is compressed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.foreign.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    deflated,
    frame,
    in_pieces,
)
from tests.foreign.websocket_cases import (
    DEFLATE,
    DEFLATE_BROKEN,
    HEARD,
    LIMIT,
    NO_TEXT,
    PROTOCOL,
    REFUSED,
    TEXT_BAD,
    Case,
    fragments,
    op,
    padded,
)

VALID_TEXT = {
    "Greek": "κόσμε",
    "Arabic and an emoji": "ماء 🌊",
    "U+0080": "\u0080",
    "U+07FF": "\u07ff",
    "U+0800": "\u0800",
    "U+D7FF": "\ud7ff",
    "U+E000": "\ue000",
    "U+FFFD": "\ufffd",
    "U+FFFE": "\ufffe",
    "U+FFFF": "\uffff",
    "U+10000": "\U00010000",
    "U+10FFFE": "\U0010fffe",
    "U+10FFFF": "\U0010ffff",
    "U+007F": "\x7f",
}
INVALID_TEXT = (
    *("80", "bf", "80bf", "80bf80bf80bf", "c0", "c3", "df20", "e0a0", "ef20", "f09f98"),
    *("f020", "f7bfbfbf", "f888808080", "fc8480808080", "fe", "ff", "fefeffff"),
    *("c0af", "c1bf", "e080af", "e09fbf", "f08080af", "f08fbfbf", "f8808080af"),
    *("fc80808080af", "c080", "e08080", "f0808080", "eda080", "edadbf", "edae80"),
    *("edafbf", "edb080", "edbfbf", "eda080edb080", "edadbfedbfbf", "f4908080"),
    *("f5808080", "cebae1bdb9cf83cebcceb5eda080656469746564", "cebae1bdb9cf83cebcf0"),
)


def utf8() -> Iterator[Case]:
    """6: text is UTF-8, also where a fragment ends within a character."""
    before, after = TEXT_BAD
    for name, text in VALID_TEXT.items():
        data = text.encode("utf-8", "surrogatepass")
        yield Case(f"6 {name}", frame(TEXT, before + data + after), (HEARD,))
        if len(data) > 1:
            yield Case(
                f"6 {name}, in fragments that end within it",
                fragments(before + data[:1], data[1:-1], data[-1:] + after),
                (HEARD,),
            )
    for digits in INVALID_TEXT:
        data = bytes.fromhex(digits)
        yield Case(f"6 {digits}", frame(TEXT, before + data + after), (NO_TEXT,))
        yield Case(
            f"6 {digits}, in fragments of a byte",
            fragments(before, *in_pieces(data, 1), after),
            (NO_TEXT,),
        )
    yield Case(
        "6 a text that ends within a character, whole",
        frame(TEXT, before + b"\xe2\x82"),
        (NO_TEXT,),
    )
    yield Case(
        "6 a valid text, then one that is not",
        frame(TEXT, op()) + frame(TEXT, b"\xff"),
        (HEARD, NO_TEXT),
    )
    yield Case("6 a mark of byte order", frame(TEXT, b"\xef\xbb\xbf" + op()), (4400,))


def compression() -> Iterator[Case]:
    """12, 13: permessage-deflate."""
    whole = deflated(op())
    compressed = frame(TEXT, whole, reserved=4)
    yield Case("12 a compressed text", compressed, (HEARD,), offer=DEFLATE)
    yield Case(
        "12 a compressed text, byte by byte", compressed, (HEARD,), 1, offer=DEFLATE
    )
    yield Case("12 a plain text", frame(TEXT, op()), (HEARD,), offer=DEFLATE)
    yield Case(
        "12 two compressed texts, each alone",
        compressed + frame(TEXT, deflated(op("rfc-b")), reserved=4),
        (HEARD, "rfc-b"),
        offer=DEFLATE,
    )
    yield Case(
        "12 compressed and plain in turn",
        compressed + frame(TEXT, op("rfc-b")) + compressed,
        (HEARD, "rfc-b", HEARD),
        offer=DEFLATE,
    )
    yield Case(
        "12 a compressed text in fragments",
        fragments(*in_pieces(whole, 7), reserved=4),
        (HEARD,),
        offer=DEFLATE,
    )
    yield Case(
        "12 a ping between compressed fragments",
        frame(TEXT, whole[:9], fin=False, reserved=4)
        + frame(PING, b"?")
        + frame(CONTINUATION, whole[9:]),
        (b"?", HEARD),
        offer=DEFLATE,
    )
    yield Case(
        "12 a compressed text of 4,096 bytes",
        frame(TEXT, deflated(padded(LIMIT)), reserved=4),
        (HEARD,),
        offer=DEFLATE,
    )
    yield Case(
        "12 a compressed text of 4,097 bytes",
        frame(TEXT, deflated(padded(LIMIT + 1)), reserved=4),
        (REFUSED,),
        offer=DEFLATE,
    )
    yield Case(
        "12 a megabyte in a kilobyte",
        frame(TEXT, deflated(bytes(1 << 20)), reserved=4),
        (REFUSED,),
        offer=DEFLATE,
    )
    yield Case(
        "12 a compressed text of no bytes",
        frame(TEXT, deflated(b""), reserved=4),
        (REFUSED,),
        offer=DEFLATE,
    )
    yield Case(
        "12 what can't be inflated",
        frame(TEXT, b"\xff\xff\xff\xff", reserved=4),
        (DEFLATE_BROKEN,),
        offer=DEFLATE,
    )
    yield Case(
        "12 no UTF-8 once inflated",
        frame(TEXT, deflated(b"\xed\xa0\x80"), reserved=4),
        (NO_TEXT,),
        offer=DEFLATE,
    )
    yield Case(
        "12 compressed binary",
        frame(BINARY, deflated(b"x"), reserved=4),
        (REFUSED,),
        offer=DEFLATE,
    )
    yield Case(
        "12 a compressed ping", frame(PING, reserved=4), (PROTOCOL,), offer=DEFLATE
    )
    yield Case(
        "12 a compressed close", frame(CLOSE, reserved=4), (PROTOCOL,), offer=DEFLATE
    )
    yield Case(
        "12 the bit on a continuation",
        frame(TEXT, whole[:5], fin=False, reserved=4)
        + frame(CONTINUATION, whole[5:], reserved=4),
        (PROTOCOL,),
        offer=DEFLATE,
    )
    for bits in (1, 2, 5, 6):
        yield Case(
            f"12 reserved bits {bits:03b} beside the agreed one",
            frame(TEXT, whole, reserved=bits),
            (PROTOCOL,),
            offer=DEFLATE,
        )
    for offer in (
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
        "permessage-deflate; server_max_window_bits=9, permessage-deflate",
    ):
        yield Case(f"13 {offer}", compressed, (HEARD,), offer=offer)
    for offer in ("permessage-bzip2", "permessage-deflate; server_max_window_bits=9"):
        yield Case(f"13 {offer}: not agreed", compressed, (PROTOCOL,), offer=offer)

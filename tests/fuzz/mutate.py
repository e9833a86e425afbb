"""Inputs that are nearly right: what a parser takes, bent in a few places.

Rules: all chance is the caller's generator's, so that a seed repeats every input.
Bytes are bent blindly; JSON also in its structure, so that what is wrong lies deeper
than the first brace.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

ODD: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**53, 2**64, -(2**63) - 1, 1e308, 0.1),
    *("", " ", "\x00", "\ud800", "\ufffe", "x" * 301, "🌊" * 100, "a" * 5000),
    *("2026-11-24T10:00:00Z", "9999-12-31T23:59:60+23:59", "0001-01-01T00:00:00Z"),
    *("javascript:alert(1)", "https://x.example/", "//x", "<script>", "*", "_" * 70),
    *([], {}, [[]], {"": {}}, [None] * 25, {"note": None}),
)
"""Values that are seldom thought of."""
WORDS = (
    *(b'"', b"{", b"}", b"[" * 400, b"]", b",", b":", b"\\", b"\\u0000", b"\\ud83d"),
    *(
        b"\xff",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x8c\x8a",
        b"\x00",
        b"\r\n",
        b"null",
        b"1e999",
    ),
    *(b"-", b"@", b"%", b"%00", b"&", b"=", b";", b"  ", b"0", b"9" * 5000, b"NaN"),
)
"""Pieces that mean something to one parser or another."""
LONGEST = 1 << 17
"""Bytes of an input, at most: twice the longest body that is taken."""


def bent(chance: random.Random, data: bytes, words: Sequence[bytes] = WORDS) -> bytes:
    """The same, changed in one to four places."""
    out = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        size = len(out)
        at = chance.randrange(size + 1)
        how = chance.randrange(8)
        if how == 0 and at < size:
            out[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            out[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif how == 2:
            del out[at : at + chance.randrange(1, 9)]
        elif how == 3:
            del out[at:]
        elif how == 4:
            out[at:at] = out[at : at + chance.randrange(1, 65)]
        elif how == 5 and at < size:
            out[at] = chance.randrange(256)
        else:
            out[at:at] = chance.choice(words)
    return bytes(out[:LONGEST])


def bent_json(chance: random.Random, value: object, depth: int = 0) -> object:
    """The same JSON value, changed in one place, somewhere inside."""
    if depth > 6 or not isinstance(value, dict | list) or not chance.randrange(6):
        return _other(chance, value)
    if isinstance(value, list):
        if not value:
            return [chance.choice(ODD)]
        at = chance.randrange(len(value))
        inner = bent_json(chance, value[at], depth + 1)
        return [*value[:at], inner, *value[at + 1 :]]
    names = list(value)
    if not names:
        return {chance.choice(("op", "id", "title", "")): chance.choice(ODD)}
    name = chance.choice(names)
    how = chance.randrange(8)
    if how == 0:
        return {other: value[other] for other in names if other != name}
    if how == 1:
        return {**value, chance.choice(("x", "", "rev", name + "s")): value[name]}
    return {**value, name: bent_json(chance, value[name], depth + 1)}


def _other(chance: random.Random, value: object) -> object:
    how = chance.randrange(6)
    if how == 0:
        return [value] * chance.randrange(3)
    if how == 1:
        return {"x": value}
    if how == 2 and isinstance(value, str):
        place = chance.randrange(len(value) + 1)
        return value[:place] + chance.choice(("\x00", "é", "-", " ", "\ud800", "9"))
    if how == 3 and isinstance(value, int):
        return value + chance.choice((-1, 1, 1 << 60))
    return chance.choice(ODD)


def json_of(chance: random.Random, value: object) -> bytes:
    """JSON that is right in one case of four, else bent in structure, bytes or both."""
    how = chance.randrange(4)
    if how in (1, 3):
        for _ in range(chance.randrange(1, 4)):
            value = bent_json(chance, value)
    data = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode(
        errors="surrogatepass"
    )
    return bent(chance, data) if how in (2, 3) else data

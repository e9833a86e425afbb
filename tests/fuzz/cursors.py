"""Texts where a cursor, a mark or the feeds of a live line are expected.

Holds: read, or refused as `Malformed`, and nothing else; what was read is written as
it was, so no two texts are one place.
"""

from __future__ import annotations

import random
from collections import Counter

from stoppress.domain.cursor import MAX_SEQ, Cursor
from stoppress.domain.errors import Malformed
from stoppress.web.line.decide_live_admission import wanted
from stoppress.web.paginate_posts_as_json import mark_text, parse_mark
from tests.fuzz.mutate import bent

RIGHT = (b"k3v9-120", b"e-0", b"0-9007199254740991", b"a" * 32 + b"-1", b"x@k3v9-7")
MARK = b"MTc5NTMzOTgwMDAwMC4wMWhxM2V4YW1wbGU"
WORDS = (b"-", b"@", b"0", b"9007199254740992", b"\xd9\xa1", b"A", b"\n", b"\x00", b"=")


def session(chance: random.Random, inputs: int) -> Counter[str]:
    """So many texts, each read as all three."""
    seen: Counter[str] = Counter()
    for _ in range(inputs):
        right = MARK if chance.random() < 0.2 else chance.choice(RIGHT)
        data = right if chance.random() < 0.1 else bent(chance, right, WORDS)
        text = data.decode("latin-1" if chance.random() < 0.3 else "utf-8", "replace")
        read(chance, text, seen)
    return seen


def read(chance: random.Random, text: str, seen: Counter[str]) -> None:
    """One text, as all three."""
    try:
        cursor = Cursor.parse(text)
    except Malformed as wrong:
        assert len(str(wrong)) < 500, "the error is as long as what was sent"
        seen["no cursor"] += 1
    else:
        assert str(cursor) == text and 0 <= cursor.seq <= MAX_SEQ, cursor
        seen["cursor"] += 1
    seen[_feeds(chance, text)] += 1
    try:
        mark = parse_mark(text)
    except Malformed:
        seen["no mark"] += 1
    else:
        assert parse_mark(mark_text(mark)) == mark
        seen["mark"] += 1


def _feeds(chance: random.Random, text: str) -> str:
    given = [text] * chance.choice((1, 1, 1, 2, 33)) + ["x"] * chance.randrange(2)
    try:
        found = wanted(given)
    except Malformed:
        return "no feeds"
    assert len(found) == len(given) <= 32
    for value, (slug, cursor) in zip(given, found, strict=True):
        assert value == (slug if cursor is None else f"{slug}@{cursor}"), value
    return "feeds"

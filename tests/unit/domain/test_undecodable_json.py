"""What decoders of JSON raise is caught, whatever the bytes."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest

from stoppress.domain.undecodable_json import UNDECODABLE


class Known(msgspec.Struct):
    """A struct; other members are skipped."""

    body: str = ""


DECODERS = (msgspec.json.Decoder(), msgspec.json.Decoder(Known))

BODIES = (
    b"",
    b"{no JSON",
    b'{"body":1}',
    b'{"body":"\xff"}',
    b'{"body":"\\ud800"}',
    b"[" * 5000,
    b'{"other":' + b"[" * 5000,
)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
def test_undecodable_bytes_raise_nothing_else(body: bytes) -> None:
    for decoder in DECODERS:
        with suppress(*UNDECODABLE):
            decoder.decode(body)
    with pytest.raises(UNDECODABLE):
        DECODERS[1].decode(body)

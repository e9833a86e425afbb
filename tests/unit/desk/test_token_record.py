"""Token records are created, decoded and listed."""

from __future__ import annotations

import logging

import msgspec
import pytest

from stoppress.desk.token_record import (
    TokenInput,
    caller_of,
    decode_record,
    listed_token,
    new_record,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.timestamps import instant

NOW = 1_800_000_000_000
LATER = b"""{"id":"a","name":"x","scopes":["write","sing"],"feeds":["quay"],
    "created_at":"2026-11-22T09:20:00.000Z","more":"2027"}"""


def test_a_new_record_is_decoded_unchanged() -> None:
    """Its id is derived from the secret, which the record does not hold."""
    draft = TokenInput(("publish",), feeds=("quay",), expires_at="2100-01-01T00:00:00Z")
    record = new_record("sp_secret", draft, NOW)
    data = msgspec.json.encode(record)
    assert decode_record(data) == record
    assert b"sp_secret" not in data
    caller = caller_of("digest", record)
    assert (caller.id, caller.credential) == (record.id, "digest")
    assert caller.may("publish", "quay") and not caller.may("publish", "bridge")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (TokenInput(("read", "read")), "scopes"),
        (TokenInput(("read",), feeds=("quay", "**")), "feeds[1]"),
        (TokenInput(("read",), expires_at="2001-01-01T00:00:00Z"), "expires_at"),
        (TokenInput(("read",), expires_at="soon"), "expires_at"),
        # The year 10000, rounded or in UTC, and before 1970.
        (TokenInput(("read",), expires_at="9999-12-31T23:59:59.9999Z"), "expires_at"),
        (TokenInput(("read",), expires_at="9999-12-31T23:59:59-00:01"), "expires_at"),
        (TokenInput(("read",), expires_at="0001-01-01T00:00:00+01:00"), "expires_at"),
    ],
)
def test_an_invalid_input_makes_no_record(draft: TokenInput, field: str) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        new_record("sp_secret", draft, NOW)
    assert error.value.field == field


def test_the_last_time_that_is_written_is_an_expiry() -> None:
    """In its canonical form; a moment that is now is over."""
    last = TokenInput(("read",), expires_at="9999-12-31T23:59:59.9994Z")
    assert new_record("sp_secret", last, NOW).expires_at == "9999-12-31T23:59:59.999Z"
    soon = TokenInput(("read",), expires_at=instant(NOW + 1))
    assert new_record("sp_secret", soon, NOW).expires_at == instant(NOW + 1)
    with pytest.raises(Invalid):
        new_record("sp", TokenInput(("read",), expires_at=instant(NOW)), NOW)


def test_unknown_scopes_of_a_record_are_ignored() -> None:
    """`write` of earlier releases means `manage`; the last use is a minute."""
    record = decode_record(LATER)
    assert record is not None
    assert caller_of("digest", record).scopes == ("manage",)
    assert listed_token(record, None).last_used_at is None
    assert listed_token(record, 1).last_used_at == "1970-01-01T00:01:00.000Z"


@pytest.mark.parametrize(
    "data",
    [b"", b'{"id":1}', LATER[:-1] + b',"expires_at":"?"}', b'{"x":' + b"[" * 5000],
)
def test_a_damaged_record_is_logged(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Its token counts as unknown."""
    with caplog.at_level(logging.ERROR, "stoppress.desk.token_record"):
        assert decode_record(data) is None
    assert "record is damaged" in caplog.text

"""An entry of the inbox is signed as the documentation says."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from stoppress.domain.errors import Invalid
from stoppress.domain.signed_redis_inbox_entry import (
    MAX_SKEW_MS,
    InboxEntry,
    read_inbox_entry,
    signature,
    signed_entry,
    token_digest,
)

POST = '{"body": "Traffic moves.\\n"}'
NOW = 1_764_400_000_000


def raw(**changed: str | None) -> dict[bytes, bytes]:
    """The fields of a good entry, as Redis gives them, with changes."""
    fields = signed_entry("sp_secret", "quay", POST, NOW) | changed
    return {k.encode(): v.encode() for k, v in fields.items() if v is not None}


def entry(**changed: str) -> InboxEntry:
    """A read entry."""
    return read_inbox_entry(f"{NOW}-0", raw(**changed))


def test_the_documented_signature() -> None:
    """With nothing of ours: what the documentation describes."""
    key = hashlib.sha256(b"sp_secret").hexdigest()
    signed = f"1764400000000\nquay\n{POST}".encode()
    made = signed_entry("sp_secret", "quay", POST, NOW)
    assert made == {
        "key": key[:16],
        "at": "1764400000000",
        "feed": "quay",
        "post": POST,
        "mac": hmac.new(key.encode(), signed, hashlib.sha256).hexdigest(),
    }
    assert "sp_secret" not in str(made)


def test_each_part_is_signed() -> None:
    """Also where one field ends and the next begins."""
    digest = token_digest("sp_secret")
    assert entry().is_signed_with(digest)
    assert entry(mac=entry().mac.upper()).is_signed_with(digest)
    assert not entry().is_signed_with(token_digest("sp_other"))
    for changed in ({"at": str(NOW + 1)}, {"feed": "qua"}, {"post": "{}"}):
        assert not entry(**changed).is_signed_with(digest)
    assert signature(digest, "1", "quay", b"{}") != signature(
        digest, "1", "qua", b"y{}"
    )


@pytest.mark.parametrize("off", [-MAX_SKEW_MS, 0, MAX_SKEW_MS])
def test_the_clock_may_be_minutes_off(off: int) -> None:
    """Either way, compared with the moment at which Redis took the entry."""
    assert entry(at=str(NOW + off)).taken_ms == NOW


@pytest.mark.parametrize(
    ("field", "changed", "reason"),
    [
        ("token", {"token": "sp_secret"}, "revoke that token"),
        ("key", {"key": None, "token": None}, "is missing"),
        ("at", {"at": None}, "is missing"),
        ("post", {"post": None}, "is missing"),
        ("mac", {"mac": None}, "is missing"),
        ("mac", {"mac": "ab"}, "64 digits"),
        ("mac", {"mac": "é" * 64}, "64 digits"),
        ("at", {"at": ""}, "in digits"),
        ("at", {"at": "-1"}, "in digits"),
        ("at", {"at": "٣" * 13}, "in digits"),
        ("at", {"at": str(NOW + MAX_SKEW_MS + 1)}, "300 s from"),
        ("at", {"at": str(NOW - MAX_SKEW_MS - 1)}, "300 s from"),
        ("at", {"at": str(NOW // 1000)}, "set the clock"),
    ],
)
def test_an_entry_that_is_not_well_formed(
    field: str, changed: dict[str, str | None], reason: str
) -> None:
    """It is refused with the field and what to do, and without the token."""
    with pytest.raises(Invalid) as refused:
        read_inbox_entry(f"{NOW}-0", raw(**changed))
    assert refused.value.field == field
    assert reason in str(refused.value)
    assert "sp_secret" not in str(refused.value)

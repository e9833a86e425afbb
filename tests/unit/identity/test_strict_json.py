"""JSON that two parsers could read differently is refused."""

from __future__ import annotations

import pytest

from stoppress.identity.strict_json import MAX_DEPTH, AmbiguousJson, read_object


def test_an_object_is_read() -> None:
    """As any parser does."""
    raw = '{"a": {"b": [1, 2.5, null, "ü"]}}'.encode()
    assert read_object(raw) == {"a": {"b": [1, 2.5, None, "ü"]}}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"a": 1} x',
        b"{'a': 1}",
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":' * 5000,
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ["\\ud800"]}',
        b'{"\\udc00": 1}',
    ],
)
def test_ambiguous_json_is_refused(raw: bytes) -> None:
    """Whatever its depth or length."""
    with pytest.raises(AmbiguousJson):
        read_object(raw)

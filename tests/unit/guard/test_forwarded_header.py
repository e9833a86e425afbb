"""What proxies say in the header Forwarded, and what nobody said."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stoppress.guard.forwarded_header import MAX_FORWARDED, elements


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        (" , ;,", []),
        ("for=192.0.2.1", [{"for": "192.0.2.1"}]),
        (
            'For="[2001:db8::1]:47";PROTO=https, for=unknown',
            [{"for": "[2001:db8::1]:47", "proto": "https"}, {"for": "unknown"}],
        ),
        # As many write them.
        (
            "for=a ; host=n.example:8 ,by=b",
            [{"for": "a", "host": "n.example:8"}, {"by": "b"}],
        ),
        (";for=a;", [{"for": "a"}]),
        ("for=", [{"for": ""}]),
        # Nothing within a value begins another pair or element.
        ("host=for=6.6.6.6;for=a", [{"host": "for=6.6.6.6", "for": "a"}]),
        (
            'host="for=6.6.6.6, for=7;x=";for=a',
            [{"host": "for=6.6.6.6, for=7;x=", "for": "a"}],
        ),
        (r'by="a\",for=6.6.6.6;\\";for=a', [{"by": 'a",for=6.6.6.6;\\', "for": "a"}]),
        ("xfor=1;x-for=2", [{"xfor": "1", "x-for": "2"}]),
    ],
)
def test_pairs_by_the_proxy_that_says_them(
    header: str, expected: list[dict[str, str]]
) -> None:
    assert elements(header) == expected


@pytest.mark.parametrize(
    "text",
    [
        "for",
        "=a",
        "for a",
        "for = a",
        "for=a b",
        "for=a;for=b",
        "for=a;FOR=a",
        'for="a"b',
        'for=a"b"',
        '"for=a"',
        'for="a,for=b";x',
        "f\xf6r=a",
    ],
)
def test_a_malformed_element_stays_in_its_place(text: str) -> None:
    """So that none before it is taken for it."""
    assert elements(text) == [None]
    before, behind = {"for": "b"}, {"for": "c"}
    assert elements(f"for=b, {text}, for=c") == [before, None, behind]


@pytest.mark.parametrize("text", ['for="a', 'for="a\\"', 'for="a\\', '"', 'for=a"'])
def test_a_quote_that_nothing_ends_has_the_rest(text: str) -> None:
    assert elements(f"for=b, {text}, for=c") == [{"for": "b"}, None]
    assert elements(text) == [None]


def test_a_long_header_is_not_read() -> None:
    longest = "for=a," * (MAX_FORWARDED // 6)
    assert set(map(str, elements(longest))) == {"{'for': 'a'}"}
    assert elements(longest.ljust(MAX_FORWARDED + 1)) == [None]


VALUES = st.text(st.characters(max_codepoint=255), max_size=20)


def quoted(value: str) -> str:
    """A value as a quoted string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4))
def test_every_quoted_value_is_read_as_it_was(said: list[tuple[str, str]]) -> None:
    header = ", ".join(f"for={quoted(one)};By={quoted(two)}" for one, two in said)
    assert elements(header) == [{"for": one, "by": two} for one, two in said]


HOSTILE = st.text(st.sampled_from('for=6.,; "\\\tx'), max_size=60)


@given(HOSTILE, HOSTILE)
@example('x="', "")
@example('x="', ", for=6.6.6.6")
def test_no_text_before_a_proxys_element_forges_it(text: str, host: str) -> None:
    """A client writes the begin, and what the proxy quotes: the last element is the
    proxy's, or malformed."""
    own = {"for": "[2001:db8::1]", "host": host}
    last = elements(f'{text}, for="[2001:db8::1]";host={quoted(host)}')[-1]
    assert last is None or last == own

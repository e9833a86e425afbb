"""Which credential a request brings: the whole table, without a server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from stoppress.web.credential import (
    Credential,
    CredentialKind,
    cookies_in,
    credential_of,
)

COOKIE = "__Host-stoppress_desk"
OURS = "https://live.example.org"
DESK = {"cookie": f"{COOKIE}=sps_desk"}
SIBLING = {"origin": "https://blog.example.org", "host": "live.example.org"}
READS = Credential(CredentialKind.COOKIE, "sps_desk", may_write=False)
WRITES = Credential(CredentialKind.COOKIE, "sps_desk", may_write=True)
NOBODY = Credential(CredentialKind.NONE)
LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def found(headers: dict[str, str], **more: Any) -> Credential:
    """The credential of a request with these headers."""
    return credential_of(headers.get, OURS, COOKIE, **more)


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, None, NOBODY),
        ({}, "", NOBODY),
        ({}, "sp_q", Credential(CredentialKind.QUERY, "sp_q")),
        (
            {"authorization": "Bearer sp_b"},
            None,
            Credential(CredentialKind.BEARER, "sp_b"),
        ),
        (
            {"authorization": "bEARER  sp_b "},
            "sp_q",
            Credential(CredentialKind.BEARER, "sp_b"),
        ),
        ({"authorization": "Bearer"}, None, Credential(CredentialKind.BEARER, "")),
        (
            {"authorization": "Basic eDp5"},
            "sp_q",
            Credential(CredentialKind.MALFORMED, "Basic"),
        ),
        ({"authorization": ""} | DESK, None, Credential(CredentialKind.MALFORMED, "")),
        (DESK, "sp_q", Credential(CredentialKind.QUERY, "sp_q")),
        (DESK, None, READS),
        ({"cookie": "a=b; c=d"}, None, NOBODY),
        ({"cookie": f"{COOKIE}="}, None, NOBODY),
        ({"cookie": f"{COOKIE}=sp_desk"}, None, NOBODY),
        ({"cookie": "stoppress_desk=sps_desk"}, None, NOBODY),
        ({}, "sps_desk", Credential(CredentialKind.QUERY, "")),
        (
            {"authorization": "Bearer sps_desk"},
            None,
            Credential(CredentialKind.BEARER, ""),
        ),
        ({"cookie": f"x{COOKIE}=sps_desk"}, None, NOBODY),
        ({"cookie": f"a=b; {COOKIE}=sps_desk; c=d"}, None, READS),
        ({"cookie": f'{COOKIE}="sps_desk"'}, None, READS),
    ],
)
def test_the_header_precedes_the_query_and_the_cookie(
    headers: dict[str, str], query: str | None, expected: Credential
) -> None:
    """The header beats the query, and the query the cookie."""
    assert found(headers, query_token=query) == expected


@pytest.mark.parametrize(
    ("headers", "reads", "writes"),
    [
        ({}, True, False),
        ({"sec-fetch-site": "same-origin"}, True, True),
        ({"sec-fetch-site": "same-origin", "origin": OURS}, True, True),
        ({"sec-fetch-site": "none"}, True, False),
        ({"sec-fetch-site": "same-site"}, False, False),
        ({"sec-fetch-site": "cross-site"}, False, False),
        ({"origin": OURS}, True, True),
        (
            {"origin": "https://at.proxy", "host": "at.proxy"},
            True,
            True,
        ),
        (
            {"origin": "http://live.example.org", "host": "live.example.org"},
            False,
            False,
        ),
        (SIBLING, False, False),
        (SIBLING | {"sec-fetch-site": "same-site"}, False, False),
        (SIBLING | {"sec-fetch-site": "none"}, False, False),
        ({"origin": "null"}, False, False),
        ({"origin": "https://["}, False, False),
        ({"origin": "null", "host": ""}, False, False),
        ({"origin": f"{OURS}.evil.example"}, False, False),
        ({"origin": OURS, "sec-fetch-site": "cross-site"}, False, False),
    ],
)
def test_a_cookie_counts_for_our_own_origin(
    headers: dict[str, str], reads: bool, writes: bool
) -> None:
    """For reads too; a write that is not ours is known, and refused by who asks."""
    given = DESK | headers
    assert found(given) == (READS if reads else NOBODY)
    assert found(given, method="HEAD") == (READS if reads else NOBODY)
    assert found(given, method="POST") == (WRITES if writes else READS)


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_link_opens_the_desk_and_nothing_else(site: str) -> None:
    given = DESK | LINK | {"sec-fetch-site": site}
    assert found(given, from_link=True) == READS
    assert found(given) == NOBODY
    for change in ({"sec-fetch-dest": "iframe"}, {"sec-fetch-mode": "no-cors"}):
        assert found(given | change, from_link=True) == NOBODY


def test_a_ticket_in_the_query_is_a_ticket() -> None:
    """Nothing else is, however it is written; blanks are no part of it."""
    for given, secret in (
        ("st_a", "st_a"),
        (" st_a\t", "st_a"),
        ("sp_a", ""),
        ("sps_a", ""),
        ("ey.a.b", ""),
        ("x", ""),
    ):
        expected = Credential(CredentialKind.QUERY, secret)
        assert found(DESK, query_ticket=given) == expected
        assert found({"authorization": f"Ticket {given}"}) == expected
        assert found({}, query_ticket=given, query_token="sp_b") == expected
    for empty in (None, "", " "):
        assert found(DESK, query_ticket=empty) == READS
        assert found({}, query_ticket=empty, query_token="sp_b").secret == "sp_b"


@pytest.mark.parametrize("blank", ["", " ", "\t", "\x1c"])
def test_blanks_around_a_secret_change_nothing(blank: str) -> None:
    session = f"{blank}sps_a{blank}"
    assert found({}, query_token=session) == Credential(CredentialKind.QUERY, "")
    assert found({"authorization": f"Bearer {session}"}).secret == ""
    assert found({}, query_token=f"{blank}st_a{blank}").secret == "st_a"


@pytest.mark.parametrize(
    ("cookies", "secret", "ticket"),
    [
        (f"{COOKIE}=sps_a; stoppress_ticket=st_b", "sps_a", "st_b"),
        (f"stoppress_ticket=st_b; {COOKIE}=sps_a", "sps_a", "st_b"),
        (f"{COOKIE}=sps_a; stoppress_ticket=sp_b", "sps_a", ""),
        (f"{COOKIE}=st_a; stoppress_ticket=st_b", "st_b", ""),
        ("stoppress_ticket=st_b", "st_b", ""),
        ("stoppress_ticket=sps_b", "", ""),
    ],
)
def test_a_ticket_stands_behind_a_session(
    cookies: str, secret: str, ticket: str
) -> None:
    """For reads, from our own pages: no write counts by a ticket."""
    given = {"cookie": cookies}
    read = found(given)
    assert (read.secret, read.ticket) == (secret, ticket)
    assert found(given, method="POST").ticket == ""
    assert found(given | SIBLING) == NOBODY


def test_a_cookie_may_be_unknown_and_a_token_may_not() -> None:
    must = {kind: Credential(kind).must_be_known for kind in CredentialKind}
    assert {kind.value for kind, known in must.items() if known} == {
        "bearer",
        "query",
        "malformed",
    }


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        (" a = 1 ;b=2;; c", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ('a="1"', {"a": "1"}),
        ('a="', {"a": '"'}),
        ("a=", {"a": ""}),
        (r'a="\073\""', {"a": r"\073\""}),
    ],
)
def test_the_cookies_of_a_header(header: str, expected: dict[str, str]) -> None:
    """By name; escapes stay."""
    assert cookies_in(header) == expected


def test_no_other_parser_reads_cookies() -> None:
    """That of Starlette decodes escapes, in quadratic time with older Pythons."""
    parsers = re.compile(r"cookie_parser|(request|connection)\.cookies\b|SimpleCookie")
    modules = (Path(__file__).parents[3] / "server" / "stoppress").rglob("*.py")
    assert [str(one) for one in modules if parsers.search(one.read_text("utf-8"))] == []

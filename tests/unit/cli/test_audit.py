"""`stoppress audit`."""

from __future__ import annotations

import json

from tests.unit.cli.site import Site


def test_the_audit_is_exported_as_lines(site: Site) -> None:
    """Page by page, as `next` says; or so many."""
    entries = [{"at": f"2026-11-28T10:00:0{n}Z", "who": "t1"} for n in range(3)]
    first, second = "GET /v1/audit?limit=200", "GET /v1/audit?before=5-0.x&limit=200"
    rest = second.removeprefix("GET ")
    site.answers[first] = 200, {"entries": entries[:2], "next": rest}
    site.answers[second] = 200, {"entries": entries[2:], "next": None}
    code, said, _ = site.run("audit")
    assert code == 0
    assert [json.loads(line) for line in said.splitlines()] == entries
    assert len(site.run("audit", "--most", "1")[1].splitlines()) == 1
    of_feed = "GET /v1/audit?limit=200&feed=x"
    site.answers[of_feed] = 200, {"entries": [], "next": None}
    assert site.run("audit", "--feed", "x") == (0, "", "")
